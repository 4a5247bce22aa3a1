from __future__ import annotations

import hashlib
import math
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detector import SHIPPED_FLOAT32, SHIPPED_MODEL, Detector, find_model
from detector.errors import InferenceError, ModelCardError, ModelError
from detector.model_card import Look, ModelCard, attach_card
from detector.session import OnnxSession, Shape
from detector.taxonomy import LABELS

Builder = Callable[[ModelCard], bytes]


class FixedSession:
    """Returns one output whatever it is shown, and counts how many callers are inside at once."""

    def __init__(
        self, output: NDArray[np.float32], size_px: int = 64, together: threading.Barrier | None = None
    ) -> None:
        self.output = output
        self.size_px = size_px
        self.together = together
        self.inside = 0
        self.most_inside = 0

    @property
    def input_shape(self) -> Shape:
        return (1, 3, self.size_px, self.size_px)

    @property
    def output_shape(self) -> Shape:
        return self.output.shape

    def metadata(self) -> Mapping[str, str]:
        return {}

    def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
        assert blob.dtype == np.float32
        assert blob.shape == self.input_shape
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        if self.together is not None:
            self.together.wait(timeout=30)
        self.inside -= 1
        return self.output


def _output(scores: Mapping[str, float]) -> NDArray[np.float32]:
    output = np.zeros((1, 16, len(scores)), np.float32)
    for column, (label, score) in enumerate(scores.items()):
        output[0, :4, column] = [32, 32, 16, 16]
        output[0, 4 + LABELS.index(label), column] = score
    return output


def _grey(level: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def test_both_heads_find_the_same_object_and_nothing_on_white(
    tiny_model_path: Path, tiny_end_to_end_path: Path
) -> None:
    for path in (tiny_model_path, tiny_end_to_end_path):
        detector = Detector.load(path)
        assert len(detector.detect(_grey(255))) == 0
        (found,) = detector.detect(_grey(20))
        assert found.label == "handgun"
        assert found.score > 0.99
        # 64 canvas pixels are 96 view pixels wide; the view fills canvas rows 11..53 (43 rows of 64).
        assert found.xyxy == pytest.approx((24, (16 - 10) * 64 / 43, 72, (48 - 10) * 64 / 43))


def test_the_hash_is_that_of_the_file(tiny_model_path: Path, tiny_card: ModelCard) -> None:
    detector = Detector.load(str(tiny_model_path))
    assert detector.model_sha256 == hashlib.sha256(tiny_model_path.read_bytes()).hexdigest()
    assert detector.card.name == tiny_card.name


def test_thresholds_go_by_the_name_of_the_operating_point(tiny_model_path: Path) -> None:
    detector = Detector.load(tiny_model_path)
    assert detector.thresholds()["bolt"] == 0.5
    assert detector.thresholds("high-recall")["bolt"] == 0.1
    with pytest.raises(ModelCardError, match="choose one of: balanced, high-recall"):
        detector.thresholds("reckless")


def test_a_model_is_a_path_or_the_name_of_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model() == SHIPPED_MODEL
    assert find_model("parcelray-nano") == find_model("parcelray-nano.onnx") == SHIPPED_FLOAT32
    assert find_model("parcelray-nano-int8") == SHIPPED_MODEL
    for path in ("other.onnx", "folder/parcelray-nano.onnx", "../parcelray-nano", ".", ""):
        assert find_model(path) == Path(path)
    with pytest.raises(ModelError, match="the name of one that ships: parcelray-nano, parcelray-nano-int8"):
        Detector.load("parcelray-nan0")
    shutil.copy(tiny_model_path, "parcelray-nano")  # one's own file comes first
    assert Detector.load("parcelray-nano").card.name == "tiny"


def _refusal(tmp_path: Path, model_bytes: bytes) -> str:
    path = tmp_path / "model.onnx"
    path.write_bytes(model_bytes)
    with pytest.raises(ModelError) as caught:
        Detector.load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_files_that_cannot_serve_are_refused_with_the_reason(
    tmp_path: Path, tiny_card: ModelCard, build_network: Builder, tiny_model_path: Path
) -> None:
    network, sealed = build_network(tiny_card), tiny_model_path.read_bytes()
    smaller = build_network(replace(tiny_card, input_size_px=96))
    end_to_end = build_network(replace(tiny_card, head="end_to_end"))
    few = LABELS[:3]
    fewer = replace(tiny_card, classes=few, thresholds={"balanced": dict.fromkeys(few, 0.5)})
    other_labels = sealed.replace(b'"handgun", "revolver"', b'"revolver", "handgun"')
    assert len(other_labels) == len(sealed)
    assert "not an ONNX model" in _refusal(tmp_path, b"\x00junk")
    assert "not an ONNX model" in _refusal(tmp_path, sealed[: len(sealed) // 2])
    assert "no card" in _refusal(tmp_path, network)
    assert "input of (1, 3, 64, 64)" in _refusal(tmp_path, attach_card(smaller, tiny_card))
    assert "a raw head with 12 classes gives (1, 16, N)" in _refusal(tmp_path, attach_card(end_to_end, tiny_card))
    assert "a raw head with 3 classes gives (1, 7, N)" in _refusal(tmp_path, attach_card(network, fewer))
    assert "expected the classes handgun" in _refusal(tmp_path, other_labels)
    assert "checksum mismatch" in _refusal(tmp_path, sealed.replace(b"built for tests", b"built for jests"))
    with pytest.raises(ModelError, match="No such file"):
        Detector.load(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match="directory"):
        Detector.load(tmp_path)


def test_a_network_that_returns_nonsense_never_gets_through_loading(
    tmp_path: Path, tiny_card: ModelCard, build_network: Builder
) -> None:
    import onnx

    model = onnx.load_from_string(build_network(tiny_card))
    for tensor in model.graph.initializer:
        if tensor.name == "gain":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(np.float32(np.nan)), "gain"))
    assert "not finite" in _refusal(tmp_path, attach_card(model.SerializeToString(), tiny_card))


def test_scores_below_the_least_are_left_out(tiny_card: ModelCard) -> None:
    session = FixedSession(_output({"handgun": 0.9, "slide": 0.3, "bolt": 0.02}))
    detector = Detector(session, tiny_card, "0" * 64)
    assert [found.label for found in detector.detect(_grey(0))] == ["handgun", "slide", "bolt"]
    assert [found.label for found in detector.detect(_grey(0), min_score=0.25)] == ["handgun", "slide"]
    assert len(detector.detect(_grey(0), min_score=0.95)) == 0


def test_calibration_makes_scores_comparable_across_labels(tiny_card: ModelCard) -> None:
    card = replace(tiny_card, score_calibration={"slide": (2.0, 1.5), "bolt": (1.0, -3.0)})
    detector = Detector(FixedSession(_output({"handgun": 0.6, "slide": 0.5, "bolt": 0.7})), card, "0" * 64)
    scores = {found.label: found.score for found in detector.detect(_grey(0))}
    assert scores["handgun"] == pytest.approx(0.6, abs=1e-7)
    assert scores["slide"] == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert scores["bolt"] == pytest.approx(1 / (1 + math.exp(3 - math.log(0.7 / 0.3))))
    assert list(scores) == ["slide", "handgun", "bolt"]


def test_calibration_lifts_scores_over_the_least_that_were_under_it_before(tiny_card: ModelCard) -> None:
    card = replace(tiny_card, score_calibration={"slide": (1.0, 4.0)})
    detector = Detector(FixedSession(_output({"slide": 0.1, "bolt": 0.1})), card, "0" * 64)
    assert [found.label for found in detector.detect(_grey(0), min_score=0.5)] == ["slide"]


def test_at_most_three_hundred_objects_the_best_ones(tiny_card: ModelCard) -> None:
    rng = np.random.default_rng(0)
    output = np.zeros((1, 16, 900), np.float32)
    centres = np.stack(np.meshgrid(np.arange(30) * 2 + 2, np.arange(30) * 2 + 2)).reshape(2, -1)
    output[0, :2], output[0, 2:4] = centres, 1.0
    output[0, 4] = rng.uniform(0.1, 0.9, 900)
    found = Detector(FixedSession(output), tiny_card, "0" * 64).detect(_grey(0, 64, 64))
    assert len(found) == 300
    np.testing.assert_allclose(found.scores, np.sort(output[0, 4])[::-1][:300], rtol=1e-6)


def test_a_network_that_fails_on_a_view_raises_and_gives_its_session_back(tiny_card: ModelCard) -> None:
    session = FixedSession(np.full((1, 16, 3), np.nan, np.float32))
    detector = Detector(session, tiny_card, "0" * 64)
    for _ in range(3):
        with pytest.raises(InferenceError):
            detector.detect(_grey(0))
    session.output = _output({"handgun": 0.9})
    assert len(detector.detect(_grey(0))) == 1


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_view_are_refused(tiny_card: ModelCard, image: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"expected an \(H, W, 3\) uint8 view"):
        Detector(FixedSession(_output({"handgun": 0.9})), tiny_card, "0" * 64).detect(image)


def test_a_least_score_outside_its_range_is_refused(tiny_card: ModelCard) -> None:
    with pytest.raises(ValueError, match="min_score"):
        Detector(FixedSession(_output({"handgun": 0.9})), tiny_card, "0" * 64).detect(_grey(0), min_score=1.5)


def test_a_session_is_used_by_one_caller_at_a_time_and_all_sessions_work_together(tiny_card: ModelCard) -> None:
    # The barrier opens only when both sessions are inside at once.
    barrier = threading.Barrier(2)
    sessions = [FixedSession(_output({"handgun": 0.9}), together=barrier) for _ in range(2)]
    detector = Detector(sessions, tiny_card, "0" * 64)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(detector.detect, [_grey(0)] * 40))
    assert [len(answer) for answer in answers] == [1] * 40
    assert [session.most_inside for session in sessions] == [1, 1]


def test_threads_get_the_answers_to_their_own_views(tiny_model_path: Path) -> None:
    detector = Detector.load(tiny_model_path, sessions=2)
    views = [_grey(255 if index % 2 else 10, 60 + index, 50) for index in range(40)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(detector.detect, views))
    for index, (view, answer) in enumerate(zip(views, answers, strict=True)):
        assert len(answer) == 1 - index % 2
        assert (answer.xyxy <= view.shape[1]).all()


def test_a_detector_needs_a_session(tiny_card: ModelCard, tiny_model_path: Path) -> None:
    with pytest.raises(ModelError, match="at least one session"):
        Detector([], tiny_card, "0" * 64)
    with pytest.raises(ModelCardError, match="the card says an input"):
        Detector(OnnxSession(tiny_model_path.read_bytes()), replace(tiny_card, input_size_px=320), "0" * 64)


def test_a_mirrored_look_is_turned_back_before_the_looks_vote(tiny_card: ModelCard) -> None:
    output = _output({"handgun": 0.9, "bolt": 0.8})
    output[0, :4, 1] = [16, 32, 8, 8]  # left of the middle, in every look
    card = replace(tiny_card, looks=(Look(64), Look(64, mirrored=True)))
    found = list(Detector(FixedSession(output), card, "0" * 64).detect(_grey(200, 64, 64)))
    assert [one.label for one in found] == ["handgun", "bolt", "bolt"]
    assert found[0].xyxy == pytest.approx((24, 24, 40, 40))
    assert found[0].score == pytest.approx(0.9)
    assert sorted(one.xyxy for one in found[1:]) == [pytest.approx((12, 28, 20, 36)), pytest.approx((44, 28, 52, 36))]
    assert all(one.score == pytest.approx(0.124, abs=1e-3) for one in found[1:])  # geometric mean of 4 and 1 / 199


def test_a_least_score_changes_no_fused_score(tiny_card: ModelCard) -> None:
    card = replace(tiny_card, looks=(Look(64), Look(64, mirrored=True)))
    detector = Detector(FixedSession(_output({"handgun": 0.9, "bolt": 0.3, "slide": 0.02})), card, "0" * 64)
    everything = list(detector.detect(_grey(200), min_score=0.0))
    assert len(everything) == 3
    assert list(detector.detect(_grey(200), min_score=0.25)) == everything[:2]


def test_a_network_of_any_size_gets_no_more_canvas_than_the_view_needs(tiny_card: ModelCard) -> None:
    seen = []

    class AnySize(FixedSession):
        @property
        def input_shape(self) -> Shape:
            return (1, 3, None, None)

        def run(self, blob: NDArray[np.float32]) -> NDArray[np.float32]:
            seen.append(blob.shape)
            return self.output

    card = replace(tiny_card, looks=(Look(64), Look(128, mirrored=True)))
    Detector(AnySize(_output({"handgun": 0.9})), card, "0" * 64).detect(_grey(200, 100, 40))
    assert seen == [(1, 3, 32, 64), (1, 3, 64, 128)]


def test_a_network_of_one_size_refuses_looks_of_another(tiny_card: ModelCard) -> None:
    with pytest.raises(ModelCardError, match=r"\(1, 3, 96, 96\), the network takes \(1, 3, 64, 64\)"):
        Detector(FixedSession(_output({})), replace(tiny_card, looks=(Look(96),)), "0" * 64)
