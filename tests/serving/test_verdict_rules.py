"""Operating points, budgets and alarm budgets by scanner; item ids; scan numbers; quality checks."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from detector.images import decode
from detector.model_card import ModelCard
from serving.alarms import AlarmRanks
from serving.errors import BadSettingsError
from serving.item_ids import has_wrong_check_digit
from serving.scanners import load_scanners
from serving.settings import Settings

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}


def post(client: httpx.Client, image: bytes, **params: str) -> dict[str, Any]:
    answer = client.post("/v1/scans", content=image, headers=PNG, params=params)
    assert answer.status_code in {200, 201}, answer.text
    read: dict[str, Any] = answer.json()
    return read


def test_a_scanner_has_its_own_operating_point_and_budget(
    serve: ServeInThread, make_detector: type[FakeDetector], tiny_card: ModelCard, make_png: PngMaker, tmp_path: Path
) -> None:
    strict = dict.fromkeys(tiny_card.thresholds[tiny_card.operating_point], 0.95)
    card = replace(tiny_card, thresholds={**tiny_card.thresholds, "strict": strict})
    file = tmp_path / "scanners.toml"
    file.write_text('[belt-1]\noperating_point = "strict"\nbudget_ms = 7000\n["belt 2"]\nbudget_ms = 8000\n')
    with serve(make_detector(card), scanners_file=file, budget_ms=9000) as client:
        image = make_png(20)  # the fake finds a handgun at 0.9
        own = post(client, image, scanner_id="belt-1")
        assert (own["verdict"], own["operating_point"], own["budget_ms"]) == ("clear", "strict", 7000)
        assert set(own["thresholds"].values()) == {0.95}
        other = post(client, image, scanner_id="belt 2")
        assert (other["verdict"], other["operating_point"], other["budget_ms"]) == ("alarm", card.operating_point, 8000)
        assert post(client, image)["budget_ms"] == 9000
        asked = client.post("/v1/scans?scanner_id=belt-1", content=image, headers=PNG | {"X-Budget-Ms": "6000"})
        assert asked.json()["budget_ms"] == 6000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nbudget_ms = 0\n", "a.budget_ms"),
        ("[a]\ncolour = 1\n", "a.colour"),
        ("[a]\nacross_px = [640]\n", "a: .*add belt"),
        ("[a\n", "no TOML"),
        (None, "PARCELRAY_SCANNERS_FILE"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "scanners.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadSettingsError, match=said):
        load_scanners(Settings(scanners_file=file))


def test_an_operating_point_that_the_model_lacks_is_named(fake: FakeDetector, tmp_path: Path) -> None:
    file = tmp_path / "scanners.toml"
    file.write_text('[belt-1]\noperating_point = "no such"\n')
    with pytest.raises(BadSettingsError, match="belt-1.*no such.*" + fake.card.operating_point):
        load_scanners(Settings(scanners_file=file)).check(fake)


@pytest.mark.parametrize("item_id", ["RR473124829CA", "rr 473 124 829 ca", "EE000000014CA", "1Z999AA10123456784", "x"])
def test_item_ids_that_are_right_or_not_of_the_post(item_id: str) -> None:
    assert not has_wrong_check_digit(item_id)


@pytest.mark.parametrize("item_id", ["RR473124820CA", "RR473142829CA", "ee000000016ca"])
def test_item_ids_with_a_wrong_check_digit(item_id: str) -> None:
    assert has_wrong_check_digit(item_id)


def test_check_digits_ten_and_eleven() -> None:
    # The rest of 11 stands as 5, and 10 as 0 (UPU S10-12, 5.1).
    assert not has_wrong_check_digit("RR000000005CA")
    assert not has_wrong_check_digit("RR000009000CA")
    assert has_wrong_check_digit("RR000000000CA")


def test_a_wrong_item_id_is_flagged_or_refused(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake) as client:
        assert post(client, make_png(20), item_id="RR473124820CA")["flags"] == ["item_id_check_digit"]
        assert post(client, make_png(20), item_id="RR473124829CA")["flags"] == []
        again = post(client, make_png(20), item_id="RR473124829CA")
        assert len(client.get("/v1/scans", params={"item_id": "RR473124829CA"}).json()["items"]) == 2
        assert again["item_id"] == "RR473124829CA", "the same number may come back"
    with serve(fake, invalid_item_ids="refuse") as client:
        answer = client.post("/v1/scans?item_id=RR473124820CA", content=make_png(20), headers=PNG)
        assert answer.status_code == 422
        assert "PARCELRAY_INVALID_ITEM_IDS" in answer.json()["detail"]


def test_a_scan_number_is_used_once_by_each_scanner(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker
) -> None:
    with serve(fake) as client:
        first = post(client, make_png(20), scanner_id="a", scan_number="1")
        assert post(client, make_png(20), scanner_id="a", scan_number="1")["id"] == first["id"]
        assert post(client, make_png(20), scanner_id="b", scan_number="1")["id"] != first["id"]
        assert post(client, make_png(20), scan_number="1")["id"] != first["id"], "no scanner, no key"
        other = client.post("/v1/scans?scanner_id=a&scan_number=1", content=make_png(21), headers=PNG)
        assert other.json()["type"] == "urn:parcelray:problem:idempotency-key-reused"


def test_alarms_over_the_budget_are_ranked_and_stay_alarms(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker
) -> None:
    with serve(fake, alarms_per_hour=2) as client:
        answers = [post(client, make_png(20, mark=mark), lane="A") for mark in range(3)]
        assert [answer["verdict"] for answer in answers] == ["alarm"] * 3
        assert answers[-1]["alarm_rank"] == {"rank": 3, "alarms_last_hour": 3, "allowed": 2, "within": False}
        assert answers[1]["alarm_rank"]["within"]
        assert post(client, make_png(20), lane="B")["alarm_rank"]["rank"] == 1
        assert post(client, make_png(200), lane="A")["alarm_rank"] is None
        assert "no. 3 of 3, 2 an hour" in client.get("/live").text
        assert client.get(answers[-1]["links"]["self"]).json()["alarm_rank"]["rank"] == 3


def test_the_surest_alarm_comes_first_and_an_hour_passes() -> None:
    now = 0.0
    ranks = AlarmRanks(lambda: now, max_lanes=2)
    places = [ranks.rank("s", "A", score, 1).rank for score in (0.5, 0.9, 0.7, 0.5)]
    assert places == [1, 1, 2, 4]
    now = 3601.0
    assert ranks.rank("s", "A", 0.1, 1).rank == 1
    ranks.rank("s", "B", 0.1, 1)
    ranks.rank("s", "C", 0.1, 1)
    assert ranks.rank("s", "A", 0.1, 1).alarms_last_hour == 1, "of too many lanes the oldest is forgotten"


def test_a_flawed_view_is_never_cleared(serve: ServeInThread, fake: FakeDetector, make_png: PngMaker) -> None:
    with serve(fake, quality_checks=True, budget_ms=60_000) as client:
        blank = post(client, make_png(200))
        assert (blank["verdict"], blank["reasons"]) == ("refer", ["blank_view"])
        assert blank["views"][0]["inferred"]
        alarm = post(client, make_png(20))
        assert (alarm["verdict"], alarm["reasons"]) == ("alarm", ["above_threshold", "blank_view"])


def test_noise_is_no_flaw(serve: ServeInThread, fake: FakeDetector) -> None:
    import cv2

    picture = np.random.default_rng(1).integers(100, 256, (240, 320, 3), np.uint8)
    with serve(fake, quality_checks=True, budget_ms=60_000) as client:
        assert post(client, cv2.imencode(".png", picture)[1].tobytes())["verdict"] == "clear"


def test_a_cut_off_parcel_is_referred_where_whole_ones_are_expected(
    serve: ServeInThread, fake: FakeDetector, tmp_path: Path
) -> None:
    import cv2

    sample = decode((files("detector") / "samples" / "scan.png").read_bytes())
    air = np.full_like(sample, np.percentile(sample, 95))
    cut = cv2.imencode(".png", np.hstack([air, sample[:, : sample.shape[1] // 2]]))[1].tobytes()
    file = tmp_path / "scanners.toml"
    file.write_text('[hub]\nbelt = "horizontal"\n')
    with serve(fake, quality_checks=True, budget_ms=60_000, scanners_file=file) as client:
        assert post(client, cut)["verdict"] == "clear"
        referred = post(client, cut, scanner_id="hub")
        assert (referred["verdict"], referred["reasons"]) == ("refer", ["clipped_view"])


def test_a_picture_that_lies_otherwise_than_its_scanners_is_referred(
    serve: ServeInThread, fake: FakeDetector, tmp_path: Path
) -> None:
    import cv2

    sample = decode((files("detector") / "samples" / "scan.png").read_bytes())
    air = np.full_like(sample, np.percentile(sample, 95))
    whole = np.hstack([air, sample, air])
    file = tmp_path / "scanners.toml"
    file.write_text(f'[hub]\nbelt = "horizontal"\nacross_px = [{len(sample)}]\n')
    with serve(fake, quality_checks=True, budget_ms=60_000, scanners_file=file) as client:
        upright, turned = (cv2.imencode(".png", np.rot90(whole, turns))[1].tobytes() for turns in (0, 1))
        assert post(client, upright, scanner_id="hub")["verdict"] == "clear"
        referred = post(client, turned, scanner_id="hub")
        assert (referred["verdict"], referred["reasons"]) == ("refer", ["misoriented_view"])
        assert post(client, turned)["verdict"] == "clear"
