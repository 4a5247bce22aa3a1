"""The operator's page in a real browser: it follows the stream of events, and says so when nobody answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, sync_playwright

if TYPE_CHECKING:
    from tests.serving.conftest import FakeDetector, PngMaker, ServeInThread

PNG = {"Content-Type": "image/png"}
# The page's look now and then never comes: what appears, appears because of an event.
NO_LONG_WAITS = "const wait = setTimeout; window.setTimeout = (work, ms) => (ms < 5000 ? wait(work, ms) : 0);"


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("no browser: apt-get update && apt-get install -y chromium")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(NO_LONG_WAITS)
        yield page
        browser.close()


@pytest.mark.browser
def test_verdicts_appear_as_they_come_and_silence_is_said(
    serve: ServeInThread, fake: FakeDetector, make_png: PngMaker, page: Page
) -> None:
    with serve(fake) as client:
        with page.expect_response("**/v1/events") as followed:
            page.goto(str(client.base_url.join("/live")))
        assert followed.value.headers["content-type"].startswith("text/event-stream")
        assert page.get_by_text("No scans yet").is_visible()
        for number in range(3):
            params = {"scanner_id": "hub", "lane": "1", "item_id": f"ITEM-{number}"}
            client.post("/v1/scans", content=make_png(20, mark=number), headers=PNG, params=params)
            page.get_by_text(f"ITEM-{number}").wait_for()
            if number == 0:  # an erased scan goes with the next event
                scan = client.get("/v1/scans").json()["items"][0]["links"]["self"]
                assert client.delete(scan, params={"reason": "asked for", "by": "Ada"}).status_code == 204
        assert page.locator("#board .card.alarm").count() == 2
        assert not page.locator("#stale").is_visible()
    page.locator("#stale").wait_for(state="visible")
