"""Turns trained weights into one ONNX file with its card inside: thresholds chosen, parity proven, figures measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from datasets.catalogue import Catalogue
from detector.images import decode
from detector.model_card import ModelCard
from detector.session import OnnxSession
from detector.taxonomy import LABELS
from training.errors import ExportError
from training.model_file import ExportOptions, Say, finish
from training.parity import check_parity, fixed_images

__all__ = ["export", "weights_of"]

OPSET: Final = 17
_PARITY_IMAGES: Final = 6
_UNCHOSEN: Final = 0.25


def export(source: Path, out: Path, options: ExportOptions, say: Say = print) -> ModelCard:
    """Export a run's folder or a weights file to `out`, with its page for people beside it, and return the card.

    Raises:
        WeightsError: the weights cannot be read.
        ExportError: the exporter failed, or its network does not compute what the weights compute.
        CatalogueError: the catalogue cannot be used.
    """
    from training.networks import export_onnx, load_network, raw_output  # noqa: PLC0415 - seconds of imports

    weights, run, versions = _source(source)
    network = load_network(weights)
    imgsz = options.imgsz or int(run.get("imgsz") or network.args["imgsz"])
    if options.looks:
        imgsz = max(look.size_px for look in options.looks)
    catalogues = [Catalogue.load(folder) for folder in options.catalogues]
    say(f"exporting {weights} at {imgsz} pixels")
    onnx_bytes = export_onnx(weights, imgsz, OPSET, any_size=bool(options.looks))

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
        thresholds={name: dict.fromkeys(LABELS, _UNCHOSEN) for name in options.promises},
        operating_point="balanced" if "balanced" in options.promises else next(iter(options.promises)),
        data_version=" ".join(versions) or "unknown",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        looks=options.looks,
        notes=options.notes or _default_notes(catalogues),
        metrics={"parity": parity.as_dict(), "weights_file_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()},
    )
    return finish(onnx_bytes, card, out, options, say)


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
