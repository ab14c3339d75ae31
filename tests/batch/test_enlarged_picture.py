from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import ImageCms

from cadyq_cli.batch.enlarged_picture import EnlargedPicture
from cadyq_cli.errors import InputError
from cadyq_cli.imaging.metadata import Metadata
from cadyq_cli.imaging.picture import Picture
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.networks import Card, Network
from cadyq_cli.opening import Opener
from cadyq_cli.upscaling import upscale

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


MARGIN = 3  # px by which the outermost ones are repeated


def enlarged(scale: int, pixels: NDArray[Any], *, tile: int = 0) -> NDArray[Any]:
    """What a network makes of a picture that goes on beyond its border, cut back to it."""
    around = np.pad(pixels, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), mode="edge")
    cut = slice(MARGIN * scale, -MARGIN * scale)
    return upscale(network(scale), around, tile=tile).pixels[cut, cut]


def network(scale: int) -> Network:
    torch.manual_seed(scale)
    settings = {"scale": scale, "features": 4, "blocks": 1}
    return Network(Card(backbone="edsr", settings=settings, precision="static")).eval()


def whole(picture: Picture, scales: list[int], size: tuple[int, int]) -> NDArray[Any]:
    run = EnlargedPicture(picture, [*map(network, scales)], size, tile=40)
    result = np.concatenate([*run])
    assert result.shape == run.shape
    assert result.dtype == run.dtype
    return result


@pytest.fixture
def photo(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (90, 51, 3), np.uint8)


def test_one_network_alone_is_upscale_of_a_picture_that_goes_on_beyond_its_border(
    photo: NDArray[np.uint8],
) -> None:
    run = EnlargedPicture(Picture(pixels=photo), [network(2)], (180, 102))
    assert np.array_equal(np.concatenate([*run]), enlarged(2, photo))
    parts = whole(Picture(pixels=photo), [2], (180, 102))
    inside = slice(40, -40)  # the tiles differ at most in their sizes
    assert np.array_equal(
        parts[inside, inside], upscale(network(2), photo, tile=40).pixels[inside, inside]
    )


@pytest.mark.parametrize("model", ["edsr-x2", "edsr-x3", "span-x2", "span-x4", "edsr-x4"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_colour_stays_it_up_to_the_corners(model: str, dtype: type[Any]) -> None:
    runner = Opener(device="cpu").open(model)
    unit = 257 if dtype == np.uint16 else 1
    for colour in ((30, 200, 90), (120, 60, 200), (20, 20, 60), (255, 128, 0)):
        pixels = np.full((14, 9, 3), np.array(colour) * unit, dtype)
        size = (14 * runner.scale, 9 * runner.scale)
        (rows,) = EnlargedPicture(Picture(pixels=pixels), [runner], size)
        assert rows.shape == (*size, 3)
        assert np.abs(rows / unit - colour).max() <= 2.5


def test_the_widths_are_those_of_the_tiles_of_the_picture(photo: NDArray[np.uint8]) -> None:
    run = EnlargedPicture(Picture(pixels=photo), [network(2)], (180, 102), tile=40)
    list(run)
    tiles, widths = run.bit_map
    assert tiles[0].read()[0].start == tiles[0].read()[1].start == 0
    assert tiles[-1].owned() == (
        slice(tiles[-1].rows.keep_from, 90),
        slice(tiles[-1].columns.keep_from, 51),
    )
    assert {len(each) for each in widths.values()} == {len(tiles)}


@pytest.mark.parametrize("size", [(180, 102), (270, 153), (301, 170), (97, 203)])
def test_networks_follow_each_other_and_one_resample_ends_it(
    photo: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    twice = enlarged(3, enlarged(2, photo))
    run = EnlargedPicture(Picture(pixels=photo), [network(2), network(3)], size)
    assert np.array_equal(np.concatenate([*run]), imresize(twice, size))


def test_average_bits_count_every_network(photo: NDArray[np.uint8]) -> None:
    run = EnlargedPicture(Picture(pixels=photo), [network(2), network(2)], (360, 204))
    list(run)
    assert run.average_bits == 8


@pytest.mark.parametrize("size", [(180, 102), (135, 77)])
def test_gray_stays_gray_and_opaque_stays_opaque(
    photo: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    gray = np.broadcast_to(photo[..., :1], photo.shape)
    opaque = np.full(gray.shape[:2], 255, np.uint8)
    result = whole(Picture(pixels=gray, alpha=opaque, gray=True), [2], size)
    assert result.shape == (*size, 2)
    assert (result[..., 1] == 255).all()


@pytest.mark.parametrize("size", [(180, 102), (135, 77)])
def test_transparency_is_resized_as_it_is(
    photo: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
) -> None:
    alpha = rng.integers(0, 256, photo.shape[:2], np.uint8)
    result = whole(Picture(pixels=photo, alpha=alpha), [2], size)
    assert np.array_equal(result[..., 3], imresize(alpha, size))


def test_the_colour_of_hidden_pixels_does_not_matter(photo: NDArray[np.uint8]) -> None:
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, 20:] = 0
    results = []
    for hidden in (0, 255):
        pixels = np.where(alpha[..., None] > 0, photo, np.uint8(hidden))
        results.append(whole(Picture(pixels=pixels, alpha=alpha), [2], (180, 102)))
    assert np.array_equal(results[0], results[1])


@pytest.fixture
def texture(photo: NDArray[np.uint8], rng: np.random.Generator) -> Picture:
    """A picture with alpha of any kind, over a part of which it is 0."""
    alpha = rng.integers(0, 256, photo.shape[:2], np.uint8)
    alpha[:, :25] = 0
    return Picture(pixels=photo, alpha=alpha)


@pytest.mark.parametrize("size", [(180, 102), (135, 77)])
def test_colours_over_data_are_enlarged_as_if_there_were_none(
    texture: Picture, size: tuple[int, int]
) -> None:
    run = EnlargedPicture(texture, [network(2)], size, tile=40, alpha_is_data=True)
    result = np.concatenate([*run])
    assert np.array_equal(result[..., :3], whole(Picture(pixels=texture.pixels), [2], size))
    assert texture.alpha is not None
    assert np.array_equal(result[..., 3], imresize(texture.alpha, size))
    assert run.notes == ()


def test_a_note_tells_of_hidden_colours_that_were_replaced(texture: Picture) -> None:
    run = EnlargedPicture(texture, [network(2)], (180, 102))
    list(run)
    assert len(run.notes) == 1
    assert "where alpha is 0" in run.notes[0]


def test_a_shadow_makes_no_fringe_at_the_edge_of_what_throws_it() -> None:
    """On white, where enlarging what is seen there is what to compare with."""
    pixels, alpha = np.zeros((40, 40, 3), np.uint8), np.full((40, 40), 30, np.uint8)
    pixels[:, :20], alpha[:, :20] = 255, 255
    picture = Picture(pixels=pixels, alpha=alpha, gray=True)
    run = EnlargedPicture(picture, [Opener(device="cpu").open("span-x4")], (160, 160))
    colour, opacity = (np.concatenate([*run])[..., i].astype(float) for i in range(2))
    seen = colour * (opacity / 255) + 255 - opacity
    assert seen.min() > imresize(np.where(alpha == 255, 255.0, 225.0), 4).min() - 8
    assert seen[:, :72].min() > 249  # two pixels of the input away


@pytest.mark.parametrize("icc", [None, PROFILE])
def test_equal_channels_stay_equal_whatever_the_profile(
    photo: NDArray[np.uint8], icc: bytes | None
) -> None:
    gray = photo[..., :1].repeat(3, axis=2)
    picture = Picture(pixels=gray, gray=True, metadata=Metadata(icc=icc))
    result = whole(picture, [2], (180, 102))
    assert result.shape[2] == (3 if icc else 1)
    assert (result == result[..., :1]).all()


def test_16_bit_pictures_stay_16_bit(photo: NDArray[np.uint8]) -> None:
    fine = whole(Picture(pixels=photo.astype(np.uint16) * 257), [2], (135, 77))
    coarse = whole(Picture(pixels=photo), [2], (135, 77))
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257 - coarse).max() <= 2
    assert (fine % 257).any()


def test_a_tile_that_is_too_small_is_refused_when_the_work_begins(photo: NDArray[np.uint8]) -> None:
    run = EnlargedPicture(Picture(pixels=photo), [network(2)], (180, 102), tile=1)
    with pytest.raises(InputError, match="a tile of 1 px is too small"):
        next(iter(run))
