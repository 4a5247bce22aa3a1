"""Several models on one split: each with intervals, and how far it is from the first one, parcel by parcel.

All models see the same images, and every bootstrap round draws the same parcels for all of them, so that a difference
has an interval of its own, mostly narrower than theirs suggest (paired bootstrap; Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, ch. 8). What was measured of a model is kept, so that a comparison goes on
after a stop and takes another model at the price of that model alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from datasets.catalogue import Catalogue, write_atomically
from datasets.records import Split
from detector import __version__
from detector.detector import Detector
from training.evaluate import weighted_recall
from training.looking import look_at_catalogue
from training.metrics import FloatArray, ScoredImage, interval
from training.model_file import Say
from training.paired import drawn_rounds, holds_firearm, map50_rounds

__all__ = ["COMPARISON", "compare"]

COMPARISON: Final = "comparison.json"
_FPRS: Final = (0.02, 0.05, 0.10)
_ROUNDS: Final = 200


def compare(
    models: Mapping[str, Path | None],
    catalogue: Catalogue,
    split: Split,
    out: Path,
    *,
    title: str = "Comparison",
    most: int = 0,
    say: Say = print,
) -> dict[str, Any]:
    """Measure each model, write `comparison.json` and `comparison.md` into `out`, and return the former.

    Args:
        models: name -> ONNX file, None for the shipped one; differences are to the first.
        catalogue: the data.
        split: of the catalogue.
        out: folder; figures that it holds already are not measured again.
        title: of the table.
        most: look at no more images than this; 0: all.
        say: told about the steps.

    Raises:
        ModelError: a model cannot be loaded.
        EvaluationError: the split is empty.
        CatalogueError: the split holds rendered and real images.
    """
    kind = catalogue.one_source_kind(split)
    out.mkdir(parents=True, exist_ok=True)
    measured: dict[str, dict[str, Any]] = {}
    for name, path in models.items():
        detector = Detector.load(path, sessions=2)
        kept = out / f"{detector.model_sha256[:12]}-{catalogue.version[:12]}-{split}-{most}.json"
        if not kept.exists():
            say(f"measuring {name} on {catalogue.folder}")
            rounds = _figures(look_at_catalogue(detector, catalogue, split, most=most))
            write_atomically(kept, json.dumps({key: row.tolist() for key, row in rounds.items()}).encode())
        known = {key: np.array(row) for key, row in json.loads(kept.read_text(encoding="utf-8")).items()}
        measured[name] = {
            "sha256": detector.model_sha256,
            "looks": [f"{look.size_px}{'m' * look.mirrored}" for look in detector.card.looks]
            or [str(detector.card.input_size_px)],
            "rounds": known,
        }
    first = next(iter(measured.values()))["rounds"]
    document = {
        "title": title,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"parcelray {__version__}",
        "data": {"name": catalogue.info.name, "kind": kind, "version": catalogue.version, "split": split},
        "images": len(catalogue.images(split)[: most or None]),
        "method": f"paired bootstrap over parcels, 95 %, {_ROUNDS} rounds; differences are to the first row",
        "models": {
            name: {
                "sha256": row["sha256"],
                "looks": row["looks"],
                "figures": {key: _interval(value) for key, value in row["rounds"].items()},
                "difference": {key: _interval(value - first[key]) for key, value in row["rounds"].items()},
            }
            for name, row in measured.items()
        },
    }
    write_atomically(out / COMPARISON, (json.dumps(document, indent=1) + "\n").encode())
    write_atomically((out / COMPARISON).with_suffix(".md"), _table(document).encode())
    return document


def _figures(images: Sequence[ScoredImage]) -> dict[str, FloatArray]:
    """Return (1 + rounds,) of each figure: for the images as they are, then for each round."""
    drawn = drawn_rounds(images, _ROUNDS)
    scores = np.array([image.score for image in images], np.float64)
    benign = np.array([not len(image.truth_ids) for image in images], bool)
    armed = np.array([holds_firearm(image) for image in images], bool)
    kept = benign | armed
    found = {"map50": map50_rounds(images, drawn)}
    for fpr in _FPRS:
        found[f"firearm recall at {fpr:.0%}"] = np.array(
            [weighted_recall(scores[kept], armed[kept], row[kept], fpr) for row in drawn]
        )
    return found


def _interval(rounds: FloatArray) -> dict[str, float] | None:
    return interval(float(rounds[0]), rounds[1:].tolist()).as_dict() if np.isfinite(rounds[0]) else None


def _table(document: Mapping[str, Any]) -> str:
    data = document["data"]
    columns = list(next(iter(document["models"].values()))["figures"])
    lines = [
        f"## {document['title']}",
        "",
        f"{data['kind'].capitalize()} images: {document['images']} of {data['name']!r}, {data['split']}, version "
        f"`{data['version'][:16]}`. Second lines are differences to the first row ({document['method']}).",
        "",
        f"| model | looks | {' | '.join('mAP50' if key == 'map50' else key for key in columns)} |",
        f"|---|---|{'---|' * len(columns)}",
    ]
    for number, (name, row) in enumerate(document["models"].items()):
        cells = [_shown(row["figures"][key]) for key in columns]
        if number:
            cells = [
                f"{cell}<br>{_shown(row['difference'][key], '+')}" for cell, key in zip(cells, columns, strict=True)
            ]
        lines.append(f"| {name} | {', '.join(row['looks'])} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(row: Mapping[str, float] | None, sign: str = "") -> str:
    if row is None:
        return "-"
    return f"{row['value']:{sign}.2f} ({row['low']:{sign}.2f} to {row['high']:{sign}.2f})"
