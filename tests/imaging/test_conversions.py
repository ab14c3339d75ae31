"""Each kind of file that comes in, in each format that goes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.files import read, write

Array = NDArray[Any]

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ON_ITS_SIDE = 6  # as EXIF counts
GRAY = {"1", "L", "LA", "I;16"}
DEEP = {"I;16", "RGB 16", "RGBA 16"}
TRANSPARENT = {"LA", "P transparent", "PA", "RGBA", "RGBA 16"}
MODES = ["1", "L", "LA", "P", "P transparent", "PA", "RGB", "RGBA", "CMYK", *sorted(DEEP)]


def colours() -> Array:
    """Smooth colours and opacities, for the formats that lose what is not: (24, 36, 4), 16 bits."""
    y, x = np.indices((24, 36)) * 1800
    return np.dstack([x, y, (x + y) // 2, 65535 - x]).astype(np.uint16)


def shallow(mode: str) -> Image.Image:
    """A picture of 8 bits or fewer a channel."""
    image = Image.fromarray((colours() // 257).astype(np.uint8))
    if mode in ("P", "P transparent", "PA"):
        palette = image.convert("RGB").quantize(16)
        if mode == "PA":
            palette.putalpha(image.getchannel("A"))
        return palette
    return image.convert("RGB").convert(mode) if mode == "CMYK" else image.convert(mode)


def stored(folder: Path, mode: str) -> tuple[Path, Array]:
    """A file that lies on its side, and what it shows upright: (36, 24, 4), 0..255."""
    profile = None if mode in GRAY | {"CMYK"} else PROFILE
    if mode in DEEP:
        path, shown = folder / "in.tif", colours()
        kept = {"I;16": shown[..., 0], "RGB 16": shown[..., :3], "RGBA 16": shown}[mode]
        tags: list[tuple[int, int, int, object, bool]] = [(274, 3, 1, ON_ITS_SIDE, True)]
        tags += [(34675, 7, len(PROFILE), PROFILE, True)] if profile else []
        tifffile.imwrite(
            path,
            kept,
            photometric="minisblack" if mode == "I;16" else "rgb",
            extrasamples=["unassalpha"] if mode == "RGBA 16" else None,
            extratags=tags,
        )
        if mode == "I;16":
            shown = shown[..., [0, 0, 0, 3]]
        if mode not in TRANSPARENT:
            shown[..., 3] = 65535
        return path, np.rot90(shown / 257, -1)

    image = shallow(mode)
    exif = Image.Exif()
    exif[0x0112] = ON_ITS_SIDE
    options: dict[str, Any] = {"exif": exif, "icc_profile": profile}
    if mode == "P transparent":
        image.info["transparency"] = options["transparency"] = bytes(range(0, 256, 16))
    path = folder / ("in.tif" if mode in ("PA", "CMYK") else "in.png")
    image.save(path, **options)
    return path, np.rot90(np.asarray(image.convert("RGBA")).astype(float), -1)


@pytest.mark.parametrize("target", [".png", ".tif", ".webp", ".bmp", ".jpg", ".avif"])
@pytest.mark.parametrize("mode", MODES)
def test_a_file_of_any_mode_becomes_a_file_of_any_format(
    tmp_path: Path, mode: str, target: str
) -> None:
    source, shown = stored(tmp_path, mode)
    path, picture = tmp_path / f"out{target}", read(source)
    if mode in TRANSPARENT and target in (".jpg", ".bmp"):
        with pytest.raises(ImageError, match="transparency; PNG, WebP, AVIF and TIFF can"):
            write(path, picture)
        return
    write(path, picture)

    with Image.open(path) as image:
        assert image.size == (24, 36)
        assert image.getexif().get(0x0112, 1) == 1
        if target != ".webp":  # which has no gray
            assert (image.mode in ("L", "LA", "I;16")) == (mode in GRAY and target != ".avif")
        if target != ".bmp":
            assert image.info.get("icc_profile") == (
                PROFILE if mode not in GRAY | {"CMYK"} else None
            )
        seen = np.asarray(image.convert("RGBA")).astype(float)
    again = read(path)
    assert again.gray == (mode in GRAY)
    assert (again.pixels.dtype == np.uint16) == (mode in DEEP and target in (".png", ".tif"))
    assert (again.alpha is not None) == (mode in TRANSPARENT)
    lossy = target in (".jpg", ".avif")
    if mode not in DEEP:
        assert np.abs(seen - shown).max() <= (16 if lossy else 0)
    per_step = 257 if again.pixels.dtype == np.uint16 else 1
    error = np.abs(again.pixels / per_step - shown[..., :3])
    assert error.max() <= (16 if lossy else 0.5 if per_step == 1 else 1e-9)
    if again.alpha is not None:
        assert np.abs(again.alpha / per_step - shown[..., 3]).max() <= 0.5
