"""The page, read as text and used in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.page import page
from cadyq_cli.bitmaps.tints import Style
from cadyq_cli.bitmaps.views import View
from cadyq_cli.errors import InputError

HEIGHT, WIDTH = 200, 300


@pytest.fixture
def found(make_map: Callable[..., BitMap]) -> BitMap:
    return make_map(HEIGHT, WIDTH)


@pytest.fixture
def text(found: BitMap) -> str:
    return page(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), found, View())


def test_the_page_refers_to_nothing_outside(text: str) -> None:
    assert not re.search(r"https?:|//cdn|<link|@import|url\(", text)
    sources = re.findall(r'src="([^"]{,30})', text)
    assert len(sources) == 2
    assert all(source.startswith("data:image/") for source in sources)


def test_names_cannot_break_out_of_the_page(make_map: Callable[..., BitMap]) -> None:
    evil = "</script><script>alert(1)</script>"
    found = replace(make_map(9, 9), file=evil, model=evil)
    assert evil not in page(np.zeros((9, 9, 3), np.uint8), found, View())


def test_a_picture_of_another_size_is_refused(found: BitMap) -> None:
    with pytest.raises(InputError, match="300x200 px"):
        page(np.zeros((9, 9, 3), np.uint8), found, View())


@pytest.fixture
def shown(text: str, tmp_path: Path, browser: Any) -> Any:
    """The page in a browser."""
    file = tmp_path / "page.html"
    file.write_text(text, encoding="utf-8")
    browser.open(file)
    return browser


def told(shown: Any) -> str:
    return str(shown.run("document.getElementById('told').textContent"))


def pixel(shown: Any, x: int, y: int) -> list[int]:
    """Red, green, blue, alpha of the map at a pixel of the picture."""
    script = f"""(() => {{
        const map = document.getElementById('map');
        const x = Math.round({x} * map.width / {WIDTH});
        const y = Math.round({y} * map.height / {HEIGHT});
        return [...map.getContext('2d').getImageData(x, y, 1, 1).data] }})()"""
    return list(shown.run(script))


def test_the_page_loads_nothing_and_has_no_errors(shown: Any) -> None:
    shown.run("1")
    requests = [
        event["params"]["request"]["url"]
        for event in shown.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert {url.partition(":")[0] for url in requests} == {"file", "data"}
    assert not [e for e in shown.events if e.get("method") == "Runtime.exceptionThrown"]


def test_the_page_can_be_used_without_a_mouse(shown: Any, found: BitMap) -> None:
    order = []
    for _ in range(4):
        shown.press("Tab")
        order.append(shown.run("document.activeElement.id"))
    assert order == ["site", "opacity", "values", "stage"]
    columns = len({rectangle[0] for rectangle in found.rectangles.tolist()})
    for key, index in (
        ("ArrowDown", 0),  # the first press shows where one is
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowLeft", columns),  # there is no further
        ("ArrowUp", 0),
    ):
        shown.press(key)
        value = f"{found.values()[index]:.2f}".rstrip("0").rstrip(".")
        assert told(shown).startswith(
            f"Patch {index + 1} of {len(found.rectangles)}: {value} bits on average"
        )


def test_the_mouse_tells_a_patch(shown: Any, found: BitMap) -> None:
    box = shown.run("document.getElementById('map').getBoundingClientRect().toJSON()")
    index = len(found.rectangles) - 1
    x, y, width, height = found.rectangles[index].tolist()
    shown.point(
        box["x"] + (x + width / 2) * box["width"] / WIDTH,
        box["y"] + (y + height / 2) * box["height"] / HEIGHT,
    )
    assert told(shown).startswith(f"Patch {index + 1} of")
    assert f"; {width} × {height} px at {x}, {y}" in told(shown)


def test_the_slider_and_the_choice_of_site_change_the_map(shown: Any, found: BitMap) -> None:
    x, y, width, height = found.rectangles[0].tolist()
    middle = x + width // 2, y + height // 2
    assert pixel(shown, *middle)[3] == pytest.approx(255 * Style().opacity, abs=1)
    shown.press("Tab")
    shown.press("Tab")
    shown.press("ArrowRight")
    assert shown.run("document.getElementById('percent').textContent") == "50 %"
    assert pixel(shown, *middle)[3] == pytest.approx(255 * 0.5, abs=1)

    colours = {4: (67, 39, 125), 8: (251, 238, 82)}  # the ends of the first palette
    for index, name in enumerate(found.sites):
        shown.run(
            f"(site => {{ site.value = {index}; site.dispatchEvent(new Event('input')) }})"
            "(document.getElementById('site'))"
        )
        bits = int(found.bits[name][0])
        if bits in colours:
            assert pixel(shown, *middle)[:3] == pytest.approx(colours[bits], abs=3)


def test_the_keyboard_leads_through_a_long_picture(
    make_map: Callable[..., BitMap], tmp_path: Path, browser: Any
) -> None:
    found, file = make_map(60, 4000), tmp_path / "long.html"
    file.write_text(page(np.zeros((60, 4000, 3), np.uint8), found, View()), encoding="utf-8")
    browser.open(file)
    browser.run("document.getElementById('stage').focus()")
    for _ in range(len(found.rectangles)):
        browser.press("ArrowRight")
    count = len(found.rectangles)
    assert told(browser).startswith(f"Patch {count} of {count}")
    assert browser.run("document.getElementById('frame').scrollLeft") > 1000
