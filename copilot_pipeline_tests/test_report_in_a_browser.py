"""The report as a browser shows it: on a screen, on a phone, in the dark and on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.report.page import ReportOptions, render_page
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.browser import Page, browser

pytestmark = pytest.mark.slow

# WCAG 2.2, level AA: of text, and of the parts of a chart.
TEXT_CONTRAST, GRAPHICS_CONTRAST = 4.5, 3

TEXT_COLORS = ("text", "muted", "link", "warn")
CHART_COLORS = (
    *("blue", "navy", "teal", "green", "darkgreen", "purple", "violet", "orange", "red"),
    *("yellow", "gray", "axis", "mark"),
)

# The lowest contrast of a color with the backgrounds that it is seen on.
CONTRAST = """
((name, backgrounds) => {
  const luminance = (color) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${color})`;
    document.body.append(probe);
    const parts = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    probe.remove();
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const one = luminance(name);
  return Math.min(...backgrounds.map((background) => {
    const other = luminance(background);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  }));
})(%r, %s)
"""


@pytest.fixture(scope="module")
def file(demo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the demo, with people."""
    with Database(demo_url) as database:
        options = ReportOptions(select_scopes(database), 90, with_people=True)
        page = render_page(database, Today.from_clock(), options)
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def page(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("profile")) as page:
        page.resize(1280, 900)
        page.open(file)
        yield page


def test_the_page_writes_nothing_to_the_console_and_asks_for_nothing(
    page: Page, file: Path
) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.console == []
    assert [url for url in page.requests if not url.startswith("data:")] == [file.as_uri()]


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_fits_every_screen(page: Page, width: int) -> None:
    page.resize(width, 800)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # The text of charts is scaled with them.
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('figure svg text')].map("
        "(each) => each.getBoundingClientRect().height))"
    )
    assert smallest >= (9 if width >= 390 else 7)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_stand_out_from_their_background(page: Page, scheme: str) -> None:
    page.prefer(scheme)
    is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    assert is_dark == (scheme == "dark")
    low = {
        name: contrast
        for names, least in ((TEXT_COLORS, TEXT_CONTRAST), (CHART_COLORS, GRAPHICS_CONTRAST))
        for name in names
        if (contrast := page.evaluate(CONTRAST % (name, '["page", "card"]'))) < least
    }
    assert low == {}


def test_every_color_of_a_chart_is_one_of_the_page(page: Page) -> None:
    unknown = page.evaluate(
        "[...document.querySelectorAll('svg [stroke], svg [fill]')].flatMap((each) =>"
        " [each.getAttribute('stroke'), each.getAttribute('fill')]).filter((color) => color"
        " && color !== 'none' && color !== 'transparent' && (!color.startsWith('var(--') ||"
        " !getComputedStyle(document.documentElement).getPropertyValue(color.slice(4, -1))))"
    )
    assert unknown == []


def test_links_details_and_scrolled_tables_are_reached_by_keyboard(page: Page) -> None:
    page.resize(390, 800)
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        for kind in ("keyDown", "keyUp"):
            page.send(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "SUMMARY", "DIV"} <= reached


def test_the_printed_page_is_light_and_has_several_pages(page: Page) -> None:
    page.prefer("dark")
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") > 3
    page.send("Emulation.setEmulatedMedia", media="print", features=[])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    # The width of a page of paper: nothing can be scrolled there.
    page.resize(680, 1000)
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter("
        "(each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.ariaLabel)"
    )
    assert cut == []
