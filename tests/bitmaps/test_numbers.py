from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from cadyq_cli.bitmaps.measuring import bit_map
from cadyq_cli.bitmaps.numbers import BitMap
from cadyq_cli.bitmaps.reading import read_map
from cadyq_cli.errors import InputError
from cadyq_cli.evaluation.enlargers import NetworkEnlarger
from cadyq_cli.evaluation.protocol import Patches
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.tiles import fitted
from cadyq_cli.networks import Card, Network
from cadyq_cli.upscaling import TILE, Pixels, overlap_of, upscale


def network(precision: str = "dynamic") -> Network:
    """A small EDSR whose widths follow the gradient of the patch."""
    torch.manual_seed(1)
    settings = {"scale": 2, "features": 4, "blocks": 2}
    result = Network(Card(backbone="edsr", settings=settings, precision=precision))
    for name, parameter in result.named_parameters():
        if name.endswith("selector.weight"):
            parameter.data[:] = torch.tensor([-1.0, 0.0, 1.0])[:, None]
        elif name.endswith("selector.bias"):
            parameter.data[:] = torch.tensor([60.0, 20.0, -60.0])
    return result.eval()


@pytest.fixture
def photograph(rng: np.random.Generator) -> Pixels:
    """Flat on the left, rough on the right."""
    rough = np.linspace(0, 40, 430) * rng.standard_normal((110, 430))
    return (128 + rough).clip(0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def mapped(pixels: Pixels, *, finer: int = 1) -> BitMap:
    picture = Picture(pixels=pixels)
    return bit_map(network(), picture, file="a.png", model="tiny", finer=finer)[0]


def test_a_map_holds_the_widths_that_upscaling_uses(photograph: Pixels) -> None:
    result = upscale(network(), photograph)
    found = mapped(photograph)
    assert found.average() == pytest.approx(result.average_bits)
    for site, bits in result.bits.items():
        assert np.array_equal(found.values(site), bits)
    assert len(np.unique(found.values())) > 1


def test_a_map_holds_the_widths_that_evaluation_finds_on_such_patches(photograph: Pixels) -> None:
    enlarger = NetworkEnlarger(network())
    overlap = overlap_of(network(), TILE)
    edge = fitted(photograph.shape[1], TILE, overlap)
    patches = Patches(size=edge, stride=edge - overlap)
    _, widths = enlarger.enlarge(photograph, patches)
    found = mapped(photograph)
    assert found.sites == tuple(widths)
    for site in widths:
        assert np.array_equal(found.values(site), widths[site])


def test_the_selectors_inputs_explain_every_width(photograph: Pixels) -> None:
    """The scores follow from gradient and spread, and the width from the scores."""
    dynamic = network()
    content = json.loads(mapped(photograph).to_json())
    selectors = {name: module for name, module in dynamic.named_modules() if "site" in name}
    sites = [module for module in selectors.values() if hasattr(module, "selector")]
    assert content["sites"] == [site.name for site in sites]
    for patch in content["patches"]:
        for index, site in enumerate(sites):
            inputs = torch.tensor([patch["gradient"] + patch["spread"][index]])
            scores = site.selector(inputs * site.input_scale)[0]
            expected = torch.tensor(patch["scores"][index])
            torch.testing.assert_close(scores, expected, atol=1e-3, rtol=1e-3)
            widths = content["model"]["widths"]
            assert patch["bits"][index] == widths[int(np.argmax(patch["scores"][index]))]


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (97, 131), (300, 90)])
def test_rectangles_tile_the_image(size: tuple[int, int], make_map: Callable[..., BitMap]) -> None:
    covered = np.zeros(size, int)
    for x, y, width, height in make_map(*size).rectangles:
        covered[y : y + height, x : x + width] += 1
    assert (covered == 1).all()


def test_each_cell_of_a_finer_map_shows_the_patch_around_its_middle(photograph: Pixels) -> None:
    strip, last = photograph[:TILE], photograph.shape[1] - TILE
    fine = mapped(strip, finer=4)
    lefts = []
    for (x, _, width, _), value in zip(fine.rectangles.tolist(), fine.values(), strict=True):
        left = min(max((2 * x + width - TILE) // 2, 0), last)
        if width > TILE / 4:  # the outermost cells hold all that the edge keeps from the middle
            left = 0 if x == 0 else last
        assert value == mapped(strip[:, left : left + TILE]).average()
        lefts.append(left)
    assert lefts == sorted(set(lefts))
    assert (lefts[0], lefts[-1]) == (0, last)
    assert len(lefts) > last / (TILE - overlap_of(network(), TILE)) * 4


def test_json_brings_back_all_that_is_drawn(make_map: Callable[..., BitMap]) -> None:
    before = make_map(150, 210)
    after = read_map(before.to_json())
    assert (after.size, after.widths, after.sites) == (before.size, before.widths, before.sites)
    assert np.array_equal(after.rectangles, before.rectangles)
    for site in (None, *before.sites):
        assert np.array_equal(after.values(site), before.values(site))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "cadyq.bitmap/1"}', "null"])
def test_what_is_no_map_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_map(text)


def test_arrays_agree_with_json(photograph: Pixels) -> None:
    found, buffer = mapped(photograph), io.BytesIO()
    found.save_npz(buffer)
    buffer.seek(0)
    arrays, content = np.load(buffer), found.to_dict()
    for index, patch in enumerate(content["patches"]):
        for name in ("rectangle", "bits"):
            assert arrays[name][index].tolist() == patch[name]
        np.testing.assert_allclose(arrays["gradient"][index], patch["gradient"], rtol=1e-5)
        np.testing.assert_allclose(arrays["scores/1"][index], patch["scores"][1], rtol=1e-5)
        np.testing.assert_allclose(arrays["spread/1"][index], patch["spread"][1], rtol=1e-5)
    assert arrays["sites"].tolist() == content["sites"]


def test_static_networks_have_8_bits_everywhere_and_no_scores(photograph: Pixels) -> None:
    found, _ = bit_map(network("static"), Picture(pixels=photograph), file="a", model="static")
    assert found.widths == (8,)
    assert set(found.values()) == {8.0}
    assert found.to_dict()["patches"][0]["scores"] == [None] * len(found.sites)


def test_a_float_network_is_refused(photograph: Pixels) -> None:
    with pytest.raises(InputError, match="floating point"):
        bit_map(network("float"), Picture(pixels=photograph), file="a", model="m")


def partly_plain(photograph: Pixels) -> BitMap:
    runner = network()
    flat = {"curvature": 1.0, "gradient": 0.0, "offset": 0.0}
    runner.card = replace(runner.card, plain=flat)
    photograph[:, :208] = 128
    picture = Picture(pixels=photograph)
    return bit_map(runner, picture, file="a.png", model="tiny", plain_levels=3)[0]


def test_a_map_has_0_bit_where_no_network_was_run(photograph: Pixels) -> None:
    found = partly_plain(photograph)
    content = json.loads(found.to_json())
    plain = [patch for patch in content["patches"] if not any(patch["bits"])]
    rest = [patch for patch in content["patches"] if any(patch["bits"])]
    area = sum(patch["rectangle"][2] * patch["rectangle"][3] for patch in plain)
    assert area == 192 * 110
    assert content["plain_share"] == pytest.approx(192 / 430)
    assert content["average_bits"] == pytest.approx(np.mean([each["bits"] for each in rest]))
    for patch in plain:
        assert patch["average_bits"] == 0
        assert patch["spread"] == patch["scores"] == [None] * len(found.sites)
    assert all(each["scores"][0] for each in rest)
    assert read_map(found.to_json()).plain_share == found.plain_share


def test_arrays_have_no_numbers_of_plain_patches(photograph: Pixels) -> None:
    found, buffer = partly_plain(photograph), io.BytesIO()
    found.save_npz(buffer)
    buffer.seek(0)
    arrays = np.load(buffer)
    plain = (arrays["bits"] == 0).all(axis=1)
    assert plain.any()
    for name in ("spread/0", "scores/1"):
        assert (np.isnan(arrays[name]).all(axis=1) == plain).all()


@pytest.mark.parametrize("bits", [0.5, -1, 33])
def test_no_patch_has_less_than_1_bit_but_0(bits: float, make_map: Callable[..., BitMap]) -> None:
    content = json.loads(make_map(50, 60).to_json())
    content["patches"][0]["bits"][0] = bits
    with pytest.raises(ValueError, match="should be 0, or from 1 to 32"):
        read_map(json.dumps(content))
