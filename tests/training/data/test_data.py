"""What is learned from: which files, which crops, and how often they are decoded."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cadyq_cli.degradations.naming import PHOTO
from cadyq_cli.errors import FileError, ImageError, InputError
from cadyq_cli.imaging.resize import imresize
from cadyq_cli.training.data import photographs as photographs_module
from cadyq_cli.training.data.crops import Crops
from cadyq_cli.training.data.photographs import Photographs, read_pixels
from cadyq_cli.training.data.store import Store
from cadyq_cli.training.data.survey import find, survey


def test_each_step_has_the_same_crops_whatever_came_before(folder: Path) -> None:
    one, other = (Crops(find([folder]), 2, seed=7) for _ in range(2))
    one.batch(0, 4, 8)
    for found, expected in zip(one.batch(3, 4, 8), other.batch(3, 4, 8), strict=True):
        assert torch.equal(found, expected)


def test_shares_of_a_batch_make_up_the_batch(folder: Path) -> None:
    photos = Crops(find([folder]), 2)
    shares = [photos.pixels(5, places, 8) for places in (range(3), range(3, 4))]
    whole = photos.pixels(5, range(4), 8)
    for side in (0, 1):
        assert torch.equal(torch.cat([share[side] for share in shares]), whole[side])


def test_low_and_high_resolution_crops_show_the_same_place(folder: Path) -> None:
    low, high = Crops(find([folder]), 2, seed=3).batch(0, 16, 12)
    shrunk = torch.nn.functional.avg_pool2d(high, 2)
    inside = (..., slice(2, -2), slice(2, -2))
    assert (low - shrunk)[inside].abs().max() < 0.05


def test_degraded_crops_show_the_same_places_and_are_the_same_again(folder: Path) -> None:
    clean = Crops(find([folder]), 2, contrast=1).pixels(4, range(6), 16)
    one, other = (Crops(find([folder]), 2, contrast=1, degradation=PHOTO) for _ in range(2))
    one.pixels(0, range(3), 16)
    found, again = one.pixels(4, range(6), 16), other.pixels(4, range(2, 6), 16)
    assert torch.equal(found.high, clean.high)
    assert torch.equal(found.clean, clean.low)
    assert torch.equal(found.low[2:], again.low)
    assert not torch.equal(found.low, found.clean)


def test_a_preference_for_texture_finds_it(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = np.full((64, 128, 3), 128, np.uint8)
    pixels[:, 96:] = rng.integers(0, 256, (64, 32, 3))
    Image.fromarray(pixels).save(tmp_path / "half_flat.png")
    spreads = {}
    for texture in (0.0, 1.0):
        low, _ = Crops(find([tmp_path]), 2, texture=texture).batch(0, 64, 8)
        spreads[texture] = float((low.std(dim=(1, 2, 3)) > 0.01).float().mean())
    assert spreads[0.0] < 0.5 < spreads[1.0]


def test_a_preference_for_contrast_finds_an_edge_that_one_for_texture_passes_by(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = np.full((96, 64, 3), 20, np.uint8)
    pixels[:, 48:] = 235  # one edge above, fine noise below
    pixels[48:] = rng.integers(60, 196, (48, 64, 3))
    Image.fromarray(pixels).save(tmp_path / "edge_and_noise.png")
    files, shares = find([tmp_path]), {}
    for texture, contrast in ((4.0, 0.0), (0.0, 4.0)):
        low, _ = Crops(files, 2, texture=texture, contrast=contrast).batch(0, 64, 8)
        shares[contrast] = float((low.amax((1, 2, 3)) - low.amin((1, 2, 3)) > 0.75).float().mean())
    assert shares[0.0] < 0.5 < shares[4.0]


def test_crops_of_a_smaller_size_show_more_of_a_photograph(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[:, None] * 2, (64, 128, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    ranges = {}
    for size in (1.0, 0.5):
        low, high = Crops(find([tmp_path]), 2, sizes=(size,)).batch(0, 32, 8)
        assert high.shape[2:] == (16, 16)
        assert abs(float((low.mean() - high.mean()) * 255)) < 1
        ranges[size] = float((high.amax((1, 2, 3)) - high.amin((1, 2, 3))).median() * 255)
    assert abs(ranges[1.0] - 15 * 2) <= 1
    assert abs(ranges[0.5] - 15 * 4) <= 2


def test_crops_come_from_every_size(tmp_path: Path) -> None:
    half = np.zeros((64, 64, 3), np.uint8)
    half[:, ::2] = 255  # stripes that are gray at half the size
    Image.fromarray(half).save(tmp_path / "stripes.png")
    _, high = Crops(find([tmp_path]), 2, sizes=(1.0, 0.5)).batch(0, 64, 8)
    gray = (high.std(dim=(1, 2, 3)) < 0.1).float().mean()
    assert 0.3 < gray < 0.7


def test_photographs_that_are_all_too_small_for_a_crop_are_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match="no photograph has the 80 px a side"):
        Crops(find([folder]), 2).batch(0, 1, 40)


def test_broken_files_are_named_and_small_ones_counted(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    whole = (tmp_path / "0.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("RGB", (500, 10)).save(tmp_path / "flat.png")
    found = survey(find([tmp_path]), smallest=16)
    assert [file.name for file in found.usable] == ["0.png", "1.png", "2.png"]
    assert found.pixels == 3 * 72 * 64
    assert found.too_small == 1
    assert [Path(line.split(":")[0]).name for line in found.broken] == ["cut.png", "text.jpg"]


def test_nothing_to_learn_from_is_an_error(folder: Path) -> None:
    with pytest.raises(InputError, match="3 smaller than 1000 px"):
        survey(find([folder]), smallest=1000)


def test_a_file_is_checked_again_only_if_it_changed(folder: Path, tmp_path: Path) -> None:
    files = find([shutil.copytree(folder, tmp_path / "photos")])
    looked: list[str] = []

    def look(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        looked.append(file.name)
        return read_pixels(file)

    remembered = tmp_path / "remembered.json"
    first = survey(files, smallest=8, remembered=remembered, look=look)
    first.remember(remembered)
    Image.new("RGB", (9, 9)).save(files[1])
    second = survey(files, smallest=8, remembered=remembered, look=look)
    assert looked == ["0.png", "1.png", "2.png", "1.png"]
    assert (first.changed, second.changed) == (False, True)
    assert first.pixels - second.pixels == 72 * 64 - 81


def test_photographs_with_another_time_have_not_changed(folder: Path, tmp_path: Path) -> None:
    files, remembered = find([shutil.copytree(folder, tmp_path / "photos")]), tmp_path / "known"
    survey(files, smallest=8).remember(remembered)
    os.utime(files[0], (1, 1))
    assert not survey(files, smallest=8, remembered=remembered).changed


@pytest.mark.parametrize("suffix", [".gif", ".avif", ".jfif"])
def test_photographs_of_every_kind_that_can_be_read_are_found(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / f"photo{suffix}")
    Image.new("RGB", (20, 20)).save(tmp_path / "._photo.png")  # as macOS leaves beside files
    assert [each.name for each in survey(find([tmp_path]), smallest=16).usable] == [
        f"photo{suffix}"
    ]


def test_a_file_that_was_broken_is_looked_at_again_although_it_has_not_changed(
    folder: Path, tmp_path: Path
) -> None:
    def out_of_reach(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        if file.name == "1.png":
            raise ImageError(file, "cannot be read: Input/output error")
        return read_pixels(file)

    files, remembered = find([folder]), tmp_path / "remembered.json"
    first = survey(files, smallest=8, look=out_of_reach)
    assert len(first.usable) == 2
    first.remember(remembered)
    assert len(survey(files, smallest=8, remembered=remembered).usable) == 3


def test_a_link_to_nowhere_is_a_broken_file(folder: Path, tmp_path: Path) -> None:
    photos = shutil.copytree(folder, tmp_path / "photos")
    (photos / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (line,) = survey(find([photos]), smallest=8).broken
    assert line == f"{photos / 'gone.png'}: cannot be read: No such file or directory"


@pytest.fixture
def div2k(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Two photographs, one of them for validation, with small versions that are plain gray."""
    for part, name in (("train", "0001"), ("valid", "0801")):
        high = tmp_path / f"DIV2K_{part}_HR"
        low = tmp_path / f"DIV2K_{part}_LR_bicubic" / "X2"
        high.mkdir()
        low.mkdir(parents=True)
        pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(high / f"{name}.png")
        Image.new("RGB", (12, 12), "gray").save(low / f"{name}x2.png")
    return tmp_path


def test_of_div2k_the_training_photographs_are_taken_with_their_own_small_versions(
    div2k: Path,
) -> None:
    (file,) = find([div2k])
    assert file.name == "0001.png"
    assert (Photographs().low(file, 2) == 128).all()
    made = imresize(read_pixels(file), 1 / 3)
    assert np.array_equal(Photographs().low(file, 3), made)  # there is none of that scale


def test_small_versions_among_photographs_are_no_photographs(tmp_path: Path) -> None:
    names = "a_HR a_LR4 b_SRF_4_HR b_SRF_4_LR b_SRF_4_bicubic c cx4 box2 LR/d LRx4/e RealSR_LR/f"
    for name in names.split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / f"{name}.png")
    assert [file.stem for file in find([tmp_path])] == ["a_HR", "b_SRF_4_HR", "box2", "c"]
    assert find([tmp_path / "LR"]) == [tmp_path / "LR" / "d.png"]  # as the user asks


def test_of_div2k_a_small_version_of_another_size_makes_a_photograph_unusable(div2k: Path) -> None:
    small = div2k / "DIV2K_train_LR_bicubic" / "X2" / "0001x2.png"
    Image.new("RGB", (11, 12)).save(small)
    (file,) = find([div2k])
    with pytest.raises(ImageError, match="1/2 of its size"):
        Photographs().check(file, [2])


def test_photographs_are_decoded_once_although_memory_holds_one_of_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []

    def counted(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        decoded.append(file)
        return read_pixels(file)

    monkeypatch.setattr(photographs_module, "read_pixels", counted)
    files = find([folder])
    small = Crops(files, 2, photographs=Photographs(Store(72 * 64 * 3 + 100, tmp_path)))
    ample = Crops(files, 2)
    for step in range(5):
        for found, expected in zip(small.batch(step, 4, 8), ample.batch(step, 4, 8), strict=True):
            assert torch.equal(found, expected)
    assert len(decoded) == 2 * len(files)
    assert not list(tmp_path.iterdir())  # the file has no name


def test_images_that_memory_does_not_hold_take_few_file_descriptors_together(
    tmp_path: Path,
) -> None:
    resource = pytest.importorskip("resource")  # Windows has none
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    store = Store(0, tmp_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        for number in range(200):
            store.get(number, partial(np.full, (2, 3, 3), number, np.uint8))
        kept = [store.get(number, pytest.fail) for number in range(200)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for number, image in enumerate(kept):
        assert image.shape == (2, 3, 3)
        assert (image == number).all()


def test_a_folder_that_cannot_hold_the_file_is_named(tmp_path: Path) -> None:
    store = Store(0, tmp_path / "missing")
    with pytest.raises(FileError, match=r"missing: cannot hold decoded images.*`memory`"):
        store.get("a", lambda: np.zeros((2, 2, 3), np.uint8))
