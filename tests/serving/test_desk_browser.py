"""The review desk in a real browser: open from the list, confirm, correct by drawing, reject."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, ServeInThread

WIDTH, HEIGHT = 640, 512


def _parcel(seed: int) -> bytes:
    """A dark thing in a light parcel, mostly dark, so that the fake detector finds a handgun."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    cv2.rectangle(picture, (120, 120), (520, 400), (40, 60, 120), -1)
    return cv2.imencode(".png", picture + rng.integers(0, 9, picture.shape, np.uint8))[1].tobytes()


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("no browser: apt-get update && apt-get install -y chromium")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of this file."""
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with a memory of its own; scripts that fail, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(60_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def client(serve: ServeInThread, fake: FakeDetector) -> Iterator[httpx.Client]:
    """A service of the test's own."""
    with serve(fake) as client:
        yield client


@pytest.fixture
def scans(client: httpx.Client) -> list[dict[str, Any]]:
    """Two alarms, oldest first."""
    found = []
    for number in range(2):
        metadata = json.dumps({"item_id": f"RR0000000{number}CA"})
        image = ("x", _parcel(number), "image/png")
        parts: dict[str, Any] = {"top": image, "metadata": ("m", metadata, "application/json")}
        found.append(client.post("/v1/scans", files=parts).json())
    return found


def _reviews(client: httpx.Client, scan: dict[str, Any]) -> list[dict[str, Any]]:
    return list(client.get(scan["links"]["reviews"]).json()["items"])


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point of the view to another, in pixels of the view."""
    corners = page.evaluate(
        """(points) => {
            const matrix = document.getElementById('stage').getScreenCTM();
            const place = ([x, y]) => new DOMPoint(x, y).matrixTransform(matrix);
            return points.map(place).map((at) => [at.x, at.y]);
        }""",
        [start, end],
    )
    (x0, y0), (x1, y1) = corners
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()


def _open(page: Page, client: httpx.Client, scan: dict[str, Any], reviewer: str = "Ada") -> None:
    page.goto(str(client.base_url.join(scan["links"]["desk"])))
    page.locator("#boxes g.model").wait_for()
    page.locator("#reviewer").fill(reviewer)
    page.locator("#reviewer").blur()


@pytest.mark.browser
def test_a_scan_is_opened_from_the_list_and_confirmed(
    client: httpx.Client, page: Page, scans: list[dict[str, Any]]
) -> None:
    older, newer = scans
    page.goto(str(client.base_url.join("/review")))
    assert page.locator(".card").count() == 2
    page.locator(f'[data-scan="{newer["id"]}"]').click()
    page.locator("#boxes g.model").wait_for()
    # Without a name nothing is saved.
    page.keyboard.press("r")
    assert "Reviewer" in page.locator("#status").inner_text()
    assert _reviews(client, newer) == []
    page.locator("#reviewer").fill("Ada <b>Bold</b>")
    page.locator("#reviewer").blur()
    page.keyboard.press("r")
    # The next that waits comes by itself, and remembers the name.
    page.wait_for_url(f"**/review/scans/{older['id']}?show=todo")
    assert page.locator("#reviewer").input_value() == "Ada <b>Bold</b>"
    [review] = _reviews(client, newer)
    assert (review["decision"], review["reviewer"]) == ("confirm", "Ada <b>Bold</b>")
    assert [box["label"] for box in review["annotations"]] == ["handgun"]
    # What was saved is drawn solid, and who saved it is told, as text.
    page.goto(str(client.base_url.join(newer["links"]["desk"])))
    page.locator("#boxes g.person").wait_for()
    assert "confirm by Ada <b>Bold</b>" in page.locator(".history").inner_text()
    assert page.locator(".history b b").count() == 0


@pytest.mark.browser
def test_boxes_are_corrected_by_drawing(client: httpx.Client, page: Page, scans: list[dict[str, Any]]) -> None:
    scan = scans[1]
    _open(page, client, scan)
    # The model's box is deleted, brought back, and deleted.
    for key, left in (("Delete", 0), ("z", 1), ("Delete", 0)):
        if key == "Delete":
            page.locator("#findings li").first.click()
        page.keyboard.press(key)
        assert page.locator("#boxes g").count() == left
    # A new one is drawn, labelled and resized; zoom and inversion leave it where it is in the view.
    page.keyboard.press("d")
    _drag(page, (100, 110), (300, 200))
    page.locator("#label").select_option("barrel")
    page.locator("#attributes input[value=occluded]").check()
    _drag(page, (300, 200), (330, 220))
    page.mouse.wheel(0, -400)
    page.keyboard.press("i")
    # Another one is drawn, labelled by its key, and moved.
    page.keyboard.press("d")
    _drag(page, (340, 230), (380, 260))
    page.keyboard.press("9")
    _drag(page, (360, 245), (370, 255))
    page.locator("#note").fill("a barrel & a suppressor")
    page.locator("#accept").click()
    page.wait_for_url(f"**/review/scans/{scans[0]['id']}?show=todo")
    [review] = _reviews(client, scan)
    assert (review["decision"], review["note"]) == ("correct", "a barrel & a suppressor")
    first, second = review["annotations"]
    assert (first["label"], first["attributes"], first["view"]) == ("barrel", ["occluded"], "top")
    assert first["xyxy"] == pytest.approx([100, 110, 330, 220], abs=2)
    assert second["label"] == "suppressor"
    assert second["xyxy"] == pytest.approx([350, 240, 390, 270], abs=2)


@pytest.mark.browser
def test_a_false_alarm_is_rejected(client: httpx.Client, page: Page, scans: list[dict[str, Any]]) -> None:
    _open(page, client, scans[0])
    page.keyboard.press("u")
    page.wait_for_url(f"**/review/scans/{scans[1]['id']}?show=todo")
    following = [f"**/review/scans/{scans[0]['id']}?show=todo", "**/review?show=todo"]
    for scan, address in zip(reversed(scans), following, strict=True):
        _open(page, client, scan)
        page.keyboard.press("x")
        page.wait_for_url(address)
        [review] = _reviews(client, scan)
        assert (review["decision"], review["annotations"]) == ("reject", [])
    assert page.locator(".empty").count() == 1
