from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cadyq_cli.errors import FileError, ImageError
from cadyq_cli.evaluation.pairs import discover
from cadyq_cli.imaging.left_out import told
from cadyq_cli.imaging.resize import imresize

Put = Callable[..., Path]


def literally(path: Path) -> str:
    """A path as a pattern; on Windows it has backslashes."""
    return re.escape(str(path))


@pytest.fixture
def put(tmp_path: Path, rng: np.random.Generator) -> Put:
    """Writes an image of noise, or of what it is given, below the test's folder."""

    def write(name: str, width: int = 26, height: int = 17, mode: str = "RGB") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        bands = len(Image.new(mode, (1, 1)).getbands())
        pixels = rng.integers(0, 256, (height, width, bands), np.uint8)
        Image.fromarray(pixels[..., 0] if bands == 1 else pixels).save(path)
        return path

    return write


def test_small_images_are_made_from_the_cropped_truth(put: Put, tmp_path: Path) -> None:
    path = put("a.png", 26, 17)
    (source,) = discover(tmp_path, 4).sources
    pair = source.load(4)
    cropped = np.asarray(Image.open(path))[:16, :24]
    assert np.array_equal(pair.truth, cropped)
    assert np.array_equal(pair.small, imresize(cropped, 1 / 4))
    assert pair.small.shape == (4, 6, 3)


@pytest.mark.parametrize("ending", ["", "x4", "_x4"])
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_pairs_are_found_in_the_usual_layout(
    put: Put, tmp_path: Path, ending: str, suffix: str
) -> None:
    for name in ("b", "a"):
        put(f"Set/HR/{name}.png", 26, 17)
        put(f"Set/LR_bicubic/X4/{name}{ending}.{suffix}", 6, 4)
        put(f"Set/LR_bicubic/X2/{name}x2.png", 13, 8)
    found = discover(tmp_path / "Set", 4)
    assert found.name == "Set"
    assert found.shrunk == tmp_path / "Set/LR_bicubic/X4"
    assert [source.name for source in found.sources] == ["a", "b"]
    for source in found.sources:
        assert source.small == tmp_path / f"Set/LR_bicubic/X4/{source.name}{ending}.{suffix}"
        assert source.load(4).small.shape == (4, 6, 3)


def test_a_folder_of_small_images_is_used_when_named(put: Put, tmp_path: Path) -> None:
    put("HR/a.png", 24, 16)
    given = put("mine/a_x2.png", 12, 8)
    put("mine/a_x4.png", 6, 4)
    (source,) = discover(tmp_path / "HR", 2, shrunk=tmp_path / "mine").sources
    assert np.array_equal(source.load(2).small, np.asarray(Image.open(given)))


def test_small_images_are_made_where_the_layout_has_none_of_the_scale(
    put: Put, tmp_path: Path
) -> None:
    put("HR/a.png", 24, 16)
    put("LR_bicubic/X2/ax2.png", 12, 8)
    found = discover(tmp_path, 3)
    assert found.shrunk is None
    assert [source.small for source in found.sources] == [None]


def test_a_truth_without_its_small_image_is_named(put: Put, tmp_path: Path) -> None:
    put("HR/a.png")
    lonely = put("HR/b.png")
    put("LR_bicubic/X4/ax4.png", 6, 4)
    with pytest.raises(FileError, match=rf"^{literally(lonely)}: has no image x4 of its name"):
        discover(tmp_path, 4)


def test_a_small_image_without_its_truth_is_named(put: Put, tmp_path: Path) -> None:
    put("HR/a.png")
    put("LR_bicubic/X4/ax4.png", 6, 4)
    stray = put("LR_bicubic/X4/bx4.png", 6, 4)
    with pytest.raises(FileError, match=rf"^{literally(stray)}: belongs to no"):
        discover(tmp_path, 4)


def test_sizes_that_do_not_fit_are_named(put: Put, tmp_path: Path) -> None:
    put("HR/a.png", 26, 17)
    small = put("LR_bicubic/X4/ax4.png", 7, 4)
    (source,) = discover(tmp_path, 4).sources
    with pytest.raises(ImageError, match=rf"^{literally(small)}: has 7x4 px where .* has 6x4 px"):
        source.load(4)


def test_an_empty_or_missing_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    with pytest.raises(FileError, match=rf"^{literally(tmp_path / 'empty')}: holds no images"):
        discover(tmp_path / "empty", 4)
    with pytest.raises(FileError, match=rf"^{literally(tmp_path / 'missing')}: no such folder"):
        discover(tmp_path / "missing", 4)


def test_a_folder_among_images_is_named(put: Put, tmp_path: Path) -> None:
    put("Set5/a.png")
    with pytest.raises(FileError, match=rf"^{literally(tmp_path / 'Set5')}: is a folder"):
        discover(tmp_path, 4)


def test_two_files_of_one_name_are_refused(put: Put, tmp_path: Path) -> None:
    put("a.png")
    second = put("a.webp")
    with pytest.raises(FileError, match=rf"^{literally(second)}: has the name of a.png"):
        discover(tmp_path, 4)


def test_what_is_no_8_bit_opaque_image_is_named(put: Put, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("not an image")
    fine = tmp_path / "fine.png"
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(fine)
    glass = put("glass.png", mode="RGBA")
    tiny = put("tiny.png", 20, 3)
    expected = {"notes": text, "fine": fine, "glass": glass, "tiny": tiny}
    (tmp_path / "README.txt").write_text("no image by its name, so it is passed over")
    for source in discover(tmp_path, 4).sources:
        with pytest.raises(ImageError, match=rf"^{literally(expected.pop(source.name))}: "):
            source.load(4)
    assert not expected


def test_luma_is_rounded_once_and_gray_files_are_luma_already(put: Put, tmp_path: Path) -> None:
    gray = np.asarray(Image.open(put("gray.png", 24, 16, mode="L")))
    Image.fromarray(np.dstack([gray] * 3)).save(tmp_path / "rgb.png")
    one, three = (source.load_luma(4) for source in discover(tmp_path, 4).sources)
    assert np.array_equal(one.truth, gray)
    assert np.array_equal(three.truth, np.rint(16 + 219.859 / 256 * gray))
    assert np.array_equal(one.small, imresize(gray.astype(float), 1 / 4))
    assert (one.small % 1).any()


@pytest.mark.parametrize(
    ("large", "small", "others"),
    [
        ("{}_SRF_4_HR", "{}_SRF_4_LR", ["{}_SRF_4_bicubic", "{}_SRF_4_SRCNN"]),
        ("{}_HR", "{}_LR4", ["{}_LR2", "{}_LR3"]),
        ("{}_HR", "{}_LR", []),
        ("{}_hr", "{}_lrx4", []),
        ("{}_GT", "{}_LQ", ["{}_bicubic"]),
        ("HR_{}", "LR_{}", []),
        ("{}_x1", "{}_x4", ["{}_x2"]),
        ("{}", "{}_x4", ["{}x2", "{}_bicubic"]),
        ("{}", "{}x4", []),
        ("{}", "{}_LR4", []),
        ("{}-HR", "{}-LR-x4", []),
    ],
)
def test_originals_and_small_images_in_one_folder_are_paired(
    put: Put, tmp_path: Path, large: str, small: str, others: list[str]
) -> None:
    for name in ("img_001", "box2"):
        put(f"Set/{large.format(name)}.png", 24, 16)
        put(f"Set/{small.format(name)}.png", 6, 4)
        for other in others:
            put(f"Set/{other.format(name)}.png", 12, 8)
    found = discover(tmp_path / "Set", 4)
    pairs = {(source.truth.stem, source.small and source.small.stem) for source in found.sources}
    assert pairs == {(large.format(name), small.format(name)) for name in ("img_001", "box2")}
    for source in found.sources:
        assert source.load(4).small.shape == (4, 6, 3)


def test_the_folders_of_the_self_similarity_sets_are_found(put: Put, tmp_path: Path) -> None:
    for scale in (2, 4):
        put(f"Set5/image_SRF_{scale}/img_001_SRF_{scale}_HR.png", 24, 16)
        put(f"Set5/image_SRF_{scale}/img_001_SRF_{scale}_LR.png", 24 // scale, 16 // scale)
    for folder in (tmp_path / "Set5", tmp_path / "Set5/image_SRF_2"):
        found = discover(folder, 2)
        assert found.name == "Set5"
        assert [source.load(2).small.shape for source in found.sources] == [(8, 12, 3)]


def test_tagged_images_of_two_folders_are_paired(put: Put, tmp_path: Path) -> None:
    put("HR/a_HR.png", 24, 16)
    small = put("LR/a_LR.png", 6, 4)
    (source,) = discover(tmp_path / "HR", 4, shrunk=tmp_path / "LR").sources
    assert source.small == small


def test_names_that_only_look_like_versions_are_originals(put: Put, tmp_path: Path) -> None:
    for name in ("box2", "photo_x4", "very_bicubic"):
        put(f"{name}.png")
    assert [source.small for source in discover(tmp_path, 4).sources] == [None] * 3


def test_small_images_alone_are_refused_as_truths(put: Put, tmp_path: Path) -> None:
    small = put("img_001_LR.png")
    with pytest.raises(FileError, match=rf"^{literally(small)}: is no original by its name"):
        discover(tmp_path, 4)


def test_an_original_whose_small_image_is_missing_is_named(put: Put, tmp_path: Path) -> None:
    put("a_HR.png", 24, 16)
    put("a_LR.png", 6, 4)
    lonely = put("b_HR.png", 24, 16)
    with pytest.raises(FileError, match=rf"^{literally(lonely)}: has no image x4"):
        discover(tmp_path, 4)


@pytest.fixture
def _without_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


@pytest.mark.usefixtures("_without_heif")
def test_pictures_that_cannot_be_read_are_told_of(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    for name in ("b.heic", "c.psd", "d.HEIC", "notes.txt", ".hidden.heic"):
        (tmp_path / name).touch()
    found = discover(tmp_path, 4)
    assert [source.name for source in found.sources] == ["a"]
    left_out = "left out 3 files that cannot be read: 2 HEIC, 1 PSD"
    assert told(found.others) == f"{left_out}; to read HEIC: pip install pillow-heif"


@pytest.mark.usefixtures("_without_heif")
def test_a_folder_of_pictures_that_cannot_be_read_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "b.heic").touch()
    with pytest.raises(FileError, match=r"left out 1 file that cannot be read: 1 HEIC"):
        discover(tmp_path, 4)
