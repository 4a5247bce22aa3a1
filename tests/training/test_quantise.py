from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from datasets.catalogue import Catalogue
from detector.detector import Detector
from detector.images import decode
from detector.model_card import Look, ModelCard, attach_card
from detector.session import OnnxSession
from parcelray import main
from training.card import quantisation_rows
from training.errors import ExportError
from training.metrics import ScoredImage
from training.model_file import ExportOptions, in_memory, without_card
from training.paired import map50_row, recall_table
from training.quantise import body_nodes, quantise, quantised

Builder = Callable[[ModelCard], bytes]
LOOKS = (Look(64), Look(96, mirrored=True))


def with_body(network: bytes, *, any_size: bool = False) -> bytes:
    """Put a body in front of a network, which becomes the head: a convolution and a sum, that change nothing."""
    model = onnx.load_from_string(network)
    for index, node in enumerate(model.graph.node):
        node.name = f"/model.1/{node.op_type}_{index}"
    model.graph.node[0].input[0] = "seen"
    half = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1) / 2
    model.graph.initializer.append(numpy_helper.from_array(half, "half"))
    for kind, given, made in (
        ("Add", ["halved", "halved"], "seen"),
        ("Conv", ["images", "half"], "halved"),
    ):
        model.graph.node.insert(0, helper.make_node(kind, given, [made], name=f"/model.0/{kind}"))
    if any_size:
        for axis in (2, 3):
            model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def model_file(folder: Path, card: ModelCard, build_network: Builder) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(attach_card(with_body(build_network(card), any_size=bool(card.looks)), card))
    return path


@pytest.fixture
def blobs() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    return [rng.random((1, 3, 64, 64), np.float32) for _ in range(4)]


def test_the_whole_body_becomes_int8_and_the_head_stays(
    tiny_card: ModelCard, build_network: Builder, blobs: list[NDArray[np.float32]]
) -> None:
    before = with_body(build_network(tiny_card))
    after = quantised(before, iter(blobs))
    graph = onnx.load_from_string(after).graph
    made_of = {node.output[0]: node for node in graph.node}
    body = [node for node in graph.node if node.name.startswith("/model.0/") and node.op_type in {"Conv", "Add"}]
    assert [node.op_type for node in body] == ["Conv", "Add"]
    for node in body:
        assert {made_of[name].op_type for name in node.input} == {"DequantizeLinear"}, node.name
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    (weights,) = (value for value in stored.values() if value.shape == (3, 3, 1, 1))
    assert weights.dtype == np.int8
    # Two products of a pixel and a weight fit into 16 bits, as machines without VNNI add them.
    assert np.abs(weights.astype(int)).max() * 255 * 2 <= np.iinfo(np.int16).max
    assert stored["gain"].dtype == np.float32
    for blob in blobs:
        one, other = OnnxSession(before).run(blob), OnnxSession(after).run(blob)
        np.testing.assert_allclose(other, one, atol=0.05)


def test_all_layers_but_the_last_are_the_body() -> None:
    names = ["/model.9/cv/Conv", "/model.10/Conv", "/model.10/Concat", "Reshape", "/model.x/Conv", "", "/model.2/Mul"]
    assert body_nodes(names) == ["/model.9/cv/Conv", "/model.2/Mul"]
    for unknown in (["Conv_1"], ["/model.0/Conv"], []):
        with pytest.raises(ExportError, match=r"/model\.N/"):
            body_nodes(unknown)


class Recording(OnnxSession):
    """A session that keeps what it is given."""

    def __init__(self, model_bytes: bytes) -> None:
        super().__init__(model_bytes)
        self.given: list[NDArray[np.float32]] = []

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        self.given.append(blob)
        return super().run(blob)


def test_what_calibrates_it_is_what_the_detector_gives_its_network(
    tiny_card: ModelCard, build_network: Builder, shapes: Catalogue, tmp_path: Path
) -> None:
    card = replace(tiny_card, input_size_px=96, looks=LOOKS)
    session = Recording(model_file(tmp_path, card, build_network).read_bytes())
    detector = Detector(session, card, "0" * 64)
    view = decode(shapes.path_of(shapes.images("val")[0]).read_bytes())[:50]
    detector.detect(view)
    assert [blob.shape for blob in session.given] == [(1, 3, 64, 64), (1, 3, 64, 96)]
    for used, made in zip(session.given, detector.inputs(view), strict=True):
        np.testing.assert_array_equal(used, made)
    np.testing.assert_array_equal(detector.inputs(view)[1], detector.inputs(view[:, ::-1])[1][..., ::-1])


def test_an_int8_file_is_near_its_float32_file_and_says_how_near(
    tiny_card: ModelCard, build_network: Builder, shapes: Catalogue, tmp_path: Path
) -> None:
    model, out = model_file(tmp_path, replace(tiny_card, input_size_px=96, looks=LOOKS), build_network), tmp_path / "i"
    options = ["--int8", "--catalogue", str(shapes.folder), "--test-catalogue", str(shapes.folder)]
    assert main(["export", str(model), "--out", str(out), *options]) == 0
    small, whole = Detector.load(out), Detector.load(model)
    assert (small.card.name, small.looks) == ("tiny-int8", LOOKS)
    assert small.card.thresholds != whole.card.thresholds  # its own
    own = replace(small.card, score_calibration={})
    raw = in_memory(without_card(out.read_bytes()), own)
    for record in shapes.images("test"):
        view = decode(shapes.path_of(record).read_bytes())
        found, expected = raw.detect(view), whole.detect(view)
        np.testing.assert_allclose(found.scores, expected.scores, atol=0.05)
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=1.0)

    about = small.card.metrics["quantisation"]
    (compared,) = about["compared"]
    assert compared["data"] == "rendered: shapes, test"
    assert abs(compared["map50"]["difference"]["value"]) < 0.05
    assert set(about["processor_ms"]) == {"float32", "int8"}
    page = (tmp_path / "i.md").read_text()
    for row in quantisation_rows(compared):
        assert f"| {' | '.join(row)} |" in page
    assert "Measured on rendered: shapes, test" in page

    again = tmp_path / "again.onnx"
    assert main(["export", str(model), "--out", str(again), *options[:3]]) == 0
    assert without_card(again.read_bytes()) == without_card(out.read_bytes())  # the same scans were chosen


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "give --catalogue"),
        (["--catalogue", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_quantised_says_what_to_do(
    more: list[str], said: str, tiny_model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "int8.onnx"
    assert main(["export", str(tiny_model_path), "--out", str(out), "--int8", *more]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_neither_a_head_that_cannot_be_told_nor_an_int8_file_is_quantised(
    tiny_card: ModelCard, build_network: Builder, shapes: Catalogue, tmp_path: Path
) -> None:
    options = ExportOptions(catalogues=(shapes.folder,))
    out = tmp_path / "int8.onnx"
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(attach_card(build_network(tiny_card), tiny_card))
    with pytest.raises(ExportError, match=r"/model\.N/"):
        quantise(plain, out, options)
    twice = model_file(tmp_path, replace(tiny_card, metrics={"quantisation": {}}), build_network)
    with pytest.raises(ExportError, match="name the float32 file"):
        quantise(twice, out, options)
    assert not out.exists()


def judged(make: Callable[..., ScoredImage], score: float) -> list[ScoredImage]:
    """Return 50 images with a handgun that gets this score, and 50 without whose best score is up to .6."""
    box = (0.0, 0.0, 9.0, 9.0)
    rng = np.random.default_rng(0)
    threats = [make(f"t{number}", [(box, 0)], [(box, 0, score)]) for number in range(50)]
    return threats + [make(f"b{number}", [], [(box, 0, float(rng.uniform(0, 0.6)))]) for number in range(50)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(0.9, 0.9, "loses less than a point"), (0.9, 0.1, "loses more than a point")],
)
def test_a_loss_is_told_from_none(before: float, after: float, said: str, scored: Callable[..., ScoredImage]) -> None:
    pair = judged(scored, before), judged(scored, after)
    compared = {"map50": map50_row(*pair), "recall": recall_table(*pair), "firearm_recall": recall_table(*pair)}
    rows = quantisation_rows(json.loads(json.dumps(compared, sort_keys=True)))  # as a card keeps it
    assert [row[0].removeprefix("recall of firearms").removesuffix("false alarms").strip() for row in rows[:6]] == [
        "mAP50", "at 2%", "at 5%", "at 10%", "at 20%", ", mean of these",
    ]  # fmt: skip
    assert len(rows) == 11
    assert {row[-1] for row in rows} == {said}


def test_a_noisy_difference_rules_no_loss_out(scored: Callable[..., ScoredImage]) -> None:
    rng = np.random.default_rng(1)
    box = (0.0, 0.0, 9.0, 9.0)
    pair = [
        [scored(f"{n}", [(box, 0)] if n % 2 else [], [(box, 0, float(rng.random()))]) for n in range(60)]
        for _ in range(2)
    ]
    table = recall_table(*pair)
    rows = quantisation_rows({"map50": {}, "recall": table, "firearm_recall": {"with_threat": 0}})
    assert {row[-1] for row in rows} == {"a point's loss is not ruled out"}
    np.testing.assert_allclose(
        table["mean"]["difference"]["value"],
        table["mean"]["after"]["value"] - table["mean"]["before"]["value"],
        atol=2e-4,
    )
