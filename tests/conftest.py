"""Fixtures that the tests of several rooms use: tiny sealed models whose behaviour is easy to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from detector.model_card import ModelCard, attach_card
from detector.taxonomy import LABELS

TINY_CARD = ModelCard(
    name="tiny",
    version="1",
    classes=LABELS,
    input_size_px=64,
    head="raw",
    thresholds={"balanced": dict.fromkeys(LABELS, 0.5), "high-recall": dict.fromkeys(LABELS, 0.1)},
    operating_point="balanced",
    data_version="none",
    created="2026-01-01T00:00:00Z",
    metrics={"note": "built for tests"},
)
ModelBuilder = Callable[[ModelCard], bytes]


def _network(card: ModelCard) -> bytes:
    """Return an ONNX file without a card: the darker the middle of the canvas, the surer of one handgun there.

    The score is sigmoid(20 (darkness - 0.3)): .002 on white, .99 on a mean level of half, about 1 on black. The box
    covers the middle half of the canvas. The raw head also returns a weaker near-copy, which has to be suppressed.
    """
    size = card.input_size_px
    low, high = size / 4, 3 * size / 4
    if card.head == "raw":
        base, share = np.zeros((1, 4 + len(card.classes), 3)), np.zeros((1, 4 + len(card.classes), 3))
        base[0, :4, 0] = [size / 2, size / 2, size / 2, size / 2]
        base[0, :4, 1] = [size / 2 + 1, size / 2, size / 2, size / 2]
        base[0, :4, 2] = [5, 5, 4, 4]
        share[0, 4, :2] = [1.0, 0.9]
    else:
        base, share = np.zeros((1, 5, 6)), np.zeros((1, 5, 6))
        base[0, 0, :4] = [low, low, high, high]
        share[0, 0, 4] = 1.0
    constants = {
        "base": base.astype(np.float32),
        "share": share.astype(np.float32),
        "starts": np.array([int(low)] * 2, np.int64),
        "ends": np.array([int(high)] * 2, np.int64),
        "axes": np.array([2, 3], np.int64),
        "gain": np.float32(-20),
        "bias": np.float32(20 * 0.7),
    }
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends", "axes"], ["middle"]),
        helper.make_node("ReduceMean", ["middle"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["shifted"]),
        helper.make_node("Sigmoid", ["shifted"], ["score"]),
        helper.make_node("Mul", ["share", "score"], ["scores"]),
        helper.make_node("Add", ["base", "scores"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, list(base.shape))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def tiny_card() -> ModelCard:
    """The card of the tiny model; change it with `dataclasses.replace`."""
    return TINY_CARD


@pytest.fixture(scope="session")
def build_network() -> ModelBuilder:
    """Return a function card -> bytes of a network that fits it, without the card."""
    return _network


@pytest.fixture(scope="session")
def tiny_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model file: nothing on a white view, one handgun in the middle of a dark one."""
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    path.write_bytes(attach_card(_network(TINY_CARD), TINY_CARD))
    return path


@pytest.fixture(scope="session")
def tiny_end_to_end_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an end-to-end head."""
    card = replace(TINY_CARD, head="end_to_end")
    path = tmp_path_factory.mktemp("model") / "tiny-end-to-end.onnx"
    path.write_bytes(attach_card(_network(card), card))
    return path
