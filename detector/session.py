"""The seam between the detector and the engine that runs the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from detector.errors import InferenceError, ModelError

__all__ = ["OnnxSession", "Session", "Shape"]

# Axes without a fixed length are None.
Shape = tuple[int | None, ...]


class Session(Protocol):
    """Runs one network: one image in, one array out."""

    @property
    def input_shape(self) -> Shape:
        """(1, 3, S, S)."""

    @property
    def output_shape(self) -> Shape:
        """Shape of what `run` returns."""

    def metadata(self) -> Mapping[str, str]:
        """Return the texts stored in the model file."""

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run on a (1, 3, S, S) float32 blob of RGB in 0..1.

        Raises:
            InferenceError: the engine failed.
        """


class OnnxSession:
    """ONNX Runtime on the CPU, one thread a session.

    One thread that does not spin: with several sessions on a busy machine, spinning threads were measured to double
    the latency.
    """

    def __init__(self, model_bytes: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise ModelError(f"not an ONNX model that onnxruntime can load ({reason}); export it again") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"expected a network with one input and one output, got {len(inputs)} and {len(outputs)}; "
                "export it with `parcelray export`"
            )
        if inputs[0].type != "tensor(float)" or outputs[0].type != "tensor(float)":
            raise ModelError(f"expected float32 input and output, got {inputs[0].type} and {outputs[0].type}")
        self._input, self._output = inputs[0], outputs[0]

    @property
    def input_shape(self) -> Shape:
        """(1, 3, S, S)."""
        return _fixed(self._input.shape)

    @property
    def output_shape(self) -> Shape:
        """Shape of what `run` returns."""
        return _fixed(self._output.shape)

    def metadata(self) -> Mapping[str, str]:
        """Return the texts stored in the model file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run on a (1, 3, S, S) float32 blob of RGB in 0..1.

        Raises:
            InferenceError: onnxruntime failed.
        """
        try:
            (output,) = self._session.run([self._output.name], {self._input.name: blob})
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise InferenceError(f"onnxruntime failed on a blob of shape {blob.shape}: {error}") from error
        return np.asarray(output, np.float32)


def _fixed(shape: list[int | str | None]) -> Shape:
    return tuple(length if isinstance(length, int) else None for length in shape)
