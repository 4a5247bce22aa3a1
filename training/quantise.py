"""Makes an int8 model file from an exported one: static quantisation, calibrated on scans.

Weights a channel and activations a tensor in QDQ form (Jacob et al., CVPR 2018). The detection head stays in float32:
its box regression is a sum over bins that eight bits blur, and its scores are what thresholds are compared with.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.images import decode
from detector.letterbox import letterbox
from detector.model_card import ModelCard
from detector.session import OnnxSession
from detector.taxonomy import LABELS
from training.errors import ExportError
from training.evaluate import figures
from training.looking import look_at_catalogue
from training.metrics import ScoredImage
from training.model_file import ExportOptions, Say, finish, in_memory, without_card
from training.operating_point import parcel_scores

__all__ = ["head_nodes", "quantise", "quantised"]

_SCANS: Final = 128
_TIMED: Final = 20
_LAYER: Final = "/model."


def quantise(model: Path, out: Path, options: ExportOptions, say: Say = print) -> ModelCard:
    """Write the int8 file of an exported model, its thresholds chosen again, and what it lost in its card.

    The val splits of `options.catalogues` calibrate it; on the test splits of `options.test_catalogues` both files are
    measured: mAP50 over labels, parcel recall at the default operating point, and time on one thread.

    Raises:
        ModelError: the model cannot be loaded.
        ExportError: there is no catalogue to calibrate on, or onnxruntime cannot quantise the network.
        CatalogueError: a catalogue cannot be used.
    """
    if not options.catalogues:
        raise ExportError("int8 needs scans to calibrate on: give --catalogue")
    whole = Detector.load(model, sessions=2)
    card = whole.card
    say(f"quantising {model}, calibrated on up to {_SCANS} scans")
    plain = without_card(model.read_bytes())
    small = quantised(plain, _blobs(options.catalogues, card.input_size_px))
    metrics = {key: value for key, value in card.metrics.items() if key not in {"evaluations", "parity"}}
    metrics["quantisation"] = {"weights": "int8", "activations": "int8", "float32": "detection head"}
    card = replace(card, name=f"{card.name}-int8", metrics=metrics, notes=options.notes or card.notes)
    card = finish(small, card, out, replace(options, test_catalogues=()), say)
    comparisons = [_compared(whole, in_memory(small, card), Catalogue.load(one)) for one in options.test_catalogues]
    timed = {"float32": _latency_ms(plain, card.input_size_px), "int8": _latency_ms(small, card.input_size_px)}
    about = {**metrics["quantisation"], "compared": comparisons, "latency_ms": timed}
    card = replace(card, metrics={**card.metrics, "quantisation": about})
    for row in comparisons:
        say(f"  on {row['data']}: mAP50 {row['float32']['map50']} and {row['int8']['map50']} in int8")
    say(f"  median of {_TIMED} on one thread of this machine: {timed['float32']} ms and {timed['int8']} ms in int8")
    return finish(small, card, out, replace(options, catalogues=()), say)


def quantised(onnx_bytes: bytes, blobs: Sequence[NDArray[np.float32]]) -> bytes:
    """Return the int8 network of a float32 one without a card.

    Raises:
        ExportError: onnxruntime cannot quantise it.
    """
    import onnx  # noqa: PLC0415 - only export needs it
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        given, before, after = (Path(folder) / f"{name}.onnx" for name in ("given", "before", "after"))
        given.write_bytes(onnx_bytes)
        try:
            quant_pre_process(str(given), str(before), skip_symbolic_shape=True)
            prepared = onnx.load(before)
            quantize_static(
                str(before),
                str(after),
                _Reader(prepared.graph.input[0].name, blobs),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["Conv", "MatMul", "Gemm"],
                nodes_to_exclude=head_nodes([node.name for node in prepared.graph.node]),
                extra_options={"ActivationSymmetric": False},
            )
            return after.read_bytes()
        except Exception as error:  # whatever onnx and onnxruntime raise
            raise ExportError(f"onnxruntime cannot quantise the network ({error})") from error


def head_nodes(names: Sequence[str]) -> list[str]:
    """Return the nodes of the last layer, where nodes are named "/model.N/..." as in our exports; else none."""
    layers = {name: int(name.removeprefix(_LAYER).split("/")[0]) for name in names if _layered(name)}
    last = max(layers.values(), default=-1)
    return [name for name, layer in layers.items() if layer == last]


def _layered(name: str) -> bool:
    return name.startswith(_LAYER) and name.removeprefix(_LAYER).split("/")[0].isdigit()


class _Reader:
    """Hands the blobs to onnxruntime one by one."""

    def __init__(self, name: str, blobs: Sequence[NDArray[np.float32]]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = iter([{name: blob} for blob in blobs])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def _blobs(folders: Sequence[Path], size_px: int) -> list[NDArray[np.float32]]:
    catalogues = [Catalogue.load(folder) for folder in folders]
    paths = [catalogue.path_of(record) for catalogue in catalogues for record in catalogue.images("val")]
    if not paths:
        raise ExportError("the val split is empty: int8 needs scans to calibrate on")
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(len(paths), _SCANS)).astype(int)]
    canvases = [letterbox(decode(path.read_bytes()), size_px)[0] for path in chosen]
    return [np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255) for canvas in canvases]


def _compared(whole: Detector, small: Detector, catalogue: Catalogue) -> dict[str, Any]:
    row: dict[str, Any] = {"data": f"{catalogue.one_source_kind('test')}: {catalogue.info.name}, test"}
    for name, detector in (("float32", whole), ("int8", small)):
        images = look_at_catalogue(detector, catalogue, "test")
        row[name] = _short(images, min(detector.thresholds().values()))
    return row


def _short(images: Sequence[ScoredImage], threshold: float) -> dict[str, float]:
    measured = figures(images, LABELS, 0)
    threats, benign = parcel_scores(images)
    return {
        "map50": measured["classes"].get("mean", {}).get("ap50", {}).get("value", 0.0),
        "recall_at_10_percent": measured["image_recall_at_fpr"]["all"].get("10%", {}).get("value", 0.0),
        "parcel_recall": round(float((threats >= threshold).mean()), 4) if len(threats) else 0.0,
        "false_alarms_per_100": round(100 * float((benign >= threshold).mean()), 4) if len(benign) else 0.0,
    }


def _latency_ms(onnx_bytes: bytes, size_px: int) -> float:
    session = OnnxSession(onnx_bytes)
    blob = np.full((1, 3, size_px, size_px), 0.7, np.float32)
    session.run(blob)
    times = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        session.run(blob)
        times.append(1e3 * (time.perf_counter() - started))
    return round(float(np.median(times)), 1)
