"""Time against quality of the shipped models: on the int8 engine, and in float32 elsewhere.

    python tests/benchmarks/pareto.py --data B100 --plot pareto.png
    python tests/benchmarks/pareto.py --data B100 edsr-x4 runs/new/model.safetensors

The same topologies run in float32 with PyTorch and, where the packages are installed, with ncnn
(ncnn and pnnx) and OpenVINO (openvino). Each has a process of its own, as it has for its users, and
all take turns in one run: read the ratios. The PSNR of a topology in float32 is that of a float
model among the models; without one it is not known, and only the table has it.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cadyq_cli.engine.runner import Map
from cadyq_cli.evaluation.enlargers import enlarger_of
from cadyq_cli.evaluation.naming import named
from cadyq_cli.evaluation.pairs import Source, discover
from cadyq_cli.evaluation.plot import _shortened
from cadyq_cli.evaluation.protocol import Comparison, Patches, measure
from cadyq_cli.figures.axes import Frame, even_axis, logarithmic_axis
from cadyq_cli.figures.canvas import COLOURS, FINER, Canvas, Place
from cadyq_cli.figures.text import MUTED, PAPER, Colour
from cadyq_cli.imaging.files import write
from cadyq_cli.imaging.pixels import to_values
from cadyq_cli.networks import Card, Network
from cadyq_cli.networks.stored import read_card
from cadyq_cli.opening import Opener
from cadyq_cli.quant.trace import Trace

SIZE = (1200, 640)  # px of the plot
AREA = (100, 70, 850, 550)  # left, top, right, bottom of its axes, px
LEGEND = 900  # px from the left

Run = Callable[[], object]


class Plain(nn.Module):
    """A float network as anyone would write it: an image in, an image out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        card = read_card(path)
        network = Network(Card(backbone=card.backbone, settings=card.settings))
        self.backbone = network.backbone.eval()

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.backbone(image, Trace(torch.zeros(1, 2)))
        return output


def in_cadyq(path: Path, images: Sequence[Map], threads: int) -> Run:
    """Each thread takes an image, as it takes a tile of a large one."""
    runner = Opener(engine="int8", threads=threads).open(path)
    pool = ThreadPoolExecutor(threads)
    return lambda: [*pool.map(runner.run, images)]


def in_torch(path: Path, images: Sequence[Map], threads: int) -> Run:
    torch.set_num_threads(threads)
    plain, inputs = Plain(path), tensors(images)

    @torch.inference_mode()
    def run() -> None:
        for image in inputs:
            plain(image)

    return run


def in_ncnn(path: Path, images: Sequence[Map], threads: int) -> Run:
    import ncnn
    import pnnx

    first, *_ = inputs = tensors(images)
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    with tempfile.TemporaryDirectory() as folder:
        torch.jit.trace(Plain(path), first).save(f"{folder}/net.pt")
        shape = ",".join(map(str, first.shape))
        command = [pnnx.EXEC_PATH, f"{folder}/net.pt", f"inputshape=[{shape}]f32", "fp16=0"]
        subprocess.run(command, capture_output=True, check=True)
        net.load_param(f"{folder}/net.ncnn.param")
        net.load_model(f"{folder}/net.ncnn.bin")
    # Copies, as ncnn crashes where the first layer works in place on memory of numpy's.
    mats = [ncnn.Mat(image[0].numpy()).clone() for image in inputs]

    def run() -> None:
        for mat in mats:
            extractor = net.create_extractor()
            extractor.input("in0", mat)
            extractor.extract("out0")

    return run


def in_openvino(path: Path, images: Sequence[Map], threads: int) -> Run:
    import openvino

    first, *_ = inputs = tensors(images)
    model = openvino.convert_model(Plain(path), input=[*first.shape], example_input=first)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda: [request.infer([image.numpy()]) for image in inputs]


def tensors(images: Iterable[Map]) -> list[Tensor]:
    return [torch.from_numpy(image).permute(2, 0, 1)[None].contiguous() for image in images]


class Way(NamedTuple):
    """How to run networks, and its mark in the plot."""

    start: Callable[[Path, Sequence[Map], int], Run]
    sides: int = 0  # of a polygon; 0: a dot
    turned: int = 0  # degrees
    packages: tuple[str, ...] = ()  # that it needs

    @property
    def ours(self) -> bool:
        return self.start is in_cadyq

    def elsewhere(self) -> bool:
        """Whether it is not ours, and installed."""
        return not self.ours and all(map(find_spec, self.packages))


WAYS: Mapping[str, Way] = {
    "cadyq int8, dynamic": Way(in_cadyq),
    "cadyq int8, static": Way(in_cadyq, 4),
    "OpenVINO float32": Way(in_openvino, 4, 45, ("openvino",)),
    "ncnn float32": Way(in_ncnn, 3, 0, ("ncnn", "pnnx")),
    "PyTorch float32": Way(in_torch, 4),
}

_runs: dict[Path, Run] = {}  # of a process that runs networks in one way


def prepare(way: str, files: Iterable[Path], images: Sequence[Map], threads: int) -> None:
    _runs.update({path: WAYS[way].start(path, images, threads) for path in files})


def seconds(path: Path) -> float:
    began = time.perf_counter()
    _runs[path]()
    return time.perf_counter() - began


@dataclass(frozen=True)
class Point:
    """A model, run in one way. What is not known is NaN."""

    model: str
    family: str  # a name for all models of its topology
    way: str
    file: Path
    psnr: float  # dB, mean over images
    bits: float  # of a quantized model, mean over images
    time: float = math.nan  # microseconds for each low-resolution pixel, median


def points_of(models: Mapping[str, Path], sources: tuple[Source, ...], threads: int) -> list[Point]:
    """Each quantized model on the engine, and each topology in every float32 way there is."""
    families: defaultdict[str, dict[str, Card]] = defaultdict(dict)
    for name, path in models.items():
        card = read_card(path)
        families[f"{card.backbone} {sorted(card.settings.items())}"][name] = card
    found = []
    for cards in families.values():
        family = min(cards, key=len)
        floats = [name for name, card in cards.items() if card.precision == "float"]
        runs = [(n, f"cadyq int8, {c.precision}") for n, c in cards.items() if n not in floats]
        runs += [(min(floats, default=family), way) for way in WAYS if WAYS[way].elsewhere()]
        for name, way in sorted(runs, key=lambda run: [*WAYS].index(run[1])):
            foreign = not floats and not WAYS[way].ours  # so the model is another precision's
            psnr, bits = quality(models[name], () if foreign else sources, threads)
            found.append(Point(name, family, way, models[name], psnr, bits))
    return found


@cache
def quality(path: Path, sources: tuple[Source, ...], threads: int) -> tuple[float, float]:
    """PSNR on luma, of whole images, and average bits."""
    if not sources:
        return math.nan, math.nan
    scale = read_card(path).scale
    opener = Opener(engine="int8", threads=threads)
    enlarger = enlarger_of(path.stem, path, scale, opener, images=threads)
    compared = partial(measure, enlarger, patches=Patches(), compare=Comparison(border=scale))
    with ThreadPoolExecutor(threads) as pool:
        found = [*pool.map(compared, sources)]
    bits = [math.nan if i.average_bits is None else i.average_bits for i in found]
    return fmean(image.psnr for image in found), fmean(bits)


def timed(points: Sequence[Point], images: Sequence[Map], rounds: int, threads: int) -> list[Point]:
    """The points with their times, of rounds in which they take turns; the first one warms up."""
    taken: defaultdict[Point, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        pools = {}
        for way in {point.way for point in points}:
            setting = (way, [p.file for p in points if p.way == way], images, threads)
            pool = ProcessPoolExecutor(1, get_context("spawn"), prepare, setting)
            pools[way] = stack.enter_context(pool)
        for number in range(rounds + 1):
            for point in points:
                own = pools[point.way].submit(seconds, point.file).result()
                if number:
                    taken[point].append(own)
    pixels = sum(image.shape[0] * image.shape[1] for image in images)
    return [replace(p, time=median(t) * 1e6 / pixels) for p, t in taken.items()]


def table(points: Sequence[Point], dataset: str) -> Iterator[str]:
    yield f"| model | by | µs / pixel | times as fast as the best float32 | {dataset}, dB | bits |"
    yield "|---|---|--:|--:|--:|--:|"
    for point in points:
        best = min(p.time for p in points if p.family == point.family and not WAYS[p.way].ours)
        psnr, bits = ("–" if math.isnan(v) else f"{v:.2f}" for v in (point.psnr, point.bits))
        ratio = f"{best / point.time:.2f}"
        yield f"| {point.model} | {point.way} | {point.time:.2f} | {ratio} | {psnr} | {bits} |"


class Diagram:
    """Microseconds against dB, the points of a topology joined."""

    def __init__(self, points: Sequence[Point], dataset: str) -> None:
        self.canvas = Canvas.blank(*SIZE, text=22)
        times, ratios = [p.time for p in points], [p.psnr for p in points]
        self._times = logarithmic_axis(min(times), max(times))
        decibels = even_axis(min(ratios), max(ratios), steps=5, narrowest=0.05)
        left, top, right, bottom = AREA
        self._frame = Frame(left=left, top=top, right=right, bottom=bottom, axis=decibels)
        self._axes(dataset)
        ranked = sorted(points, key=lambda point: -point.psnr)
        families = dict.fromkeys(point.family for point in ranked)
        for number, (family, colour) in enumerate(zip(families, cycle(COLOURS))):
            self._entry(number, _shortened(family), "cadyq int8, dynamic", colour)
            self._curve([p for p in points if p.family == family], colour)
        ways = [way for way in WAYS if any(point.way == way for point in points)]
        for number, way in enumerate(ways, len(families) + 1):
            self._entry(number, way, way, MUTED)

    def _axes(self, dataset: str) -> None:
        left, top, right, bottom = AREA
        for tick, label in zip(self._times.ticks, self._times.labels, strict=True):
            self._frame.rule_column(self.canvas, self._times.share(tick), label)
        self._frame.rule(self.canvas)
        self.canvas.text((left, top - 24), f"PSNR on {dataset}, dB", "ls")
        label = "microseconds for a low-resolution pixel"
        self.canvas.text(((left + right) / 2, bottom + 44), label, "ma", MUTED)

    def _curve(self, points: Sequence[Point], colour: Colour) -> None:
        ordered = sorted(points, key=lambda point: point.time)
        places = [
            (self._frame.x(self._times.share(point.time)), self._frame.y(point.psnr))
            for point in ordered
        ]
        self.canvas.line(places, colour)
        for point, place in zip(ordered, places, strict=True):
            self._mark(place, point.way, colour)

    def _entry(self, number: int, text: str, way: str, colour: Colour) -> None:
        """A line of the legend."""
        y = AREA[1] + 34 * number
        self._mark((LEGEND, y), way, colour)
        self.canvas.text((LEGEND + 22, y), text, "lm")

    def _mark(self, place: Place, way: str, colour: Colour) -> None:
        """Filled if it is ours."""
        (x, y), radius = self.canvas._scaled(place), 10 * FINER
        mark, width, pen = WAYS[way], 3 * FINER, self.canvas._pen
        inside = colour if mark.ours else PAPER
        if mark.sides:
            pen.regular_polygon((x, y, radius), mark.sides, mark.turned, inside, colour, width)
        else:
            pen.circle((x, y), radius, inside, colour, width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all that are shipped")
    parser.add_argument("--data", type=Path, required=True, help="folder of large images")
    parser.add_argument("--images", type=int, help="measure PSNR on so many; default: all")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--timed", type=int, default=8, help="images of a size to time; default: 8")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plot", type=Path, help="picture to draw")
    arguments = parser.parse_args()
    scale, files = named(arguments.models, scale=arguments.scale)
    models = {name: path for name, path in files.items() if path}
    dataset = discover(arguments.data, scale)
    smalls = [source.load(scale).small for source in dataset.sources]
    images = [to_values(small) for small in smalls if small.shape == smalls[0].shape]
    images = images[: arguments.timed]
    points = points_of(models, dataset.sources[: arguments.images], arguments.threads)
    points = timed(points, images, arguments.rounds, arguments.threads)
    height, width, _ = images[0].shape
    print(f"x{scale}, {len(images)} images of {width} x {height}, {arguments.threads} threads\n")
    print("\n".join(table(points, dataset.name)))
    if arguments.plot and (known := [point for point in points if not math.isnan(point.psnr)]):
        write(arguments.plot, Diagram(known, dataset.name).canvas.picture(), overwrite=True)


if __name__ == "__main__":
    main()
