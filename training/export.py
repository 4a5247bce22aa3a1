"""Turns trained weights into one ONNX file with its card inside: thresholds chosen, parity proven, figures measured."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from datasets.catalogue import Catalogue
from detector import __version__
from detector.detector import Detector
from detector.errors import ModelError
from detector.images import decode
from detector.model_card import CARD_KEY, ModelCard, attach_card, read_card
from detector.session import OnnxSession
from detector.taxonomy import LABELS
from training.card import attach_reports, model_card_page
from training.errors import ExportError
from training.evaluate import evaluate_catalogue
from training.looking import look_at_catalogue
from training.operating_point import BUDGETS, calibrated, choose_points, fit_calibration
from training.parity import check_parity, fixed_images

__all__ = ["ExportOptions", "add_reports", "export", "weights_of"]

OPSET: Final = 17
_PARITY_IMAGES: Final = 6
_UNCHOSEN: Final = 0.25
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Attributes:
        name: of the model; None: the run's.
        version: of the model.
        imgsz: side of the network's input, pixels; None: the run's largest.
        catalogues: thresholds are chosen on their val splits together; none: not chosen.
        test_catalogues: figures are measured on the test split of each.
        calibrate: fit the scores of each label on the val split first.
        notes: what a user must know, kept in the card.
    """

    name: str | None = None
    version: str = __version__
    imgsz: int | None = None
    catalogues: tuple[Path, ...] = ()
    test_catalogues: tuple[Path, ...] = ()
    calibrate: bool = True
    notes: str = ""


def export(source: Path, out: Path, options: ExportOptions, say: Say = print) -> ModelCard:
    """Export a run's folder or a weights file to `out`, with `MODEL_CARD.md` beside it, and return the card.

    Raises:
        WeightsError: the weights cannot be read.
        ExportError: the exporter failed, or its network does not compute what the weights compute.
        CatalogueError: the catalogue cannot be used.
    """
    from training.adapter import export_onnx, load_network, raw_output  # noqa: PLC0415 - seconds of imports

    weights, run, versions = _source(source)
    network = load_network(weights)
    imgsz = options.imgsz or int(run.get("imgsz") or network.args["imgsz"])
    catalogues = [Catalogue.load(folder) for folder in options.catalogues]
    tests = [Catalogue.load(folder) for folder in options.test_catalogues]
    say(f"exporting {weights} at {imgsz} pixels")
    onnx_bytes = export_onnx(weights, imgsz, OPSET)

    images = fixed_images(imgsz)
    for catalogue in catalogues:
        records = catalogue.images("val")[:_PARITY_IMAGES]
        images += [decode(catalogue.path_of(record).read_bytes()) for record in records]
    parity = check_parity(lambda blob: raw_output(network, blob), OnnxSession(onnx_bytes), images, imgsz)
    say(f"parity on {parity.images} images: {parity.box_px:.2g} px, {parity.score:.2g} in score")

    card = ModelCard(
        name=options.name or str(run.get("name") or "parcelray-custom"),
        version=options.version,
        classes=LABELS[: len(network.names)],
        input_size_px=imgsz,
        head="raw",
        thresholds={name: dict.fromkeys(LABELS, _UNCHOSEN) for name in BUDGETS},
        operating_point="balanced",
        data_version=" ".join(versions) or "unknown",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes=options.notes or _default_notes(catalogues),
        metrics={"parity": parity.as_dict(), "weights_file_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()},
    )
    if catalogues:
        card = _with_thresholds(card, onnx_bytes, catalogues, calibrate=options.calibrate, say=say)
    for catalogue in tests:
        say(f"measuring on the test split of {catalogue.info.name!r}")
        command = "parcelray evaluate MODEL.onnx CATALOGUE"
        report = evaluate_catalogue(_detector(onnx_bytes, card), catalogue, "test", command=command)
        card = replace(card, metrics=attach_reports(card.metrics, card, [report]))
    _write(out, attach_card(onnx_bytes, card), card)
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB) and {_page_path(out)}")
    return card


def add_reports(model: Path, out: Path, reports: Sequence[Path], say: Say = print) -> ModelCard:
    """Write the model again with the figures of more evaluation reports in its card; the network stays as it is.

    Raises:
        EvaluationError: a report is about another model.
        ModelError: the model cannot be loaded.
        ExportError: a report cannot be read.
    """
    import onnx  # noqa: PLC0415 - only export needs it

    card = Detector.load(model).card
    try:
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in reports]
    except (OSError, ValueError) as error:
        raise ExportError(f"a report cannot be read: {error}") from error
    card = replace(card, metrics=attach_reports(card.metrics, card, documents), weights_sha256="0" * 64)
    graph = onnx.load_from_string(model.read_bytes())
    kept = [entry for entry in graph.metadata_props if entry.key != CARD_KEY]
    del graph.metadata_props[:]
    graph.metadata_props.extend(kept)
    _write(out, attach_card(graph.SerializeToString(deterministic=True), card), card)
    say(f"wrote {out} with {len(documents)} more reports")
    return card


def _with_thresholds(
    card: ModelCard, onnx_bytes: bytes, catalogues: Sequence[Catalogue], *, calibrate: bool, say: Say
) -> ModelCard:
    kinds = {catalogue.one_source_kind("val") for catalogue in catalogues}
    if len(kinds) > 1:
        raise ExportError(f"thresholds need catalogues of one kind, got {', '.join(sorted(kinds))}")
    say("choosing thresholds on the val split")
    detector = _detector(onnx_bytes, card)
    images = [image for catalogue in catalogues for image in look_at_catalogue(detector, catalogue, "val")]
    calibration = fit_calibration(images) if calibrate else {}
    points = choose_points(calibrated(images, calibration))
    chosen = {
        name: {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in asdict(point).items()
            if key != "thresholds"
        }
        for name, point in points.items()
    }
    for name, point in points.items():
        say(
            f"  {name}: {point.false_alarms_per_100:.2f} false alarms per 100 of {point.benign_parcels} benign parcels,"
            f" parcel recall {point.parcel_recall:.3f}"
        )
    return replace(
        card,
        thresholds={name: dict(point.thresholds) for name, point in points.items()},
        score_calibration=calibration,
        metrics={
            **card.metrics,
            "operating_points": chosen,
            "thresholds_chosen_on": [
                {"name": one.info.name, "kind": one.one_source_kind("val"), "version": one.version, "split": "val"}
                for one in catalogues
            ],
        },
    )


def weights_of(source: Path) -> Path:
    """Return the weights file of a run's folder, or the weights file given.

    Raises:
        ExportError: it is neither.
    """
    for candidate in (source, source / "weights" / "best.pt", source / "weights" / "last.pt"):
        if candidate.is_file():
            return candidate
    raise ExportError(f"{source}: neither a weights file nor the folder of a run; train one with `parcelray train`")


def _source(source: Path) -> tuple[Path, Mapping[str, Any], list[str]]:
    """Return the weights file, the run's settings and its catalogues' versions, as far as they are known."""
    weights = weights_of(source)
    if weights == source:
        return weights, {}, []
    run = yaml.safe_load((source / "run.yaml").read_text(encoding="utf-8"))
    data = yaml.safe_load((source / "data.yaml").read_text(encoding="utf-8"))
    return weights, run, [str(version) for version in data["versions"]]


def _default_notes(catalogues: Sequence[Catalogue]) -> str:
    if not catalogues:
        return "Thresholds were not chosen on data: export again with --catalogue before use."
    return (
        f"Thresholds were chosen on {catalogues[0].one_source_kind('val')} images;"
        " check them on your own scanner before use."
    )


def _detector(onnx_bytes: bytes, card: ModelCard) -> Detector:
    sealed = attach_card(onnx_bytes, card)
    sessions = [OnnxSession(sealed), OnnxSession(sealed)]
    return Detector(sessions, read_card(sessions[0].metadata()), hashlib.sha256(sealed).hexdigest())


def _page_path(out: Path) -> Path:
    return out.with_name("MODEL_CARD.md")


def _write(out: Path, model_bytes: bytes, card: ModelCard) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            file.write(model_bytes)
            file.flush()
            os.fsync(file.fileno())
        Detector.load(partial)  # what cannot be loaded never takes the place of what can
        partial.replace(out)
    except ModelError as error:
        raise ExportError(f"{out}: the written file does not load: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    _page_path(out).write_text(model_card_page(card), encoding="utf-8")
