"""How often a model refers views that are unlike anything it knows, and how often scans that it does know.

Bodies are other ones than those that a model is fitted with, but of the same four kinds. A referred view has a flaw
that `detector.quality` names, or is unlike the model's reference scans; detections do not count.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.report import print_table, write_json
from datasets.catalogue import Catalogue
from datasets.render.bodies import BODIES, medical_view
from detector.detector import Detector
from detector.errors import ImageError
from detector.familiarity import Familiarity
from detector.images import decode
from detector.quality import flaw_of

__all__ = ["measure", "run"]

_SEED: Final = 1  # models are fitted with bodies of seed 0
_INVERTED_EVERY: Final = 3


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table, write JSON."""
    card = Detector.load(arguments.model).card
    if not card.familiarity:
        print("this model keeps no reference scans: it refers nothing for being unlike them")
        return 1
    figures = measure(Familiarity.from_dict(card.familiarity), arguments.catalogue, arguments.images, arguments.count)
    print_table(
        f"views referred by {card.name} {card.version}",
        ["views", "count", "unlike", "flaw", "referred"],
        [[name, row["count"], *(f"{row[key]:.3f}" for key in ("unlike", "flaw", "referred"))] for name, row in figures],
    )
    if arguments.out:
        write_json(arguments.out, "unfamiliar", {"model": card.name, "exported": card.created, "views": dict(figures)})
    return 0


def measure(
    known: Familiarity, catalogue: Path | None, folders: Iterable[Path], count: int
) -> list[tuple[str, dict[str, Any]]]:
    """Return for each kind of view how many there were and the shares that were referred.

    Args:
        known: of the model.
        catalogue: whose test split is judged as it is, and inverted.
        folders: of images, judged in their colours and in grey.
        count: bodies.

    Raises:
        CatalogueError: the catalogue cannot be used.
    """
    rows = []
    for place, kind in enumerate(BODIES):
        chosen = range(place, count, len(BODIES))
        rows.append((f"body: {kind}", _shares(known, (medical_view(_SEED, index) for index in chosen))))
    blank = (np.full((300, 400, 3), level, np.uint8) for level in (0, 64, 128, 192, 255))
    rows.append(("blank", _shares(known, blank)))
    if catalogue is not None:
        paths = [one.path_of(record) for one in [Catalogue.load(catalogue)] for record in one.images("test")]
        rows.append(("catalogue", _shares(known, map(_read, paths))))
        rows.append(("catalogue, inverted", _shares(known, (255 - _read(path) for path in paths[::_INVERTED_EVERY]))))
    for folder in folders:
        rows.append((folder.name, _shares(known, _pictures(folder))))
        rows.append((f"{folder.name}, grey", _shares(known, map(_grey, _pictures(folder)))))
    return rows


def _shares(known: Familiarity, views: Iterable[NDArray[np.uint8]]) -> dict[str, Any]:
    judged = np.array([(known.is_unlike(view), flaw_of(view) is not None) for view in views], bool).reshape(-1, 2)
    if not len(judged):
        return {"count": 0, "unlike": 0.0, "flaw": 0.0, "referred": 0.0}
    unlike, flaw = judged.mean(axis=0)
    shares = {"unlike": unlike, "flaw": flaw, "referred": judged.any(axis=1).mean()}
    return {"count": len(judged), **{key: round(float(value), 4) for key, value in shares.items()}}


def _pictures(folder: Path) -> Iterator[NDArray[np.uint8]]:
    for path in sorted(folder.iterdir()):
        try:
            yield _read(path)
        except (ImageError, OSError):
            continue


def _read(path: Path) -> NDArray[np.uint8]:
    return decode(path.read_bytes())


def _grey(view_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(cv2.cvtColor(view_rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=-1).astype(np.uint8)
