"""What `cadyq calibrate` loses, and what each of its means brings.

    python tests/benchmarks/calibration.py FLOAT --photos TRAIN --data Set5 Set14 --aim static=True
    ... --aim bits=6.0 --without-each          and with each of the means left out in turn
    ... --nncf                                 and beside NNCF

Each row is the median of several draws of the pictures, each calibrated in a process of its own,
whose time includes torch's import. NNCF's row needs the packages nncf and openvino.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cadyq_cli.evaluation.metrics import psnr
from cadyq_cli.imaging.colour import luma
from cadyq_cli.imaging.resize import crop_to_multiple, imresize
from cadyq_cli.networks import load
from cadyq_cli.training.data.photographs import read_pixels
from cadyq_cli.training.data.survey import find

PICTURES = 32
MEANS = (
    "channel_steps",
    "channel_ranges",
    "offsets",
    "error_feedback",
    "biases",
    "relative",
    "narrow_bounds",
)
CALIBRATE = """
import ast, sys
import cadyq_cli
model, output, aims, *pictures = sys.argv[1:]
found = cadyq_cli.calibrate(model, pictures, output, **ast.literal_eval(aims))
print(found.fidelity.psnr)
"""


class Row(NamedTuple):
    """One way to quantize, in the median of its draws."""

    name: str
    psnr: Sequence[float]  # dB, by set
    bits: Sequence[float]
    fidelity: float  # dB from the float network, on pictures held out
    seconds: float


def evaluated(network: Path, sets: Sequence[Path]) -> tuple[list[float], list[float]]:
    """PSNR and average bits on each set, as `cadyq eval` tells them."""
    command = [sys.executable, "-m", "cadyq_cli", "eval", network, "--json", "--patch", "96"]
    command += [word for each in sets for word in ("-d", each)]
    done = subprocess.run([*map(str, command)], capture_output=True, check=True)
    results = json.loads(done.stdout)["results"]
    return [each["psnr"] for each in results], [each["average_bits"] for each in results]


def row(name: str, model: Path, arguments: argparse.Namespace, aims: dict[str, Any]) -> Row:
    """Calibrate on several draws of pictures."""
    files = find(arguments.photos)
    draws = []
    for number in range(arguments.draws):
        pictures = random.Random(number).sample(files, PICTURES)
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "calibrated.safetensors")
            given = [model, output, aims | {"seed": number}, *pictures]
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", CALIBRATE, *map(str, given)], capture_output=True, check=True
            )
            seconds = time.perf_counter() - began
            scores, bits = evaluated(output, arguments.data)
            draws.append((*scores, *bits, float(done.stdout), seconds))
    median = [statistics.median(values) for values in zip(*draws, strict=True)]
    count = len(arguments.data)
    return Row(name, median[:count], median[count : 2 * count], *median[2 * count :])


def nncf_row(model: Path, arguments: argparse.Namespace) -> Row:
    """NNCF's static 8 bit of the same network, which OpenVINO runs."""
    import nncf
    import openvino
    import torch

    network = load(model)
    scale = network.scale

    class Plain(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            enlarged: torch.Tensor = network(image)[0]
            return enlarged

    draws = []
    for number in range(arguments.draws):
        began = time.perf_counter()
        pictures = random.Random(number).sample(find(arguments.photos), PICTURES)
        crops = [
            imresize(crop_to_multiple(read_pixels(file), scale), 1 / scale)[:64, :64]
            for file in pictures
        ]
        examples = [c.transpose(2, 0, 1)[None].astype(np.float32) / 255 for c in crops]
        model_of = openvino.convert_model(Plain().eval(), example_input=torch.tensor(examples[0]))
        quantized = nncf.quantize(model_of, nncf.Dataset(examples))
        compiled = openvino.Core().compile_model(quantized, "CPU")
        seconds = time.perf_counter() - began
        scores = [
            statistics.mean(_score(compiled, file, scale) for file in find([folder]))
            for folder in arguments.data
        ]
        draws.append((*scores, seconds))
    *scores, seconds = (statistics.median(values) for values in zip(*draws, strict=True))
    return Row("NNCF, static 8 bit", scores, [8.0] * len(scores), float("nan"), seconds)


def _score(compiled: Any, file: Path, scale: int) -> float:
    truth = crop_to_multiple(read_pixels(file), scale)
    low = imresize(truth, 1 / scale).transpose(2, 0, 1)[None].astype(np.float32) / 255
    enlarged = np.rint(compiled([low])[0][0].transpose(1, 2, 0).clip(0, 1) * 255)
    return psnr(luma(enlarged), luma(truth), border=scale)


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    model = arguments.model
    scores, bits = evaluated(model, arguments.data)
    yield Row("float", scores, bits, float("nan"), float("nan"))
    for text in arguments.aim:
        words = (word.split("=") for word in text.split(","))
        aims = {name: ast.literal_eval(value) for name, value in words}
        yield row(text, model, arguments, aims)
        if arguments.without_each:
            for name in MEANS:
                yield row(f"{text}, no {name}", model, arguments, {**aims, name: False})
            yield row(f"{text}, none", model, arguments, {**aims, **dict.fromkeys(MEANS, False)})
    if arguments.nncf:
        yield nncf_row(model, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--aim", action="append", default=[], metavar="NAME=VALUE,...")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--without-each", action="store_true")
    parser.add_argument("--nncf", action="store_true")
    arguments = parser.parse_args()
    names = [folder.name for folder in arguments.data]
    print(f"| {arguments.model.name} | {' | '.join(names)} | lost | dB from float | s |")
    print("|---" * (len(names) + 4) + "|")
    exact: Sequence[float] = ()
    for each in rows(arguments):
        exact = exact or each.psnr
        cells = [f"{p:.3f} / {b:.2f}" for p, b in zip(each.psnr, each.bits, strict=True)]
        lost = ", ".join(f"{a - b:.3f}" for a, b in zip(exact, each.psnr, strict=True))
        print(
            f"| {each.name} | {' | '.join(cells)} | {lost} | {each.fidelity:.1f} |"
            f" {each.seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
