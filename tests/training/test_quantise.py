from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.model_card import ModelCard, attach_card
from detector.session import OnnxSession
from parcelray import main
from training.quantise import head_nodes, quantised

Builder = Callable[[ModelCard], bytes]


def with_convolutions(network: bytes) -> bytes:
    """Put a body and a head in front of a network, both convolutions that change nothing."""
    model = onnx.load_from_string(network)
    kernel = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    for name in ("body_kernel", "head_kernel"):
        model.graph.initializer.append(numpy_helper.from_array(kernel, name))
    model.graph.node[0].input[0] = "seen"
    for name, source, kernel_name, target in (
        ("/model.1/Conv", "between", "head_kernel", "seen"),
        ("/model.0/Conv", "images", "body_kernel", "between"),
    ):
        model.graph.node.insert(0, helper.make_node("Conv", [source, kernel_name], [target], name=name))
    return bytes(model.SerializeToString())


@pytest.fixture
def blobs() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return [rng.random((1, 3, 64, 64), np.float32) for _ in range(4)]


def test_the_body_becomes_int8_and_the_head_stays(
    tiny_card: ModelCard, build_network: Builder, blobs: list[NDArray[np.float32]]
) -> None:
    before = with_convolutions(build_network(tiny_card))
    after = quantised(before, blobs)
    types = {
        tensor.name.removesuffix("_quantized"): tensor.data_type
        for tensor in onnx.load_from_string(after).graph.initializer
    }
    assert types["body_kernel"] == onnx.TensorProto.INT8
    assert types["head_kernel"] == onnx.TensorProto.FLOAT
    for blob in blobs:
        one, other = OnnxSession(before).run(blob), OnnxSession(after).run(blob)
        np.testing.assert_allclose(other, one, atol=0.05)


def test_the_last_layer_is_the_head() -> None:
    names = ["/model.9/cv/Conv", "/model.10/Conv", "/model.10/Concat", "Reshape", "/model.x/Conv", ""]
    assert head_nodes(names) == ["/model.10/Conv", "/model.10/Concat"]
    assert head_nodes(["Conv_1"]) == []


def test_an_int8_file_says_what_it_lost(
    tiny_card: ModelCard, build_network: Builder, shapes: Catalogue, tmp_path: Path
) -> None:
    model, out = tmp_path / "model.onnx", tmp_path / "int8.onnx"
    model.write_bytes(attach_card(with_convolutions(build_network(tiny_card)), tiny_card))
    assert main(["export", str(model), "--out", str(out), "--int8"]) == 2  # nothing to calibrate on
    options = ["--int8", "--catalogue", str(shapes.folder), "--test-catalogue", str(shapes.folder)]
    assert main(["export", str(model), "--out", str(out), *options]) == 0
    card = Detector.load(out).card
    assert card.name == "tiny-int8"
    (row,) = card.metrics["quantisation"]["compared"]
    assert row["data"] == "rendered: shapes, test"
    assert row["int8"]["map50"] == pytest.approx(row["float32"]["map50"], abs=0.05)
    assert set(card.metrics["quantisation"]["latency_ms"]) == {"float32", "int8"}
    assert "## Quantisation" in (tmp_path / "MODEL_CARD.md").read_text()
