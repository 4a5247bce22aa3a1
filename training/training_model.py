"""The network as it trains on a CPU. Imported by `training.adapter` alone, which prepares the library."""

from __future__ import annotations

from typing import Any

import torch
from ultralytics.nn.tasks import DetectionModel

__all__ = ["TrainingModel"]


class TrainingModel(DetectionModel):  # type: ignore[misc]
    """A network with its forward in bfloat16 and channels last on a CPU, its loss in float32.

    Copies and pickles of it are plain `DetectionModel`s, so that no checkpoint depends on this class.
    """

    bf16 = False

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as wide as the base class
        """Run the network, or the loss where `x` is a batch."""
        if isinstance(x, dict) or not (self.bf16 and self.training):
            return super().forward(x, *args, **kwargs)
        with torch.autocast("cpu", torch.bfloat16):
            return _as_float32(super().forward(x.contiguous(memory_format=torch.channels_last), *args, **kwargs))

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401
        state = {key: value for key, value in self.__dict__.items() if key != "bf16"}
        return DetectionModel.__new__, (DetectionModel,), state


def _as_float32(outputs: Any) -> Any:  # noqa: ANN401
    """Return nested outputs in float32; of feature maps the loss only reads shape and type, so none is copied."""
    if isinstance(outputs, dict):
        return {
            key: [torch.empty((), dtype=torch.float32).expand(item.shape) for item in value]
            if key == "feats"
            else _as_float32(value)
            for key, value in outputs.items()
        }
    return outputs.float() if isinstance(outputs, torch.Tensor) else outputs
