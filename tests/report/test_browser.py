"""The page of `--emit html` in Chromium: on a phone and a desk, by day and by night."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: make browser installs it")

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def file(report: str, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(report)
    return path


def opened(browser: Browser, file: Path, width: int, scheme: Scheme) -> Page:
    """The page in a window of that width; it must log nothing and fetch nothing but itself."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.on("console", lambda message: pytest.fail(f"the console says: {message.text}"))
    page.on("pageerror", lambda error: pytest.fail(f"the page fails: {error}"))
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(file.as_uri())
    assert fetched == [file.as_uri()]
    return page


def brightness(page: Page, selector: str, property_: str) -> float:
    """0 for black, 255 for white."""
    colour = page.evaluate(
        "([s, p]) => getComputedStyle(document.querySelector(s))[p].match(/[0-9.]+/g)",
        [selector, property_],
    )
    return sum(float(part) for part in colour[:3]) / 3


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, file: Path, width: int) -> None:
    page = opened(browser, file, width, "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_day_and_by_night(browser: Browser, file: Path, scheme: Scheme) -> None:
    page = opened(browser, file, 360, scheme)
    paper = brightness(page, "body", "backgroundColor")
    assert (paper < 64) == (scheme == "dark")
    assert abs(paper - brightness(page, "body", "color")) > 150
    label, box = (brightness(page, f".graph {shape}", "fill") for shape in ("text", "rect"))
    assert abs(label - box) > 100


def test_the_plan_is_drawn_inside_its_frame(browser: Browser, file: Path) -> None:
    page = opened(browser, file, 360, "light")
    frame = page.locator("svg.plan").bounding_box()
    assert frame is not None
    blocks = page.locator("svg.plan rect").all()
    assert blocks
    for block in blocks:
        box = block.bounding_box()
        assert box is not None
        assert box["width"] > 0
        assert box["height"] > 0
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1
        assert block.locator("title").count() == 1


def test_a_graph_that_is_wider_than_its_frame_begins_in_the_middle(
    browser: Browser, file: Path
) -> None:
    page = opened(browser, file, 120, "light")
    left, spare = page.evaluate(
        "(() => { const f = document.querySelector('.wide');"
        " return [f.scrollLeft, f.scrollWidth - f.clientWidth] })()"
    )
    assert spare > 10
    assert abs(left - spare / 2) <= 1


def test_a_large_block_says_what_lies_in_it(browser: Browser, file: Path) -> None:
    page = opened(browser, file, 360, "light")
    (label,) = page.locator("svg.plan text").all_text_contents()
    assert label.endswith(" 0.6 kB")
