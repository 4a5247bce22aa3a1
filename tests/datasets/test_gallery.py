"""The gallery in a real browser, opened from its file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from datasets.catalogue import Catalogue, CatalogueInfo, write_catalogue
from datasets.records import DIFFICULTIES
from datasets.samples import Annotation
from parcelray import main

Make = Callable[..., Catalogue]
NASTY = "</script><script>document.title = 'broken'</script>"
MARKS = (
    Annotation("handgun", (4.0, 5.0, 30.5, 20.25), ("polymer",), 0.8, 300.0, 0.25, 0.5, "medium"),
    Annotation("bolt", (40, 30, 50, 40)),
)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page whose scripts may not fail and whose pictures must be there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no browser: apt-get update && apt-get install -y chromium")
    problems: list[str] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(request.url))
        yield page
        browser.close()
    assert problems == []


@pytest.mark.browser
def test_filter_enlarge_step_and_hide_the_boxes(make_catalogue: Make, tmp_path: Path, page: Page) -> None:
    made = make_catalogue("cat #1", info=CatalogueInfo(NASTY, "own", "real", research_only=True))
    items = []
    for number, (record, _) in enumerate(made.items()):
        marks = MARKS if record.parcel_id == "parcel-1" else MARKS[:1] if number % 2 else ()
        items.append((replace(record, difficulty=DIFFICULTIES[number % 3], complexity=0.5), marks))
    made = write_catalogue(made.folder, items, made.info)
    out = tmp_path / "pages/gallery.html"
    out.parent.mkdir()
    assert main(["catalogue", "gallery", str(made.folder), str(out), "--copy"]) == 0
    shutil.move(made.folder, tmp_path / "gone")  # the page has copies of its own
    out.parent.rename(tmp_path / "moved")
    page.goto((tmp_path / "moved/gallery.html").as_uri())
    assert page.title() == f"{NASTY}: gallery"
    cards = page.locator(".card:visible")
    assert cards.count() == 12
    page.select_option("#filter-label", "bolt")
    assert (cards.count(), page.inner_text("#shown")) == (2, "2 of 12 images")
    page.select_option("#filter-view", "side")
    assert cards.count() == 1
    page.select_option("#filter-label", "nothing to find")
    page.select_option("#filter-view", "")
    assert cards.count() == sum(not marks for _, marks in made.items())
    page.select_option("#filter-difficulty", "hard")
    page.click("#reset")
    page.select_option("#filter-label", "bolt")
    cards.first.click()
    assert page.inner_text("#file") == "parcel-1"
    assert page.locator("#stage img").count() == 2  # both views
    page.wait_for_function(
        "[...document.querySelectorAll('#stage img')].every((i) => i.complete && i.naturalWidth === 64)"
    )
    facts = page.inner_text("#facts")
    assert all(word in facts for word in ("View difficulty", "25 %", "Superposition", "polymer", "medium"))
    box = page.locator("#stage rect").first
    assert box.is_visible()
    page.keyboard.press("b")
    assert not box.is_visible()
    assert page.get_attribute("#boxes2", "aria-pressed") == "false"
    page.keyboard.press("ArrowRight")
    assert page.locator("#stage figcaption").first.inner_text().startswith("side view")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_without_copies_the_page_links_into_the_catalogue(make_catalogue: Make, tmp_path: Path) -> None:
    made = make_catalogue("with space")
    assert main(["catalogue", "gallery", str(made.folder), str(tmp_path / "a.html")]) == 0
    page = (tmp_path / "a.html").read_text("utf-8")
    assert '"file": "with%20space/images/0/top.png"' in page
    assert sorted(path.name for path in (tmp_path / "a_files").iterdir()) == ["small"]
    assert main(["catalogue", "gallery", str(made.folder), str(tmp_path / "a.txt")]) == 2
