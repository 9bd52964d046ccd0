"""The page for everyone: without a mouse, by a screen reader, in both themes, on a phone, at 200 % zoom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import PHONE, Opened, OpenPage
from checkout import checkout

pytestmark = pytest.mark.browser

GUIDE = Path(__file__).parents[2] / "docs" / "page.md"
ZOOMED: dict[str, Any] = {"viewport": {"width": 700, "height": 450}, "device_scale_factor": 2}
"""What is left of a window of 1400 x 900 at 200 %."""
PLACES = {
    "wide": {}, "phone": PHONE, "zoomed": ZOOMED, "narrowest": {"viewport": {"width": 320, "height": 640}},
}  # fmt: skip


def violations(page: Opened) -> list[str]:
    """Return what axe-core finds wrong, by all of its rules."""
    found = Axe().run(page.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize(("theme", "place"), [("light", "wide"), ("dark", "phone")])
def test_axe_finds_nothing_wrong_whatever_is_shown(theme: Any, place: str, open_page: OpenPage) -> None:
    page = open_page(checkout(), color_scheme=theme, **PLACES[place])
    page.press("e")
    assert violations(page) == []
    page.press(*"tt" if theme == "dark" else "t")  # to the other theme
    for view in ("Lines", "Details") if place == "phone" else ():
        page.page.locator("#views").get_by_role("button", name=view).click()
        assert violations(page) == []
    page.press("Escape")
    page.fill("#filter-text", "charge failed")
    assert violations(page) == []
    page.press("Escape", "?")
    assert violations(page) == []


def test_the_timeline_is_a_tree_grid_to_a_screen_reader(open_page: OpenPage) -> None:
    page = open_page(checkout())
    names = ("level", "posinset", "setsize", "rowindex", "expanded")
    rows = page.page.locator("#tree .body [role=row]").evaluate_all(
        "(rows, names) => rows.map((row) => names.map((name) => row.getAttribute(`aria-${name}`)))", names
    )
    assert sorted(rows, key=lambda row: int(row[3]))[:5] == [
        ["1", "1", "3", "2", "true"],
        ["2", "1", "2", "3", None],
        ["2", "2", "2", "4", "true"],
        ["3", "1", "5", "5", None],
        ["3", "2", "5", "6", None],
    ]
    page.press("j", "j", "j")
    assert page.ask("document.activeElement.id") == "tree"
    assert page.ask("document.activeElement.getAttribute('aria-rowcount')") == "19"
    active = page.page.locator(f"#{page.ask('''document.activeElement.getAttribute('aria-activedescendant')''')}")
    assert active.get_attribute("aria-selected") == "true"
    assert "cell" in active.aria_snapshot()


def test_what_is_found_and_done_is_said_in_live_regions(open_page: OpenPage) -> None:
    page = open_page(checkout())
    page.fill("#filter-text", "charge")
    live = "[role=status], output"
    assert page.texts(live) == ["1 span, 1 line", ""]
    page.press("Escape", "e")
    assert page.texts(live) == ["1 span, 1 line", "error 1 of 2"]


def test_everything_is_reached_and_done_by_keys_alone(open_page: OpenPage) -> None:
    page = open_page(checkout())
    page.press("j", "ArrowDown", "ArrowDown")
    assert page.selected == "place order orders → 1"
    page.press("ArrowLeft", "ArrowLeft")
    assert page.selected == "POST /checkout api-gateway ← 1"
    page.press("End", "k")
    assert page.selected == "lines of this trace on none of its spans"
    page.press("Home", "e", "l")
    assert (page.ask("document.activeElement.id"), page.selected[:7]) == ("lines-list", "+100 ms")
    page.press("j", "j")
    assert page.selected[:7] == "+400 ms"
    page.press("Enter")
    assert page.ask("document.activeElement.id") == "tree"
    page.press("Enter")
    assert page.ask("document.activeElement.id") == "details"
    page.press("Tab", "Tab")
    assert page.ask("document.activeElement.textContent") == "copy id"
    page.press("Escape", "/")
    assert page.ask("document.activeElement.id") == "filter-text"
    page.page.keyboard.type("stock")
    page.until(lambda: page.text("#found") == "1 span, 1 line")
    page.press("Escape", "Escape", "?")
    assert page.page.get_by_role("dialog").is_visible()
    page.press("Escape")
    assert not page.page.get_by_role("dialog").is_visible()


def test_tab_goes_through_what_can_be_used_and_each_shows_its_focus(open_page: OpenPage) -> None:
    page = open_page(checkout())
    seen = []
    for _ in range(40):
        page.press("Tab")
        seen.append(page.ask("document.activeElement.id || document.activeElement.textContent"))
        style = "(({outlineStyle, outlineWidth}) => outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2)"
        focused = f"document.activeElement === document.body || {style}(getComputedStyle(document.activeElement))"
        assert page.ask(focused), seen[-1]
    assert {"theme", "filter-text", "filter-level", "filter-attributes", "tree", "lines-list", "copy id"} <= {*seen}


def test_letters_can_be_switched_off(open_page: OpenPage) -> None:
    page = open_page(checkout())
    page.press("?")
    page.page.get_by_label("Keys of one character").uncheck()
    page.press("Escape", "e")
    assert page.selected == ""
    page.press("ArrowDown")
    assert page.selected == "POST /checkout api-gateway ← 1"


@pytest.mark.parametrize("place", ["phone", "zoomed", "narrowest"])
def test_where_there_is_little_room_one_part_is_shown_and_nothing_is_cut_off(place: str, open_page: OpenPage) -> None:
    page = open_page(checkout(), **PLACES[place])
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")
    parts = {"Timeline": "#timeline", "Lines": "#lines", "Details": "#details"}
    for name in parts:
        page.page.locator("#views").get_by_role("button", name=name).click()
        shown = [part for part, selector in parts.items() if page.page.locator(selector).is_visible()]
        assert (shown, page.ask("document.documentElement.scrollWidth <= innerWidth")) == ([name], True)
    page.page.locator("#views").get_by_role("button", name="Timeline").click()
    page.press("End")
    row = page.page.locator("#tree [aria-selected=true]").bounding_box()
    height = (PLACES[place]["viewport"])["height"]
    assert row
    assert 0 <= row["y"] <= height - row["height"] + 1


def test_the_theme_is_that_of_the_system_or_the_one_that_is_chosen(open_page: OpenPage) -> None:
    page = open_page(checkout(), color_scheme="dark")

    def background() -> str:
        found: str = page.ask("getComputedStyle(document.documentElement).backgroundColor")
        return found

    dark = background()
    page.page.emulate_media(color_scheme="light")
    light = background()
    assert (dark, light) == ("rgb(20, 23, 28)", "rgb(255, 255, 255)")
    page.press("t")
    assert (page.text("#theme"), background()) == ("Theme: dark", dark)
    page.page.reload()
    assert (page.text("#theme"), background()) == ("Theme: dark", dark)
    page.press("t")
    assert (page.text("#theme"), background()) == ("Theme: light", light)


def test_the_help_has_every_key_that_the_guide_has(open_page: OpenPage) -> None:
    page = open_page(checkout())
    page.press("?")
    shown = list(zip(page.texts("#keys th"), page.texts("#keys td"), strict=True))
    section = GUIDE.read_text(encoding="utf-8").partition("| Key | What it does |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in section.splitlines()]
    assert [(keys.replace("`", "").replace(" ", ""), said) for keys, said in rows] == shown
