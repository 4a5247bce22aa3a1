"""Makes an int8 model file from an exported one: static quantisation, calibrated on scans as the detector sees them.

Weights a channel, signed, and activations a tensor, unsigned, in QDQ form (Jacob et al., CVPR 2018): the pair for which
ONNX Runtime has kernels on x86. Every operator of the body is quantised, not the convolutions alone: each one left out
would turn its tensors into float32 and back. The detection head stays in float32: its box regression is a sum over bins
that eight bits blur, and its scores are what thresholds are compared with.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.images import decode
from detector.model_card import ModelCard
from training.card import quantisation_rows
from training.errors import ExportError
from training.looking import look_at_catalogue
from training.model_file import ExportOptions, Say, finish, in_memory, without_card
from training.paired import firearms_and_benign, map50_row, recall_table

__all__ = ["body_nodes", "quantise", "quantised"]

_SCANS: Final = 64
_SEED: Final = 0
_TIMED: Final = 20
_LAYER: Final = "/model."


def quantise(model: Path, out: Path, options: ExportOptions, say: Say = print) -> ModelCard:
    """Write the int8 file of an exported model, its thresholds chosen again, and what it lost in its card.

    Scans of the val splits of `options.catalogues` calibrate it; on the test splits of `options.test_catalogues` both
    files are measured, see `training.paired`; both are timed on the scans that calibrated it.

    Raises:
        ModelError: the model cannot be loaded.
        ExportError: there is no catalogue to calibrate on, or onnxruntime cannot quantise the network.
        CatalogueError: a catalogue cannot be used.
    """
    if not options.catalogues:
        raise ExportError("int8 needs scans to calibrate on: give --catalogue")
    whole = Detector.load(model, sessions=2)
    card = whole.card
    if "quantisation" in card.metrics:
        raise ExportError(f"{model} is int8 already: name the float32 file that it was made from")
    scans = _scans([Catalogue.load(folder) for folder in options.catalogues])
    say(f"quantising {model}, calibrated on {len(scans)} scans at {len(whole.looks)} looks")
    small = quantised(without_card(model.read_bytes()), _inputs(whole, scans))
    about: dict[str, Any] = {
        "weights": "int8",
        "activations": "uint8",
        "float32": "detection head",
        "calibrated_on": {"scans": len(scans), "seed": _SEED},
    }
    metrics = {key: value for key, value in card.metrics.items() if key not in {"evaluations", "parity"}}
    card = replace(card, name=options.name or f"{card.name}-int8", notes=options.notes or card.notes)
    card = replace(card, metrics={**metrics, "quantisation": about})
    card = finish(small, card, out, replace(options, test_catalogues=()), say)

    tests = [Catalogue.load(folder) for folder in options.test_catalogues]
    about["compared"] = [_compared(whole, in_memory(small, card), catalogue) for catalogue in tests]
    about["processor_ms"] = _processor_ms({"float32": whole, "int8": in_memory(small, card)}, scans[:_TIMED])
    card = replace(card, metrics={**card.metrics, "quantisation": about})
    for row in about["compared"]:
        say(f"  {row['data']}, float32 and int8, difference with its 95 % interval:")
        for name, *shown in quantisation_rows(row):
            say(f"    {name}: {', '.join(shown)}")
    times = about["processor_ms"]
    say(f"  a view takes {times['float32']} ms of processor time in float32, {times['int8']} ms in int8")
    return finish(small, card, out, replace(options, catalogues=()), say)


def quantised(onnx_bytes: bytes, inputs: Iterable[NDArray[np.float32]]) -> bytes:
    """Return the int8 network of a float32 one without a card, calibrated on inputs that it is given in use.

    Raises:
        ExportError: its head cannot be told, or onnxruntime cannot quantise it.
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
                _Reader(prepared.graph.input[0].name, inputs),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                # x86 without VNNI adds two products in 16 bits, which overflow where weights use all eight
                # (onnxruntime, "Quantize ONNX models"): seven bits make the file right on every machine.
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_quantize=body_nodes([node.name for node in prepared.graph.node]),
            )
            return after.read_bytes()
        except ExportError:
            raise
        except Exception as error:  # whatever onnx and onnxruntime raise
            raise ExportError(f"onnxruntime cannot quantise the network ({error})") from error


def body_nodes(names: Sequence[str]) -> list[str]:
    """Return the nodes of all layers but the last, the head; nodes are named "/model.N/..." as in our exports.

    Raises:
        ExportError: they are not, or there is one layer.
    """
    layers = {name: int(name.removeprefix(_LAYER).split("/")[0]) for name in names if _layered(name)}
    body = [name for name, layer in layers.items() if layer < max(layers.values())]
    if not body:
        raise ExportError("int8 needs nodes named /model.N/..., the last layer the head: export it with this software")
    return body


def _layered(name: str) -> bool:
    return name.startswith(_LAYER) and name.removeprefix(_LAYER).split("/")[0].isdigit()


class _Reader:
    """Hands the inputs to onnxruntime one by one."""

    def __init__(self, name: str, inputs: Iterable[NDArray[np.float32]]) -> None:
        self._feeds: Iterator[dict[str, NDArray[np.float32]]] = ({name: one} for one in inputs)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._feeds, None)


def _scans(catalogues: Sequence[Catalogue]) -> list[NDArray[np.uint8]]:
    paths = [catalogue.path_of(record) for catalogue in catalogues for record in catalogue.images("val")]
    if not paths:
        raise ExportError("the val split is empty: int8 needs scans to calibrate on")
    chosen = np.random.default_rng(_SEED).choice(len(paths), min(len(paths), _SCANS), replace=False)
    return [decode(paths[index].read_bytes()) for index in chosen]


def _inputs(detector: Detector, scans: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.float32]]:
    """Yield what the detector gives its network for the scans: every look, at the canvas that it uses for the scan."""
    for scan in scans:
        yield from detector.inputs(scan)


def _compared(whole: Detector, small: Detector, catalogue: Catalogue) -> dict[str, Any]:
    before, after = (look_at_catalogue(detector, catalogue, "test") for detector in (whole, small))
    firearms = [firearms_and_benign(images) for images in (before, after)]
    return {
        "data": f"{catalogue.one_source_kind('test')}: {catalogue.info.name}, test",
        "version": catalogue.version,
        "images": len(before),
        "map50": map50_row(before, after),
        "recall": recall_table(before, after),
        "firearm_recall": recall_table(*firearms),
    }


def _processor_ms(detectors: Mapping[str, Detector], scans: Sequence[NDArray[np.uint8]]) -> dict[str, float]:
    """Return the median processor time of a view: unlike the clock, it hardly minds what else the machine does."""
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for scan in [scans[0], *scans]:  # the first warms up
        for name, detector in detectors.items():
            started = time.thread_time()
            detector.detect(scan)
            times[name].append(1e3 * (time.thread_time() - started))
    return {name: round(float(np.median(values[1:])), 1) for name, values in times.items()}
