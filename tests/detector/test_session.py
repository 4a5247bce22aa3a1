from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from detector.errors import InferenceError, ModelError
from detector.model_card import CARD_KEY
from detector.session import OnnxSession, Session


def test_a_session_tells_its_shapes_and_texts_and_runs(tiny_model_path: Path) -> None:
    session: Session = OnnxSession(tiny_model_path.read_bytes())
    assert session.input_shape == (1, 3, 64, 64)
    assert session.output_shape == (1, 16, 3)
    assert CARD_KEY in session.metadata()
    output = session.run(np.zeros((1, 3, 64, 64), np.float32))
    assert output.shape == (1, 16, 3)
    assert output.dtype == np.float32
    assert output[0, 4, 0] > 0.99


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x08\x0a" * 100, b"<html></html>"])
def test_bytes_that_are_no_network_are_refused(junk: bytes) -> None:
    with pytest.raises(ModelError, match="not an ONNX model"):
        OnnxSession(junk)


def test_a_blob_of_another_shape_is_an_inference_error(tiny_model_path: Path) -> None:
    session = OnnxSession(tiny_model_path.read_bytes())
    with pytest.raises(InferenceError, match="shape"):
        session.run(np.zeros((1, 3, 32, 32), np.float32))


def _identity(inputs: int, element: int) -> bytes:
    names = [f"in{index}" for index in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in names],
        "identity",
        [helper.make_tensor_value_info(name, element, ["batch", 3, 8, 8]) for name in names],
        [helper.make_tensor_value_info(f"{name}_out", element, ["batch", 3, 8, 8]) for name in names],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def test_only_networks_of_one_float_input_and_output_are_taken() -> None:
    assert OnnxSession(_identity(1, TensorProto.FLOAT)).input_shape == (None, 3, 8, 8)
    with pytest.raises(ModelError, match="one input and one output, got 2 and 2"):
        OnnxSession(_identity(2, TensorProto.FLOAT))
    with pytest.raises(ModelError, match="float32"):
        OnnxSession(_identity(1, TensorProto.DOUBLE))
