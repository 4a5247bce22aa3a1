"""Ultralytics' networks as files: read, averaged, written without what a run left in them, exported to ONNX.

Importing this module prepares and imports ultralytics; import it inside the functions that need it.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.taxonomy import LABELS
from training.environment import prepare_environment
from training.errors import ExportError, WeightsError

prepare_environment()

import torch  # noqa: E402

from training.vision_ops import provide_torchvision_ops  # noqa: E402

provide_torchvision_ops()

from ultralytics.engine.exporter import Exporter  # noqa: E402
from ultralytics.nn.tasks import load_checkpoint  # noqa: E402
from ultralytics.utils import SETTINGS  # noqa: E402

__all__ = ["export_onnx", "load_network", "raw_output", "save_slim", "transfer"]

SETTINGS.update(sync=False)


def load_network(path: Path) -> Any:  # noqa: ANN401
    """Return the network of a checkpoint, float32, in evaluation mode.

    Raises:
        WeightsError: the file cannot be read, or its classes are not those of the taxonomy.
    """
    try:
        network, _ = load_checkpoint(str(path))
    except Exception as error:
        raise WeightsError(f"{path}: not weights of a ParcelRay run ({error})") from error
    names = tuple(network.names.values())
    if names != LABELS[: len(names)]:
        raise WeightsError(f"{path}: its classes {names} are not the labels of this software")
    return network


def transfer(source: Any, target: Any) -> str:  # noqa: ANN401
    """Copy all weights of one network into another, or none, and return how many.

    Raises:
        WeightsError: a tensor has no counterpart of its shape.
    """
    ours, theirs = target.state_dict(), source.float().state_dict()
    fitting = {key for key, value in theirs.items() if key in ours and ours[key].shape == value.shape}
    if len(fitting) != len(ours) or len(theirs) != len(ours):
        raise WeightsError(
            f"only {len(fitting)} of {len(ours)} tensors of the checkpoint fit the network; "
            "use the 'model' that the checkpoint was trained with"
        )
    target.load_state_dict(theirs)
    return f"{len(fitting)}/{len(ours)}"


def save_slim(sources: Sequence[Path], target: Path) -> None:
    """Write the weights alone, in half precision: enough to continue from, without paths of this machine.

    Of several checkpoints of one network the mean is written (Wortsman et al., "Model soups", ICML 2022): of runs that
    went on from one checkpoint it is often better than each on data like no training data.

    Raises:
        WeightsError: a file cannot be read, or the networks differ.
    """
    network = load_network(sources[0]).float()
    others = [load_network(source).float().state_dict() for source in sources[1:]]
    mean = network.state_dict()
    for source, other in zip(sources[1:], others, strict=True):
        if {key: value.shape for key, value in other.items()} != {key: value.shape for key, value in mean.items()}:
            raise WeightsError(f"{source}: is not the network of {sources[0]}; average runs of one 'model'")
    for key, value in mean.items():
        if others and value.dtype.is_floating_point:
            mean[key] = torch.stack([value, *(other[key] for other in others)]).mean(dim=0)
    network.load_state_dict(mean)
    network.args = {"task": "detect", "imgsz": network.args["imgsz"]}
    network.criterion = None
    network.pt_path = None
    network = network.half().to(memory_format=torch.contiguous_format)
    for parameter in network.parameters():
        parameter.requires_grad = False
    partial = target.with_suffix(".partial")
    torch.save(
        {"model": network, "ema": None, "epoch": -1, "train_args": network.args, "license": "AGPL-3.0-or-later"},
        partial,
    )
    partial.replace(target)


def raw_output(network: Any, blob: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ANN401
    """Return what the network computes for a (1, 3, S, S) blob: [1, 4 + classes, N]."""
    network.eval()
    with torch.inference_mode():
        output = network(torch.from_numpy(blob))
    output = output[0] if isinstance(output, tuple) else output
    return np.asarray(output.numpy(), np.float32)


def export_onnx(weights: Path, imgsz: int, opset: int, *, any_size: bool = False) -> bytes:
    """Return the network as ONNX bytes: float32, one image of `imgsz`, or of any sides that are multiples of 32.

    Raises:
        WeightsError: the weights cannot be read.
        ExportError: the exporter failed.
    """
    network = load_network(weights)
    options = {"format": "onnx", "imgsz": imgsz, "opset": opset, "simplify": False, "dynamic": any_size}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about itself
        network.pt_path = str(Path(folder) / "model.pt")  # the exporter names its file after it
        network.args = {"task": "detect", "imgsz": imgsz, "data": None}
        try:
            file = Exporter(overrides={**options, "device": "cpu", "batch": 1, "verbose": False})(model=network)
        except Exception as error:  # whatever the exporter and torch raise
            raise ExportError(f"{weights}: cannot be exported ({error})") from error
        return Path(file).read_bytes()
