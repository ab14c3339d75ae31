from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event

import numpy as np
import pytest
import torch
from reference_kernels import ReferenceKernels

from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.runner import DifferenceFit, Map, Result
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.tiles import Tile
from cadyq_cli.networks import Card, Network
from cadyq_cli.opening import executable_of
from cadyq_cli.upscaling import (
    SMALLEST_TILE,
    Enlargement,
    Pixels,
    in_order,
    tiles_of,
    upscale,
)


def network(precision: str = "float", *, scale: int = 2) -> Network:
    """A small EDSR with random weights, each of its pixels seeing six around it.

    In a dynamic one the selector follows the patch's gradient, so that patches differ in width.
    """
    torch.manual_seed(1)
    settings = {"scale": scale, "features": 4, "blocks": 1}
    network = Network(Card(backbone="edsr", settings=settings, precision=precision))
    for name, parameter in network.named_parameters():
        if name.endswith("selector.weight"):
            parameter.data[:] = torch.tensor([-1.0, 0.0, 1.0])[:, None]
        elif name.endswith("selector.bias"):
            parameter.data[:] = torch.tensor([60.0, 20.0, -60.0])
        elif name.endswith("bounds"):
            parameter.data.fill_(100.0)
    return network.eval()


def executable(precision: str = "dynamic", *, threads: int = 3) -> Executable:
    """The same network without torch."""
    return executable_of(network(precision), ReferenceKernels(), threads=threads)


def photograph(height: int, width: int) -> Pixels:
    """Smooth on the left, rough on the right."""
    random = np.random.default_rng(5)
    smooth = 100 + 50 * np.sin(np.arange(height)[:, None] / 9 + np.arange(width) / 13)
    rough = np.linspace(-1, 1, width).clip(0) * random.normal(0, 40, (height, width))
    return (smooth + rough).clip(0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (200, 1), (5, 3), (97, 101), (96, 96)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_image_of_any_size_becomes_exactly_scale_times_as_large(
    size: tuple[int, int], scale: int
) -> None:
    result = upscale(network("dynamic", scale=scale), photograph(*size))
    assert result.pixels.shape == (size[0] * scale, size[1] * scale, 3)
    assert result.pixels.dtype == np.uint8


def test_patches_join_as_if_there_had_been_one() -> None:
    """Each kept pixel has all the context that this network can see."""
    image = photograph(70, 101)
    whole = upscale(network(), image, tile=128).pixels.astype(int)
    parts = upscale(network(), image, tile=SMALLEST_TILE)
    assert len(parts.tiles) > 10
    assert np.abs(parts.pixels - whole).max() <= 1


def test_each_patch_gets_the_widths_it_would_get_alone() -> None:
    image = photograph(40, 150)
    dynamic = network("dynamic")
    result = upscale(dynamic, image, tile=40)
    assert {len(widths) for widths in result.bits.values()} == {len(result.tiles)}
    for index, tile in enumerate(result.tiles):
        alone = upscale(dynamic, image[tile.read()])
        assert {site: [widths[index]] for site, widths in result.bits.items()} == alone.bits
    assert len(np.unique(np.stack([*result.bits.values()]))) > 1


def test_average_bits_is_the_mean_over_sites_and_patches() -> None:
    result = upscale(network("dynamic"), photograph(40, 150), tile=40)
    assert result.average_bits == pytest.approx(np.stack([*result.bits.values()]).mean())


def test_static_networks_take_8_bits_and_float_networks_none() -> None:
    assert upscale(network("static"), photograph(9, 9)).average_bits == 8
    assert upscale(network(), photograph(9, 9)).average_bits is None


def test_pixels_are_the_networks_output_rounded_and_clipped() -> None:
    image = photograph(12, 10)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        output, _ = network()(planes)
    expected = (output[0].permute(1, 2, 0).double() * 255).clamp(0, 255).round()
    assert torch.equal(torch.from_numpy(upscale(network(), image).pixels), expected.byte())


def test_16_bit_images_stay_16_bit() -> None:
    image = photograph(12, 10)
    fine = upscale(network(), image.astype(np.uint16) * 257).pixels
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257 - upscale(network(), image).pixels).max() <= 0.51
    assert (fine % 257).any()


def test_a_tile_that_is_mostly_overlap_is_refused() -> None:
    with pytest.raises(InputError, match="a tile of 31 px is too small"):
        upscale(network(), photograph(40, 40), tile=SMALLEST_TILE - 1)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4)])
def test_what_is_not_rgb_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="RGB"):
        upscale(network(), np.zeros(shape, np.uint8))


def test_bands_of_the_result_join_to_the_whole() -> None:
    image = photograph(130, 101)
    dynamic = network("dynamic")
    run = Enlargement(dynamic, image, tiles_of(dynamic, image, 40))
    bands = [*run]
    whole = upscale(network("dynamic"), image, tile=40)
    assert len(bands) > 4
    assert np.array_equal(np.concatenate(bands), whole.pixels)
    assert {site: [*widths] for site, widths in run.bits.items()} == {
        site: [*widths] for site, widths in whole.bits.items()
    }


def test_a_self_ensemble_turns_with_the_image() -> None:
    """Whatever the network, the mean over all orientations has none."""
    image = photograph(30, 21) // 2 + 60
    run = partial(upscale, network("dynamic"), self_ensemble=True)
    upright = run(image)
    for turned in (np.rot90, np.flipud, np.fliplr):
        pixels = run(turned(image)).pixels.astype(int)
        assert np.abs(pixels - turned(upright.pixels)).max() <= 1
    plain = upscale(network("dynamic"), image).pixels
    assert not np.array_equal(upright.pixels, plain)


def test_a_self_ensemble_is_the_mean_of_eight_views() -> None:
    image = photograph(30, 21)
    views = [
        (np.rot90(image, turns)[:, ::step], turns, step) for turns in range(4) for step in (1, -1)
    ]
    results = [(upscale(network("dynamic"), view), turns, step) for view, turns, step in views]
    back = [np.rot90(each.pixels[:, ::step], -turns) for each, turns, step in results]
    ensemble = upscale(network("dynamic"), image, self_ensemble=True)
    assert np.abs(ensemble.pixels - np.mean(back, axis=0)).max() <= 1
    widths = [each.average_bits or 0 for each, _, _ in results]
    assert ensemble.average_bits == pytest.approx(np.mean(widths))


@pytest.mark.parametrize("self_ensemble", [False, True])
@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
def test_threads_without_torch_make_what_torch_makes(
    precision: str, *, self_ensemble: bool
) -> None:
    image = photograph(44, 90)
    expected = upscale(network(precision), image, tile=40, self_ensemble=self_ensemble)
    found = upscale(executable(precision), image, tile=40, self_ensemble=self_ensemble)
    assert {site: [*widths] for site, widths in found.bits.items()} == {
        site: [*widths] for site, widths in expected.bits.items()
    }
    assert np.abs(found.pixels.astype(int) - expected.pixels).max() <= 1


def test_each_tile_is_watched_in_its_turn() -> None:
    image = photograph(40, 150)
    tiles = tiles_of(executable(), image, 40)
    seen: list[Result] = []
    list(Enlargement(executable(), image, tiles, watch=seen.append))
    for tile, result in zip(tiles, seen, strict=True):
        alone = executable().run(image[tile.read()].astype(np.float32) / np.float32(255))
        assert np.array_equal(result.gradient, alone.gradient)
        for site, choice in alone.choices.items():
            np.testing.assert_array_equal(result.choices[site].scores, choice.scores)
            np.testing.assert_array_equal(result.choices[site].spread, choice.spread)


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    second_is_done = Event()

    def work(item: int) -> int:
        if threads > 1 and item == 0:
            second_is_done.wait(timeout=60)
        if item == 1:
            second_is_done.set()
        return item * item

    assert [*in_order(work, range(50), threads)] == [item * item for item in range(50)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_few_items_are_begun_before_their_turn(threads: int) -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            begun.append(item)
            yield item

    for taken, _ in enumerate(in_order(abs, items(), threads)):
        assert len(begun) <= taken + 2 * threads


@pytest.mark.parametrize("threads", [1, 3])
def test_a_defect_of_an_item_is_raised_in_its_turn(threads: int) -> None:
    results = in_order(lambda item: 10 // (7 - item), range(20), threads)
    assert [next(results) for _ in range(7)] == [10 // (7 - item) for item in range(7)]
    with pytest.raises(ZeroDivisionError):
        next(results)


class Counting:
    """A runner that makes everything black, and counts."""

    scale = 2
    reach = 20

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.candidates: dict[str, tuple[int, ...]] = {}
        self.difference_fit = self.dial = None
        self.exact_bits: float | None = None
        self.price = 0.0
        self.patches = 0

    def run(self, patch: Map) -> Result:
        self.patches += 1
        height, width, _ = patch.shape
        return Result(np.zeros((2 * height, 2 * width, 3), np.float32), np.zeros(2, np.float32), {})


FLAT = {"curvature": 1.0, "gradient": 0.0, "offset": 0.0}  # differs by as much as it curves


def with_plain_areas(*, threads: int = 1) -> Executable:
    """A network that is not to run where nothing curves."""
    network = executable(threads=threads)
    network.difference_fit = DifferenceFit(**FLAT)
    return network


def half_plain(height: int = 200, width: int = 400) -> Pixels:
    image = photograph(height, width)
    image[:, :208] = 90  # six cells and what counts around them
    return image


@pytest.mark.parametrize("threads", [1, 3])
def test_plain_areas_are_interpolated_and_the_rest_is_as_the_network_makes_it(
    threads: int,
) -> None:
    image = half_plain()
    whole = upscale(executable(), image).pixels
    result = upscale(with_plain_areas(threads=threads), image, plain_levels=3)
    assert result.plain_share == pytest.approx(192 / 400)
    assert (result.pixels[:, : 2 * 192] == 90).all()
    assert not (whole[:, : 2 * 192] == 90).all()
    beyond = result.pixels[:, 2 * 200 :].astype(int) - whole[:, 2 * 200 :]
    assert np.abs(beyond).max() <= 8  # other patches, so other widths
    assert np.abs(beyond).mean() < 0.5


def test_plain_tiles_have_a_width_of_0_that_does_not_count() -> None:
    result = upscale(with_plain_areas(), half_plain(), plain_levels=3)
    plain = [tile.columns.keep_to <= 192 for tile in result.tiles]
    for widths in result.bits.values():
        assert [width == 0 for width in widths] == plain
    counted = np.concatenate([widths[widths > 0] for widths in result.bits.values()])
    assert result.average_bits == pytest.approx(counted.mean())


def test_a_plain_picture_has_no_width_at_all() -> None:
    result = upscale(with_plain_areas(), np.full((50, 70, 3), 90, np.uint8), plain_levels=3)
    assert result.average_bits is None
    assert result.plain_share == 1
    assert (result.pixels == 90).all()


def test_the_network_runs_everywhere_unless_told() -> None:
    image = half_plain()
    assert np.array_equal(
        upscale(with_plain_areas(), image).pixels, upscale(executable(), image).pixels
    )
    assert upscale(executable(), image, plain_levels=3).plain_share == 0


def test_bands_and_a_self_ensemble_leave_plain_areas_out() -> None:
    image = half_plain()
    result = upscale(with_plain_areas(), image, plain_levels=3, self_ensemble=True)
    whole = upscale(executable(), image, self_ensemble=True)
    assert (result.pixels[:, : 2 * 192] == 90).all()
    assert np.abs(result.pixels[:, 400:].astype(int) - whole.pixels[:, 400:]).mean() < 0.5


@pytest.mark.parametrize("threads", [1, 3])
def test_no_tile_is_begun_after_an_interruption(threads: int) -> None:
    def impatient(tiles: Sequence[Tile]) -> Iterator[Tile]:
        yield from tiles[:2]
        raise KeyboardInterrupt

    runner, image = Counting(threads), photograph(40, 1000)
    tiles = tiles_of(runner, image, 40)
    with pytest.raises(KeyboardInterrupt):
        list(Enlargement(runner, image, tiles, track=impatient))
    assert 2 <= runner.patches <= 2 + 2 * threads < len(tiles)


def test_nothing_goes_on_once_the_iterator_is_closed() -> None:
    runner, image = Counting(3), photograph(1000, 40)
    bands = iter(Enlargement(runner, image, tiles_of(runner, image, 40)))
    next(bands)
    bands.close()
    assert runner.patches <= 1 + 2 * 3


@pytest.mark.parametrize("bits", [4.5, 5.25, 7.25])
def test_a_picture_gets_exactly_the_bits_that_are_asked_for(bits: float) -> None:
    """As near as its tiles and sites can come: each choice moves it a little."""
    network = executable()
    image = photograph(300, 400)
    network.exact_bits = bits
    found = upscale(network, image, tile=32)
    assert found.average_bits == pytest.approx(bits, abs=0.03)
    assert network.price == 0
