"""The reference catalogue: parcels chosen so that every label, scanner and level of difficulty is well represented.

What a parcel is to hold is known from the first draws of its source of chance, without making anything. So thousands
are planned, those that level the labels are rendered (a few more than needed), and of these the ones stay that level
what only rendering tells: what can be seen, how hard it is, and on which scanner. Parcels of which one picture is all
black or burnt out where the threats lie do not stay: nobody learns from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from datasets.errors import JobError
from datasets.jobs import Item, Job, Progress, no_progress
from datasets.records import DIFFICULTIES, ImageRecord
from datasets.render.job import catalogue_info, claim, render_parcels
from datasets.render.recipe import Recipe
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.samples import Annotation
from detector.taxonomy import LABELS

__all__ = ["PARCELS", "SEED", "Quotas", "build_reference", "choose_parcels", "planned_parcels", "shows"]

PARCELS: Final = 600
SEED: Final = 20_260
_OVERDRAWN: Final = 1.1  # so many are rendered for each that stays
_PLANNED_PER_CHOICE: Final = 12
_BENIGN_EVERY: Final = 12
_ROUNDS: Final = 3
_LEAST_CONTRAST: Final = 24.0  # of 255 grey levels
_AROUND: Final = 0.15  # of a box's longer side
Images = tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What a reference catalogue must hold at least, in images.

    Attributes:
        label: with each label.
        scanner: of each scanner profile.
        difficulty: of each level.
    """

    label: int
    scanner: int
    difficulty: int

    @classmethod
    def for_parcels(cls, parcels: int) -> Quotas:
        """Return the quotas of a size: for 600 parcels, 60 images a label and a scanner, 240 a level."""
        return cls(label=parcels // 10, scanner=parcels // 10, difficulty=parcels * 2 // 5)

    def shortfalls(self, counts: Mapping[str, int]) -> list[str]:
        """Return what is missing, in words."""
        wanted = {
            **dict.fromkeys((f"label {name}" for name in LABELS), self.label),
            **dict.fromkeys((f"scanner {name}" for name in BASE_PROFILES), self.scanner),
            **dict.fromkeys((f"difficulty {name}" for name in DIFFICULTIES), self.difficulty),
        }
        return [
            f"{counts.get(name, 0)} of {least} for {name}"
            for name, least in wanted.items()
            if counts.get(name, 0) < least
        ]


def build_reference(
    out: Path,
    *,
    parcels: int = PARCELS,
    seed: int = SEED,
    jobs: int = 1,
    recipe: Recipe | None = None,
    quotas: Quotas | None = None,
    ray: str | None = None,
    on_progress: Progress = no_progress,
) -> Catalogue:
    """Render and choose the reference catalogue; an interrupted run goes on where it was.

    Args:
        out: folder of the catalogue; empty, missing, or holding the same job half done.
        parcels: that stay, each with two images.
        seed: another seed gives another catalogue.
        jobs: processes, each on one thread; the result does not depend on them.
        ray: address of a Ray cluster that renders instead, as `datasets.ray_workers.ray_pool` takes it.
        recipe: what to draw from; the preset `reference` where it is None.
        quotas: what must be reached; those of the number of parcels where it is None.
        on_progress: called with parcels rendered and parcels to render.

    Raises:
        JobError: the folder holds something else, a process died, or the recipe does not reach the quotas.
    """
    out = Path(out)
    recipe = recipe or Recipe.load("reference")
    quotas = quotas or Quotas.for_parcels(parcels)
    if parcels < 1 or jobs < 1:
        raise JobError(f"expected parcels and jobs of at least 1, got {parcels} and {jobs}")
    if (out / "catalogue.json").exists() and not Job(out).is_open():
        raise JobError(f"{out} already holds a catalogue; choose a new folder")
    job = claim(out, recipe, seed)
    plan = planned_parcels(recipe, seed)
    indices = list(islice(plan, round(parcels * _OVERDRAWN)))
    for _ in range(_ROUNDS):
        render_parcels(job, indices, recipe, seed, jobs=jobs, ray=ray, on_progress=on_progress)
        rendered = zip(indices, job.read(indices), strict=True)
        shown = {index: part.items for index, part in rendered if all(shows(out, *image) for image in part.items)}
        chosen = choose_parcels(shown, parcels)
        missing = quotas.shortfalls(sum((_traits(images) for images in chosen.values()), Counter()))
        if len(chosen) < parcels:
            missing.append(f"{len(chosen)} of {parcels} parcels that show what they hold")
        if not missing:
            break
        indices += islice(plan, max(parcels // 10, 1))
    else:
        raise JobError(
            f"{len(indices)} parcels of recipe {recipe.name!r} give only {'; '.join(missing)}; change its shares"
        )
    return job.finish((item for images in chosen.values() for item in images), catalogue_info(recipe))


def planned_parcels(recipe: Recipe, seed: int) -> Iterator[int]:
    """Yield the indices of parcels whose planned content levels the labels, in the order in which to take them."""
    from datasets.render.sample import parcel_rng  # noqa: PLC0415  (numba loads when something is drawn)
    from datasets.render.scene import planned_labels  # noqa: PLC0415

    counts: Counter[str] = Counter()
    index = taken = 0
    while True:
        plans = {i: planned_labels(parcel_rng(seed, i), recipe) for i in range(index, index + _PLANNED_PER_CHOICE)}
        index += _PLANNED_PER_CHOICE
        benign = [i for i, labels in plans.items() if not labels]
        if taken % _BENIGN_EVERY == 0 and benign:
            best = benign[0]
        else:
            # The mean, so that parcels of one rare label win over parcels full of everything.
            best = max(plans, key=lambda i: _mean([1 / (1 + counts[name]) for name in set(plans[i])]))
        counts.update(set(plans[best]))
        taken += 1
        yield best


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def choose_parcels(rendered: Mapping[int, Images], parcels: int) -> dict[int, Images]:
    """Return so many of the parcels, levelled: one by one, drop the one that shows what there is most of already.

    Args:
        rendered: images of each parcel, by its index.
        parcels: how many stay.
    """
    chosen = dict(sorted(rendered.items()))
    traits = {index: _traits(images) for index, images in chosen.items()}
    counts = sum(traits.values(), Counter())
    while len(chosen) > parcels:
        worst = min(chosen, key=lambda index: sum(number / counts[name] for name, number in traits[index].items()))
        counts -= traits[worst]
        del chosen[worst]
    return chosen


def shows(out: Path, record: ImageRecord, marks: Sequence[Annotation]) -> bool:
    """Return whether the picture of a record differs from even grey where one of its objects lies, or holds none."""
    if not marks:
        return True
    image = cv2.imread(str(out / "images" / record.file_name), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise JobError(f"{out / 'images' / record.file_name} cannot be read; remove {out} and start again")
    return max(_contrast(image, mark.xyxy) for mark in marks) >= _LEAST_CONTRAST


def _contrast(image: NDArray[np.integer | np.floating], xyxy: tuple[float, float, float, float]) -> float:
    """Return the grey levels between the darkest and the lightest twentieth in a box and a little around it."""
    x0, y0, x1, y1 = xyxy
    around = max(4.0, _AROUND * max(x1 - x0, y1 - y0))
    rows = slice(max(int(y0 - around), 0), int(y1 + around) + 1)
    columns = slice(max(int(x0 - around), 0), int(x1 + around) + 1)
    dark, light = np.percentile(image[rows, columns], (5, 95))
    return float(light - dark)


def _traits(images: Images) -> Counter[str]:
    """Return how many images of a parcel show each label, level of difficulty and scanner."""
    found: Counter[str] = Counter()
    for record, marks in images:
        found.update({f"label {mark.label}" for mark in marks} or {"nothing to find"})
        found.update([f"scanner {record.scanner}", f"difficulty {record.difficulty}"])
    return found
