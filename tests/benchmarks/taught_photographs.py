r"""Make photographs that a network learns another network's enlargements from.

    python tests/benchmarks/taught_photographs.py photos -o taught --teacher edsr-static-x4 \
        --sizes 1,0.7,0.5 --self-ensemble

The folder has DIV2K's layout, so `cadyq train taught` takes it as it is: low resolution is the
photograph shrunk by MATLAB's bicubic, high resolution what the teacher makes of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import cadyq_cli
from cadyq_cli.engine.runner import Runner
from cadyq_cli.imaging.resize import crop_to_multiple, imresize


def teach(
    photographs: Sequence[Path],
    output: Path,
    teacher: Runner,
    *,
    sizes: Sequence[float] = (1,),
    share: float = 0,
    self_ensemble: bool = False,
) -> None:
    """Write pairs of low and high resolution.

    Args:
        photographs: Image files.
        output: Folder for the pairs.
        teacher: Enlarges.
        sizes: Of the photographs before they are shrunk, as shares of their own.
        share: Of the photograph itself in what is to be learned, 0..1.
        self_ensemble: See `cadyq_cli.upscale`.
    """
    scale = teacher.scale
    large, small = output / "t_HR", output / f"t_LR_bicubic/X{scale}"
    for folder in (large, small):
        folder.mkdir(parents=True, exist_ok=True)
    for path in photographs:
        photograph = np.asarray(Image.open(path).convert("RGB"))
        for size in sizes:
            pixels = photograph if size == 1 else imresize(photograph, size)
            pixels = crop_to_multiple(pixels, scale)
            shrunk = imresize(pixels, 1 / scale)
            theirs = cadyq_cli.upscale(teacher, shrunk, self_ensemble=self_ensemble).pixels
            target = np.rint(share * pixels + (1 - share) * theirs).astype(np.uint8)
            name = f"{path.parent.name}_{path.stem}_{size:g}"
            Image.fromarray(shrunk).save(small / f"{name}x{scale}.png")
            Image.fromarray(target).save(large / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="folder of images, searched in depth")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--teacher", required=True, help="weights file, or a shipped name")
    parser.add_argument("--sizes", default="1", help="such as 1,0.7,0.5")
    parser.add_argument("--share", type=float, default=0, help="of the photograph itself, 0..1")
    parser.add_argument("--self-ensemble", action="store_true")
    options = parser.parse_args()
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    teach(
        sorted(path for path in options.photographs.rglob("*") if path.suffix.lower() in suffixes),
        options.output,
        cadyq_cli.Opener().open(options.teacher),
        sizes=[float(size) for size in options.sizes.split(",")],
        share=options.share,
        self_ensemble=options.self_ensemble,
    )


if __name__ == "__main__":
    main()
