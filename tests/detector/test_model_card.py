from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx
import pytest

from detector.errors import ModelCardError
from detector.model_card import CARD_KEY, ModelCard, attach_card, checksum_of, read_card, seal, verify_seal
from detector.taxonomy import LABELS

Builder = Callable[[ModelCard], bytes]


def _metadata(model_bytes: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_from_string(model_bytes).metadata_props}


def test_a_card_comes_back_from_its_text(tiny_card: ModelCard) -> None:
    card = replace(tiny_card, score_calibration={"slide": (0.5, -1.25)}, metrics={"test": {"ap50": 0.5}}, notes="é")
    assert ModelCard.from_json(card.to_json()) == card


def test_an_attached_card_is_readable_by_onnx_and_sealed(tiny_card: ModelCard, build_network: Builder) -> None:
    model_bytes = attach_card(build_network(tiny_card), tiny_card)
    onnx.checker.check_model(onnx.load_from_string(model_bytes))
    card = read_card(_metadata(model_bytes))
    assert replace(card, weights_sha256="0" * 64) == tiny_card
    verify_seal(model_bytes, card)


def test_the_onnx_package_and_attach_card_give_files_with_the_same_content(
    tiny_card: ModelCard, build_network: Builder
) -> None:
    model = onnx.load_from_string(build_network(tiny_card))
    onnx.helper.set_model_props(model, {CARD_KEY: tiny_card.to_json()})
    sealed = seal(model.SerializeToString())
    verify_seal(sealed, read_card(_metadata(sealed)))
    assert onnx.load_from_string(sealed) == onnx.load_from_string(attach_card(build_network(tiny_card), tiny_card))


def test_sealing_keeps_the_length_and_may_be_repeated(tiny_card: ModelCard, build_network: Builder) -> None:
    once = attach_card(build_network(tiny_card), tiny_card)
    assert seal(once) == once
    assert checksum_of(once) in once.decode("latin-1")
    unsealed = once.replace(checksum_of(once).encode(), b"0" * 64)
    assert len(unsealed) == len(once)
    assert seal(unsealed) == once


def test_a_change_of_any_byte_breaks_the_seal(tiny_card: ModelCard, build_network: Builder) -> None:
    model_bytes = attach_card(build_network(tiny_card), tiny_card)
    card = read_card(_metadata(model_bytes))
    start = model_bytes.index(card.weights_sha256.encode())
    for at in range(0, len(model_bytes), 7):
        if start - 20 <= at < start + 65:
            continue  # the field itself: checked below
        changed = bytearray(model_bytes)
        changed[at] ^= 1
        with pytest.raises(ModelCardError, match=r"checksum mismatch|expected one weights_sha256"):
            verify_seal(bytes(changed), card)
    with pytest.raises(ModelCardError, match="checksum mismatch"):
        verify_seal(model_bytes, replace(card, weights_sha256="f" * 64))


def test_a_file_without_or_with_two_seals_is_refused(tiny_card: ModelCard, build_network: Builder) -> None:
    bare = build_network(tiny_card)
    with pytest.raises(ModelCardError, match="found 0"):
        checksum_of(bare)
    carded = attach_card(bare, tiny_card)
    with pytest.raises(ModelCardError, match="a card already"):
        attach_card(carded, tiny_card)
    with pytest.raises(ModelCardError, match="found 2"):
        checksum_of(carded + carded)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": []}, "expected the classes"),
        ({"classes": [*LABELS, "banana"]}, "expected the classes"),
        ({"classes": list(reversed(LABELS))}, "expected the classes"),
        ({"input_size_px": 0}, "input size"),
        ({"input_size_px": "wide"}, "cannot be read"),
        ({"looks": [{"size_px": 16, "mirrored": False}]}, "input size"),
        ({"looks": [{"size_px": 64}]}, "cannot be read"),
        ({"looks": [{"size_px": 64, "mirrored": True}] * 9}, "at most 8 looks"),
        ({"head": "hydra"}, "expected a head"),
        ({"preprocessing": "crop"}, "preprocessing"),
        ({"operating_point": "absent"}, "no thresholds"),
        ({"thresholds": {"balanced": {"handgun": 0.5}}}, "missing or unknown"),
        ({"thresholds": {"balanced": {**dict.fromkeys(LABELS, 0.5), "banana": 0.5}}}, "banana"),
        ({"thresholds": {"balanced": {**dict.fromkeys(LABELS, 0.5), "bolt": 1.5}}}, "threshold in 0..1 for 'bolt'"),
        ({"thresholds": {"balanced": {**dict.fromkeys(LABELS, 0.5), "bolt": float("nan")}}}, "threshold in 0..1"),
        ({"thresholds": [1, 2]}, "cannot be read"),
        ({"score_calibration": {"handgun": [0, 1]}}, "a > 0"),
        ({"score_calibration": {"handgun": [float("nan"), 1]}}, "finite"),
        ({"score_calibration": {"handgun": [1, float("inf")]}}, "finite"),
        ({"score_calibration": {"handgun": [1]}}, "cannot be read"),
        ({"score_calibration": {"banana": [1, 0]}}, "known labels"),
        ({"weights_sha256": "short"}, "64 hex digits"),
        ({"surprise": 1}, r"unknown fields \['surprise'\]"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(tiny_card: ModelCard, changes: dict[str, Any], message: str) -> None:
    values = {**json.loads(tiny_card.to_json()), **changes}
    with pytest.raises(ModelCardError, match=message):
        ModelCard.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"card"', "{}", '{"name": "x"}'])
def test_text_that_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(ModelCardError):
        ModelCard.from_json(text)


def test_a_model_without_a_card_is_refused_with_the_next_step() -> None:
    with pytest.raises(ModelCardError, match="parcelray export"):
        read_card({})


def test_an_older_model_may_know_fewer_labels(tiny_card: ModelCard) -> None:
    few = LABELS[:3]
    card = replace(tiny_card, classes=few, thresholds={"balanced": dict.fromkeys(few, 0.5)})
    assert ModelCard.from_json(card.to_json()).classes == few
