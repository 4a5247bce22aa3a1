"""Errors of catalogues and of rendering them. Every one tells the user the next step.

ParcelRayError
├── RenderError               images cannot be rendered
│   ├── RecipeError           the recipe holds an unknown key or a value out of range
│   ├── InsertionError        a scan takes no threat
│   └── JobError              the folder holds something else than this job's half-done work
└── CatalogueError            a catalogue, or what was to become one, cannot be used
    ├── AnnotationError       a record, box or key in it is not what the format says
    ├── UnknownLabelError     a label outside the taxonomy, with the way to map it
    └── ResearchOnlyError     its images may not be trained on without the user's word
"""

from __future__ import annotations

from detector.errors import ParcelRayError

__all__ = [
    "AnnotationError",
    "CatalogueError",
    "InsertionError",
    "JobError",
    "RecipeError",
    "RenderError",
    "ResearchOnlyError",
    "UnknownLabelError",
]


class RenderError(ParcelRayError):
    """Images cannot be rendered."""


class RecipeError(RenderError):
    """The recipe holds an unknown key or a value out of range."""


class InsertionError(RenderError):
    """A scan shows no parcel, or none that takes a threat."""


class JobError(RenderError):
    """The folder holds something else than this job's half-done work."""


class CatalogueError(ParcelRayError):
    """The catalogue cannot be used as it is."""


class AnnotationError(CatalogueError):
    """A record, a box or a key is not what the format says."""


class UnknownLabelError(CatalogueError):
    """A label is outside the taxonomy and nothing maps it."""


class ResearchOnlyError(CatalogueError):
    """The images are for research only and the user has not stated a right to train on them."""
