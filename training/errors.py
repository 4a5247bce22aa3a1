"""Errors of training, evaluation and export. Every one tells the user the next step.

ParcelRayError
└── TrainingError             training, evaluation or export cannot go on
    ├── RunConfigError        the YAML of a run holds an unknown key or a value out of range
    ├── StepsError            the YAML of steps cannot be used, or a step failed
    ├── WeightsError          weights cannot be read, or do not fit the network
    ├── EvaluationError       there is nothing to measure, or the data do not fit
    └── ExportError           the ONNX file could not be made, or does not compute what the weights compute
"""

from __future__ import annotations

from detector.errors import ParcelRayError

__all__ = ["EvaluationError", "ExportError", "RunConfigError", "StepsError", "TrainingError", "WeightsError"]


class TrainingError(ParcelRayError):
    """Training, evaluation or export cannot go on."""


class RunConfigError(TrainingError):
    """The YAML of a run holds an unknown key or a value out of range."""


class StepsError(TrainingError):
    """The YAML of steps cannot be used, or a step failed."""


class WeightsError(TrainingError):
    """Weights cannot be read, or do not fit the network."""


class EvaluationError(TrainingError):
    """There is nothing to measure, or the data do not fit."""


class ExportError(TrainingError):
    """The ONNX file could not be made, or does not compute what the weights compute."""
