from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cadyq_cli.bitmaps.depth import by_layer
from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.tints import Style
from cadyq_cli.bitmaps.views import Colouring, View, comparison, map_figure, sheet, visible
from cadyq_cli.errors import InputError
from cadyq_cli.figures.palette import colours
from cadyq_cli.imaging.picture import Picture

MakeMap = Callable[..., BitMap]
SIZES = [(1, 1), (1, 9), (64, 64), (95, 97), (100, 3000), (3000, 100), (700, 900)]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_a_figure_to_look_at(size: tuple[int, int], make_map: MakeMap) -> None:
    pixels = np.full((*size, 3), 128, np.uint8)
    image = map_figure(pixels, make_map(*size), style=Style(values=True), colouring=Colouring())
    assert 1000 <= max(image.size) <= 2200
    assert min(image.size) >= 200
    bare = Style(legend=False)
    without = map_figure(pixels, make_map(*size), style=bare, colouring=Colouring())
    assert image.height > without.height


@pytest.mark.parametrize("size", [(64, 64), (200, 700), (1200, 1000)])
def test_a_picture_that_is_seen_as_a_whole_keeps_its_shape(
    size: tuple[int, int], make_map: MakeMap
) -> None:
    pixels = np.full((*size, 3), 128, np.uint8)
    image = map_figure(pixels, make_map(*size), style=Style(legend=False), colouring=Colouring())
    assert image.width * size[0] == image.height * size[1]


@pytest.mark.parametrize("turned", [False, True])
def test_a_panorama_is_folded_into_strips_that_hold_all_of_it_in_order(
    make_map: MakeMap, turned: bool
) -> None:
    """Every column has a gray of its own, and the tints are off."""
    grays = np.linspace(20, 200, 4000).astype(np.uint8)
    pixels = np.broadcast_to(grays[None, :, None], (100, 4000, 3))
    pixels = np.ascontiguousarray(pixels.swapaxes(0, 1) if turned else pixels)
    style = Style(opacity=0, legend=False)
    found = make_map(*pixels.shape[:2])
    image = np.asarray(map_figure(pixels, found, style=style, colouring=Colouring()))
    if turned:
        image = image.swapaxes(0, 1)
    height, width, _ = image.shape
    assert width < 3 * height
    full = (image[:, 0, 0] < 255).nonzero()[0]  # the rows between the gaps
    strips = [image[row, :, 0] for row in full[50::100]]
    assert len(full) == 100 * len(strips)
    assert np.array_equal(np.concatenate([row[row < 255] for row in strips]), grays)


@pytest.mark.parametrize("size", [(64, 64), (321, 481), (1000, 1500), (2160, 3840)])
def test_the_legend_keeps_its_share_of_the_figure(size: tuple[int, int], make_map: MakeMap) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    found = make_map(*size, sites=1, tile=2000)
    with_legend = map_figure(pixels, found, style=Style(), colouring=Colouring())
    without = map_figure(pixels, found, style=Style(legend=False), colouring=Colouring())
    share = (with_legend.height - without.height) / without.height
    assert 0.1 < share < 0.3


def test_full_opacity_shows_the_colours_of_the_widths(make_map: MakeMap) -> None:
    found = make_map(700, 1000)
    style = Style(opacity=1, legend=False)
    image = np.asarray(
        map_figure(np.zeros((700, 1000, 3), np.uint8), found, style=style, colouring=Colouring())
    )
    expected = colours((found.values() - 4) / 4)
    for (x, y, width, height), colour in zip(found.rectangles, expected, strict=True):
        assert np.array_equal(image[y + height // 2, x + width // 2], colour)


def test_no_opacity_shows_the_picture_as_it_is(make_map: MakeMap, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (520, 1000, 3), np.uint8)
    style = Style(opacity=0, legend=False)
    image = map_figure(pixels, make_map(520, 1000), style=style, colouring=Colouring())
    assert np.array_equal(np.asarray(image), pixels)


def test_the_picture_stays_visible_under_the_default_tint_and_borders(
    make_map: MakeMap, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (520, 1000, 1), np.uint8).repeat(3, axis=2)
    style = Style(legend=False)
    image = map_figure(pixels, make_map(520, 1000), style=style, colouring=Colouring())
    seen = np.asarray(image).astype(float).mean(axis=2)
    assert np.corrcoef(seen.ravel(), pixels[..., 0].ravel())[0, 1] > 0.9


def test_the_same_map_lies_over_the_enlarged_picture(make_map: MakeMap) -> None:
    found, style = make_map(500, 700), Style(opacity=1, legend=False)
    large = np.zeros((1000, 1400, 3), np.uint8)
    image = map_figure(large, found, style=style, colouring=Colouring())
    x, y, width, height = found.rectangles[5] * 2
    expected = colours((found.values()[5:6] - 4) / 4)[0]
    assert image.getpixel((int(x + width // 2), int(y + height // 2))) == tuple(expected)


def test_stretched_colours_go_from_the_least_to_the_most(make_map: MakeMap) -> None:
    found = make_map(700, 1000)
    style = Style(opacity=1, legend=False)
    image = map_figure(
        np.zeros((700, 1000, 3), np.uint8), found, style=style, colouring=Colouring(stretch=True)
    )
    for index, share in ((found.values().argmin(), 0.0), (found.values().argmax(), 1.0)):
        x, y, width, height = found.rectangles[index]
        middle = int(x + width // 2), int(y + height // 2)
        assert image.getpixel(middle) == tuple(colours(np.array(share)))


def test_a_picture_of_another_size_and_an_unknown_site_are_refused(make_map: MakeMap) -> None:
    found, view = make_map(50, 60), View()
    with pytest.raises(InputError, match="60x50 px"):
        view.draw(np.zeros((60, 50, 3), np.uint8), found)
    with pytest.raises(InputError, match="no site 'nowhere'"):
        View(site="nowhere").draw(np.zeros((50, 60, 3), np.uint8), found)


@pytest.mark.parametrize("sites", [1, 5, 80])
def test_sheets_and_plots_hold_any_number_of_sites(sites: int, make_map: MakeMap) -> None:
    found = make_map(200, 300, sites=sites)
    pixels = np.zeros((200, 300, 3), np.uint8)
    image = sheet(pixels, found, style=Style(), colouring=Colouring())
    assert max(image.size) < 8000
    drawn = by_layer(found).getcolors(1 << 16)
    assert drawn is not None
    assert len(drawn) > 4


def test_a_width_of_one_patch_in_hundreds_does_not_stop_the_plot(make_map: MakeMap) -> None:
    found = make_map(2000, 2000, sites=1)
    bits = np.full(len(found.rectangles), 4, np.uint8)
    bits[0] = 8
    rare = replace(found, bits={"block1.1": bits})
    assert len(found.rectangles) > 500
    assert by_layer(rare).width > 0


def test_equal_maps_differ_nowhere(make_map: MakeMap) -> None:
    found, pixels = make_map(200, 300), np.full((200, 300, 3), 128, np.uint8)
    style = Style(opacity=1, legend=False)
    image = comparison(pixels, found, found, style=style, colouring=Colouring())
    right = image.getpixel((image.width - 10, 10))
    assert right == (242, 242, 242)  # neither blue nor orange
    with pytest.raises(InputError, match="different patches"):
        comparison(pixels, found, make_map(200, 300, tile=50), style=style, colouring=Colouring())


def test_plain_patches_do_not_count_in_figures(make_map: MakeMap) -> None:
    """The plot against depth is that of the other patches, and stretched colours are theirs."""
    found = make_map(200, 300)
    half = len(found.rectangles) // 2
    kept = {site: bits[half:] for site, bits in found.bits.items()}
    rest = replace(found, bits=kept, rectangles=found.rectangles[half:])
    plain = {site: bits * (np.arange(len(bits)) >= half) for site, bits in found.bits.items()}
    partly = replace(found, bits=plain)
    assert by_layer(partly).tobytes() == by_layer(rest).tobytes()
    stretched = Colouring(stretch=True)
    assert stretched.scale(found.widths, partly.values()).low > 0
    none = replace(found, bits={site: bits * 0 for site, bits in found.bits.items()})
    pixels = np.full((200, 300, 3), 99, np.uint8)
    assert none.average() == 0
    by_layer(none)
    for colouring in (Colouring(), stretched):
        image = map_figure(pixels, none, style=Style(opacity=1, legend=False), colouring=colouring)
        assert np.ptp(np.asarray(image), axis=2).max() <= 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_hidden_pixels_are_white_and_visible_ones_as_they_are(
    depth: type[np.uint8] | type[np.uint16],
) -> None:
    white = np.iinfo(depth).max
    pixels = np.full((1, 2, 3), white // 255 * 40, depth)
    alpha = np.array([[0, white]], depth)
    assert visible(Picture(pixels=pixels, alpha=alpha)).tolist() == [[[255] * 3, [40] * 3]]
