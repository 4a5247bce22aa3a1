"""What every way to a model file ends with: thresholds chosen, figures measured, card attached, file put in place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from datasets.catalogue import Catalogue
from datasets.render.bodies import medical_views
from detector import __version__
from detector.detector import Detector
from detector.errors import ModelError
from detector.familiarity import Familiarity
from detector.images import decode
from detector.model_card import CARD_FORMAT, CARD_KEY, Look, ModelCard, attach_card, read_card
from detector.session import OnnxSession
from training.card import attach_reports, model_card_page
from training.errors import ExportError
from training.evaluate import evaluate_catalogue
from training.looking import look_at_catalogue
from training.operating_point import PROMISES, Promise, calibrated, choose_points, fit_calibration, halves

__all__ = ["ExportOptions", "Say", "finish", "in_memory", "page_path", "parse_looks", "without_card", "write_model"]

Say = Callable[[str], None]
_REFERENCES: Final = 512


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to make a model file.

    Attributes:
        name: of the model; None: the run's.
        version: of the model.
        imgsz: side of the network's input, pixels; None: the run's largest.
        looks: how the network looks at a view; empty: once, at `imgsz`.
        catalogues: calibration and thresholds are chosen on their val splits together; none: not chosen.
        test_catalogues: figures are measured on the test split of each.
        calibrate: turn the scores of each label into chances first.
        promises: operating point -> what it promises.
        notes: what a user must know, kept in the card.
    """

    name: str | None = None
    version: str = __version__
    imgsz: int | None = None
    looks: tuple[Look, ...] = ()
    catalogues: tuple[Path, ...] = ()
    test_catalogues: tuple[Path, ...] = ()
    calibrate: bool = True
    promises: Mapping[str, Promise] = field(default_factory=lambda: dict(PROMISES))
    notes: str = ""


def parse_looks(texts: Sequence[str]) -> tuple[Look, ...]:
    """Return looks from texts such as "448" and "576m", where m says mirrored.

    Raises:
        ExportError: a text is not of that form.
    """
    looks = []
    for text in texts:
        size, mirrored = text.removesuffix("m"), text.endswith("m")
        if not size.isdigit() or int(size) < 64 or int(size) % 32:
            raise ExportError(f"expected a look of a multiple of 32 from 64, with an m for mirrored, got {text!r}")
        looks.append(Look(int(size), mirrored))
    return tuple(looks)


def finish(onnx_bytes: bytes, card: ModelCard, out: Path, options: ExportOptions, say: Say) -> ModelCard:
    """Choose thresholds, measure, and write the file with its page for people beside it.

    Args:
        onnx_bytes: the network, without a card.
        card: as far as it is known.
        out: the file to write.
        options: which data to use.
        say: told about the steps.

    Raises:
        ExportError: the file does not load, or the catalogues are of several kinds.
        CatalogueError: a catalogue cannot be used.
    """
    catalogues = [Catalogue.load(folder) for folder in options.catalogues]
    tests = [Catalogue.load(folder) for folder in options.test_catalogues]
    if catalogues:
        card = _with_thresholds(card, onnx_bytes, catalogues, options, say)
        card = _with_familiarity(card, catalogues, say)
    for catalogue in tests:
        say(f"measuring on the test split of {catalogue.info.name!r}")
        command = "parcelray evaluate MODEL.onnx CATALOGUE"
        report = evaluate_catalogue(in_memory(onnx_bytes, card), catalogue, "test", command=command)
        card = replace(card, metrics=attach_reports(card.metrics, card, [report]))
    write_model(out, onnx_bytes, card)
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB) and {page_path(out)}")
    return card


def in_memory(onnx_bytes: bytes, card: ModelCard) -> Detector:
    """Return a detector of two sessions for a network without a card and a card that fits it."""
    sealed = attach_card(onnx_bytes, card)
    sessions = [OnnxSession(sealed), OnnxSession(sealed)]
    return Detector(sessions, read_card(sessions[0].metadata()), hashlib.sha256(sealed).hexdigest())


def without_card(model_bytes: bytes) -> bytes:
    """Return an ONNX file without its card."""
    import onnx  # noqa: PLC0415 - only export needs it

    graph = onnx.load_from_string(model_bytes)
    kept = [entry for entry in graph.metadata_props if entry.key != CARD_KEY]
    del graph.metadata_props[:]
    graph.metadata_props.extend(kept)
    return bytes(graph.SerializeToString(deterministic=True))


def page_path(out: Path) -> Path:
    """Return where the page of a model file goes: beside it under its name, for a folder may hold several models."""
    return out.with_suffix(".md")


def write_model(out: Path, onnx_bytes: bytes, card: ModelCard) -> None:
    """Attach the card and put the file in place if it loads, with its page beside it.

    Raises:
        ExportError: it does not load; what was there before stays.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(attach_card(onnx_bytes, replace(card, card_format=CARD_FORMAT, weights_sha256="0" * 64)))
            file.flush()
            os.fsync(file.fileno())
        Detector.load(partial)  # what cannot be loaded never takes the place of what can
        partial.replace(out)
    except ModelError as error:
        raise ExportError(f"{out}: the written file does not load: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    page_path(out).write_text(model_card_page(card), encoding="utf-8")


def _with_familiarity(card: ModelCard, catalogues: Sequence[Catalogue], say: Say) -> ModelCard:
    say("measuring what scans look like on the val split")
    paths = [catalogue.path_of(record) for catalogue in catalogues for record in catalogue.images("val")]
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(len(paths), _REFERENCES)).astype(int)]
    familiarity = Familiarity.fit((decode(path.read_bytes()) for path in chosen), medical_views())
    if familiarity is None:
        say(f"  {len(chosen)} images are too few: this model will not refer views that are unlike anything known")
    return replace(
        card,
        familiarity=familiarity.to_dict() if familiarity else {},
        metrics={**card.metrics, "familiarity": {"references": len(chosen), "beyond_limit": 0.005}}
        if familiarity
        else card.metrics,
    )


def _with_thresholds(
    card: ModelCard, onnx_bytes: bytes, catalogues: Sequence[Catalogue], options: ExportOptions, say: Say
) -> ModelCard:
    kinds = {catalogue.one_source_kind("val") for catalogue in catalogues}
    if len(kinds) > 1:
        raise ExportError(f"thresholds need catalogues of one kind, got {', '.join(sorted(kinds))}")
    say("choosing thresholds on the val split")
    detector = in_memory(onnx_bytes, replace(card, score_calibration={}, weights_sha256="0" * 64))
    images = [image for catalogue in catalogues for image in look_at_catalogue(detector, catalogue, "val")]
    calibration: Mapping[str, tuple[float, float]] = {}
    judged = images
    if options.calibrate:
        fitted_on, judged = halves(images)
        calibration = fit_calibration(fitted_on)
    points = choose_points(calibrated(judged, calibration), options.promises)
    for name, point in points.items():
        say(
            f"  {name}: {point.false_alarms_per_100:.2f} false alarms per 100 benign parcels, parcel recall "
            f"{point.parcel_recall:.3f}; guarantee: {point.guarantee}"
        )
    return replace(
        card,
        thresholds={name: dict(point.thresholds) for name, point in points.items()},
        operating_point=card.operating_point if card.operating_point in points else next(iter(points)),
        score_calibration=calibration,
        metrics={
            **card.metrics,
            "operating_points": {name: point.as_dict() for name, point in points.items()},
            "thresholds_chosen_on": [
                {"name": one.info.name, "kind": one.one_source_kind("val"), "version": one.version, "split": "val"}
                for one in catalogues
            ],
        },
    )
