"""How fast the int8 engine is, beside PyTorch, OpenVINO and ONNX Runtime.

    python tests/benchmarks/engine.py                             EDSR, 8 patches of 96 x 96
    python tests/benchmarks/engine.py edsr carn idn srresnet      all backbones
    python tests/benchmarks/engine.py --photo photo.jpg           and a photograph, patch by patch
    python tests/benchmarks/engine.py --widths --layers           time by width, and by layer

The rows of a table take turns in one run; read the ratios. OpenVINO's rows need the packages
openvino and nncf, ONNX Runtime's onnxruntime, onnx and onnxscript; they are left out without.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cadyq_cli.backbones.edsr import COMPOSED_EDGE
from cadyq_cli.engine.allocator import keep_freed_memory
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.kernels import Codes, Epilogue, Sums
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.native.library import NativeUnavailable, instruction_sets
from cadyq_cli.engine.runner import Map
from cadyq_cli.imaging import files
from cadyq_cli.imaging.tiles import tiles
from cadyq_cli.networks import Card, Network, load, shipped
from cadyq_cli.opening import executable_of
from cadyq_cli.outer_layers.static import with_static_outer_layers
from cadyq_cli.quant.ranges import fit_ranges
from cadyq_cli.quant.sites import DynamicSite

PATCH = 96
Run = Callable[[], object]


def medians(runs: Mapping[str, Run], repeats: int) -> dict[str, float]:
    """Seconds that each takes, of rounds in which they take turns; the first round warms up."""
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if number:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def show(title: str, times: Mapping[str, float], basis: str) -> None:
    print(f"\n{title}\n\n| what | s | times as fast as the first |\n|---|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {taken:.3f} | {times[basis] / taken:.2f} |")
    sys.stdout.flush()


def network_of(backbone: str) -> Network:
    """The shipped one at x4, or an untrained one that is quantized alike; with 8-bit edges."""
    if f"{backbone}-x4" in shipped.names():
        network = load(shipped.find(backbone, 4))
    else:
        torch.manual_seed(0)
        layers = {"unsigned": True}
        card = Card(backbone=backbone, settings={"scale": 4}, precision="dynamic", layers=layers)
        network = Network(card).eval()
        with torch.no_grad():
            fit_ranges(network, lambda: [network(torch.rand(2, 3, 48, 48))[1]])
    if network.card.layers.get("edges") != "static":
        network = with_static_outer_layers(network, [torch.rand(2, 3, 48, 48)])
    return network


class Plain(nn.Module):
    """A float network as anyone would write it: an image in, an image out.

    A composed one has the one convolution that our EDSR makes of upsampler and tail. It is spared
    the kernels along the border, which other runtimes would be slow at.
    """

    def __init__(self, backbone: str, **settings: Any) -> None:
        super().__init__()
        self.network = Network(Card(backbone=backbone, settings={"scale": 4} | settings)).eval()
        if settings:
            self.network.backbone.tail = nn.Conv2d(64, 48, COMPOSED_EDGE, padding="same")

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.network(image)[0]
        return output


def engines(network: Network) -> Iterator[tuple[str, Executable]]:
    """One for each instruction set that this machine has; the generic one takes too long."""
    for isa in instruction_sets():
        with suppress(NativeUnavailable):
            if isa != "generic":
                yield isa, executable_of(network, NativeKernels(isa))


def engine_run(executable: Executable, patches: Iterable[Map], threads: int) -> Run:
    """Its threads stay, as they do for all the patches of an image."""
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(executable.run, patches))


def run_torch(module: nn.Module, patches: Tensor) -> None:
    with torch.inference_mode():
        module(patches)


def as_a_user(backbone: str, patches: int, repeats: int, threads: int) -> float:
    """PyTorch float32 in a process of its own, as its allocator is by default."""
    command = [sys.executable, __file__, backbone, "--as-a-user"]
    options = ["--patches", patches, "--repeats", repeats, "--threads", threads]
    output = subprocess.run(
        [*command, *map(str, options)], capture_output=True, text=True, check=True
    )
    return float(output.stdout)


def openvino_runs(plain: Plain, patches: Tensor, threads: int) -> Iterator[tuple[str, Run]]:
    """The same topology in float32 and with static 8 bit."""
    try:
        import nncf
        import openvino
    except ImportError:
        return
    model = openvino.convert_model(plain, example_input=patches)
    examples = nncf.Dataset([patches[i : i + 1].numpy() for i in range(len(patches))])
    quantized = nncf.quantize(model, examples, preset=nncf.QuantizationPreset.MIXED)
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    for name, network in (("float32", model), ("static int8", quantized)):
        compiled = openvino.Core().compile_model(network, "CPU", settings)
        yield f"OpenVINO {name}", partial(compiled.create_infer_request().infer, [patches.numpy()])


def onnx_runs(plain: Plain, patches: Tensor, threads: int) -> Iterator[tuple[str, Run]]:
    """The same topology in float32 and with static 8 bit."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  the export needs it
        from onnxruntime import quantization
    except ImportError:
        return
    with tempfile.TemporaryDirectory() as folder:
        model, quantized = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        torch.onnx.export(plain, (patches,), model, input_names=["image"], external_data=False)

        class Examples(quantization.CalibrationDataReader):  # type: ignore[misc]
            left = iter([{"image": patches.numpy()}])

            def get_next(self) -> dict[str, NDArray[np.float32]] | None:
                return next(self.left, None)

        quantization.quantize_static(model, quantized, Examples())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        for name, file in (("float32", model), ("static int8", quantized)):
            session = onnxruntime.InferenceSession(file, options)
            yield f"ONNX Runtime {name}", partial(session.run, None, {"image": patches.numpy()})


def compare(backbone: str, arguments: argparse.Namespace) -> None:
    """All ways to run one topology on some patches."""
    network, plain = network_of(backbone), Plain(backbone)
    images = torch.rand(arguments.patches, 3, PATCH, PATCH)
    patches = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    user, tuned = "PyTorch float32, as a user runs it", "PyTorch float32, tuned allocator"
    alone = as_a_user(backbone, arguments.patches, arguments.repeats, arguments.threads)
    keep_freed_memory()
    runs: dict[str, Run] = {
        tuned: partial(run_torch, plain, images),
        "cadyq, fake-quantized in PyTorch": partial(run_torch, network, images),
    }
    for isa, executable in engines(network):
        runs[f"cadyq int8, {isa}"] = engine_run(executable, patches, arguments.threads)
    runs |= dict(openvino_runs(plain, images, arguments.threads))
    runs |= dict(onnx_runs(plain, images, arguments.threads))
    if backbone == "edsr":
        composed = openvino_runs(Plain("edsr", composed=True), images, arguments.threads)
        runs |= {f"{name}, tail composed as ours": run for name, run in composed}
    times = {user: alone} | medians(runs, arguments.repeats)
    show(f"{backbone} x4, {len(patches)} patches of {PATCH} x {PATCH}", times, user)


def compare_photo(backbone: str, file: Path, arguments: argparse.Namespace) -> None:
    """A photograph, patch by patch."""
    pixels = files.read(file).pixels[:512, :512].astype(np.float32) / np.float32(255)
    height, width, _ = pixels.shape
    cut = [np.ascontiguousarray(pixels[t.read()]) for t in tiles(height, width, PATCH, 16)]
    plain = Plain(backbone)
    _, executable = next(engines(network_of(backbone)))
    inputs = [torch.from_numpy(patch).permute(2, 0, 1)[None] for patch in cut]

    def in_torch() -> None:
        for patch in inputs:
            run_torch(plain, patch)

    runs = {
        "PyTorch float32, tuned allocator": in_torch,
        "cadyq int8": engine_run(executable, cut, arguments.threads),
    }
    times = medians(runs, arguments.repeats)
    show(f"{backbone} x4, {width} x {height} in {len(cut)} patches", times, next(iter(runs)))


def compare_widths(backbone: str, arguments: argparse.Namespace) -> None:
    """The same network with every site forced to one width."""
    patches = np.random.default_rng(0).random((arguments.patches, PATCH, PATCH, 3), np.float32)
    runs: dict[str, Run] = {}
    network = network_of(backbone)
    sites = [site for site in network.modules() if isinstance(site, DynamicSite)]
    widths = sites[0].widths.int().tolist()
    for index, width in sorted(enumerate(widths), reverse=True):
        for site in sites:
            with torch.no_grad():
                site.selector.weight.zero_()
                site.selector.bias.copy_(torch.arange(len(widths)) == index)
        _, executable = next(engines(network))
        runs[f"{width} bit"] = engine_run(executable, patches, arguments.threads)
    show(f"{backbone} x4 by width", medians(runs, arguments.repeats), next(iter(runs)))


class Timed:
    """Kernels that take the time of every convolution."""

    def __init__(self, kernels: NativeKernels) -> None:
        self._kernels = kernels
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.work: dict[str, float] = {}  # MACs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)

    def pack(self, weight: NDArray[np.int8], **options: Any) -> Any:
        return weight.shape, self._kernels.pack(weight, **options)

    def convolve(
        self,
        codes: Codes,
        height: int,
        width: int,
        packed: Any,
        out: Map | None,
        epilogue: Epilogue,
    ) -> Sums | None:
        (outputs, inputs, edge, _), weights = packed
        name = f"{edge}x{edge}, {inputs} to {outputs}, {width} x {height}"
        began = time.perf_counter()
        sums = self._kernels.convolve(codes, height, width, weights, out, epilogue)
        self.seconds[name].append(time.perf_counter() - began)
        self.work[name] = height * width * outputs * inputs * edge**2
        return sums


def peak() -> float:
    """MACs a second of int8 at this machine's best, on one thread: oneDNN multiplies matrices."""
    side = 1024
    left, right = (torch.randint(-99, 99, (side, side), dtype=torch.int8) for _ in range(2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = medians({"peak": lambda: torch._int_mm(left, right)}, 9)["peak"]
    torch.set_num_threads(threads)
    return side**3 / seconds


def show_layers(backbone: str, arguments: argparse.Namespace) -> None:
    """What share of the machine's peak each convolution reaches, on one thread."""
    kernels = NativeKernels()
    timed, best = Timed(kernels), peak()
    executable = executable_of(network_of(backbone), timed)
    patch = np.random.default_rng(0).random((PATCH, PATCH, 3), np.float32)
    for _ in range(arguments.repeats):
        executable.run(patch)
    print(
        f"\n{backbone} x4, {kernels.name}, one thread; int8 matrices take {best / 1e9:.0f} GMAC/s"
    )
    print("\n| convolution | count | ms each | GMAC/s | of that |\n|---|---|---|---|---|")
    for name, times in timed.seconds.items():
        taken = statistics.median(times)
        rate = timed.work[name] / taken
        count = len(times) // arguments.repeats
        print(f"| {name} | {count} | {taken * 1e3:.2f} | {rate / 1e9:.0f} | {rate / best:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbones", nargs="*", default=["edsr"])
    parser.add_argument("--patches", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--widths", action="store_true")
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--as-a-user", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for backbone in arguments.backbones:
        if arguments.as_a_user:
            images = torch.rand(arguments.patches, 3, PATCH, PATCH)
            run = partial(run_torch, Plain(backbone), images)
            print(medians({"": run}, arguments.repeats)[""])
            return
        compare(backbone, arguments)
        if arguments.photo:
            compare_photo(backbone, arguments.photo, arguments)
        if arguments.widths:
            compare_widths(backbone, arguments)
        if arguments.layers:
            show_layers(backbone, arguments)


if __name__ == "__main__":
    main()
