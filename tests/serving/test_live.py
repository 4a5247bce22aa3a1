"""The operator's page: the latest scans of each lane, the last hour, and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.policy import Reason
from serving.live import SHOWN, Board
from serving.schemas import ScanOut

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}
ANSWER = ScanOut.model_validate(ScanOut.model_config["json_schema_extra"]["example"])  # type: ignore[index]


def test_the_page_shows_lanes_with_boxes_and_health(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker
) -> None:
    with serve(fake) as client:
        assert "No scans yet" in client.get("/live").text
        for lane, level in (("<b>1</b>", 20), ("2", 200)):
            client.post("/v1/scans", content=make_png(level), headers=PNG, params={"scanner_id": "hub", "lane": lane})
        page = client.get("/live")
        assert "model: ok" in page.text
        assert page.text.count('class="found"') == 1
        assert "handgun" in page.text
        assert "&lt;b&gt;1&lt;/b&gt;" in page.text
        fake.failing = True
        client.post("/v1/scans", content=make_png(21), headers=PNG, params={"scanner_id": "hub", "lane": "2"})
        part = client.get("/live/board").text
        assert part.count('class="card') == 3
        assert "<html" not in part
        assert "model failure" in part
        assert "the last inference failed" in part
    fake.failing = False
    with serve(fake) as client:
        assert "handgun" in client.get("/live").text, "after a restart the latest scans are there again"


def test_the_board_counts_one_hour_and_keeps_the_newest() -> None:
    now = 0.0
    board = Board(lambda: now)
    for number in range(6):
        reasons = [Reason.BUDGET_EXCEEDED] if number == 0 else ANSWER.reasons
        board.scan(ANSWER.model_copy(update={"id": str(number), "reasons": reasons}))
    (lane,) = board.lanes()
    assert [scan.id for scan in lane.latest] == ["5", "4", "3", "2"]
    assert len(lane.latest) == SHOWN
    assert (lane.verdicts["alarm"], lane.misses) == (6, 1)
    assert lane.slowest_ms == ANSWER.timings_ms.total
    now = 3601.0
    (lane,) = board.lanes()
    assert (lane.verdicts["alarm"], lane.misses, lane.slowest_ms) == (0, 0, None)


def test_of_very_many_lanes_the_last_ones_are_kept() -> None:
    board = Board(max_lanes=2)
    for name in ("a", "b", "a", "c"):
        board.scan(ANSWER.model_copy(update={"lane": name}))
    assert [lane.lane for lane in board.lanes()] == ["a", "c"]
