from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2ycbcr
from tiny_networks import tiny

from cadyq_cli.errors import ImageError
from cadyq_cli.evaluation.enlargers import Bicubic, NetworkEnlarger
from cadyq_cli.evaluation.metrics import psnr
from cadyq_cli.evaluation.pairs import Source
from cadyq_cli.evaluation.protocol import Comparison, Patches, measure
from cadyq_cli.imaging.pixels import from_values, to_values
from cadyq_cli.imaging.resize import imresize

Pixels = NDArray[np.uint8]


@pytest.fixture
def image(rng: np.random.Generator) -> Pixels:
    """Smooth on the left, rough on the right."""
    noise = rng.normal(0, 60, (44, 61, 3)) * np.linspace(0, 1, 61)[:, None]
    return (128 + noise).clip(0, 255).astype(np.uint8)


def test_image_wise_is_one_forward_pass(
    image: Pixels,
) -> None:
    network = tiny("edsr").eval()
    enlarged, widths = NetworkEnlarger(network).enlarge(image, Patches())
    with torch.no_grad():
        output, trace = network(torch.from_numpy(to_values(image)).permute(2, 0, 1)[None])
    assert np.array_equal(enlarged, from_values(output[0].permute(1, 2, 0).numpy()))
    assert {site: bits.tolist() for site, bits in widths.items()} == {
        site: bits.tolist() for site, bits in trace.bits.items()
    }


@pytest.mark.parametrize("stretched", [False, True])
def test_each_patch_is_enlarged_as_if_alone(image: Pixels, *, stretched: bool) -> None:
    network = tiny("edsr").eval()
    patches = Patches(size=24, stride=20, stretched=stretched)
    enlarged, widths = NetworkEnlarger(network).enlarge(image, patches)
    plan = patches.cut(*image.shape[:2])
    assert len(plan) == (4 if stretched else 6)
    for index, patch in enumerate(plan):
        alone, bits = NetworkEnlarger(network).enlarge(image[patch.read()], Patches())
        assert np.array_equal(enlarged[patch.owned(2)], alone[patch.inner(2)])
        assert {site: found[index] for site, found in widths.items()} == {
            site: found[0] for site, found in bits.items()
        }


def test_the_released_codes_patches_reach_the_edge() -> None:
    """96 px every 90 px, the last one stretched: 200 px are cut at 0 and 90."""
    patches = Patches(size=96, stride=90, stretched=True).cut(200, 96)
    assert [(p.rows.start, p.rows.stop) for p in patches] == [(0, 96), (90, 200)]


def test_a_step_that_leaves_gaps_is_refused() -> None:
    with pytest.raises(ValueError, match="gaps"):
        Patches(size=96, stride=97)


def test_average_bits_gives_each_site_and_patch_equal_weight(image: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(image).save(path)
    network = tiny("edsr").eval()
    found = measure(
        NetworkEnlarger(network),
        Source(path, None),
        patches=Patches(size=16, stride=14),
        compare=Comparison(border=2),
    )
    chosen = np.stack([*found.widths.values()])
    assert chosen.shape[0] == 4
    assert len(np.unique(chosen)) > 1
    assert found.average_bits == pytest.approx(chosen.mean())
    assert found.size == (44, 60)


def test_bicubic_is_matlabs_there_and_back(image: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(image[:, :60]).save(path)
    found = measure(
        Bicubic(4), Source(path, None), patches=Patches(), compare=Comparison(border=4, rgb=True)
    )
    truth = image[:, :60]
    again = imresize(imresize(truth, 1 / 4), 4)
    assert found.psnr == psnr(again, truth, border=4)
    assert found.average_bits is None


def test_whole_luma_is_rounded(image: Pixels) -> None:
    other = image[::-1]
    a, b = (np.rint(rgb2ycbcr(pixels)[..., 0]) for pixels in (image, other))
    whole, _ = Comparison(border=0, whole_luma=True)(image, other)
    exact, _ = Comparison(border=0)(image, other)
    assert whole == pytest.approx(psnr(a, b, border=0), abs=1e-4)
    assert whole != pytest.approx(exact, abs=1e-4)


def test_an_image_too_small_to_compare_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    Image.new("RGB", (16, 16)).save(path)
    with pytest.raises(ImageError, match=rf"^{path}: .*too little"):
        measure(Bicubic(4), Source(path, None), patches=Patches(), compare=Comparison(border=4))
