"""Writes networks as ncnn stores them; source: ncnn's wiki on its files, and on its layers."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from other_programs import Compact, Span
from torch import nn


class Writer:
    """Collects layers; its methods give the name of what a layer makes."""

    def __init__(self, *, half: bool) -> None:
        self.half = half
        self.layers: list[tuple[str, list[str], str, str]] = [("Input", [], "data", "")]
        self.numbers = bytearray()

    def add(self, kind: str, sources: list[str], settings: str = "", *, out: str = "") -> str:
        out = out or f"value_{len(self.layers)}"
        self.layers.append((kind, sources, out, settings))
        return out

    def convolution(self, conv: Any, source: str) -> str:
        outputs, side = conv.out_channels, conv.kernel_size[0]
        weights, biases = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        if self.half:
            stored = weights.astype("<f2").tobytes()
            self.numbers += struct.pack("<I", 0x01306B47) + stored + bytes(-len(stored) % 4)
        else:
            self.numbers += struct.pack("<I", 0) + weights.astype("<f4").tobytes()
        self.numbers += biases.astype("<f4").tobytes()
        settings = f"0={outputs} 1={side} 4={side // 2} 5=1 6={weights.size}"
        return self.add("Convolution", [source], settings)

    def prelu(self, prelu: Any, source: str) -> str:
        self.numbers += prelu.weight.detach().numpy().astype("<f4").tobytes()
        return self.add("PReLU", [source], f"0={prelu.num_parameters}")

    def constant(self, colour: list[float]) -> str:
        self.numbers += np.array(colour, "<f4").tobytes()
        return self.add("MemoryData", [], "0=1 1=1 2=3")

    def write(self, path: Path) -> Path:
        """Both files; what several layers read is split, as ncnn wants it."""
        readers = Counter(source for _, sources, _, _ in self.layers for source in sources)
        lines, used = [], Counter[str]()
        for index, (kind, sources, out, settings) in enumerate(self.layers):
            names = []
            for source in sources:
                names.append(source if readers[source] == 1 else f"{source}_{used[source]}")
                used[source] += 1
            made = [kind, f"layer_{index}", str(len(names)), "1", *names, out, settings]
            lines.append(" ".join(made).rstrip())
            if readers[out] > 1:
                copies = " ".join(f"{out}_{i}" for i in range(readers[out]))
                lines.append(f"Split split_{index} 1 {readers[out]} {out} {copies}")
        head = f"7767517\n{len(lines)} {len(lines) + 9}\n"
        path.with_suffix(".param").write_text(head + "\n".join(lines) + "\n")
        path.with_suffix(".bin").write_bytes(self.numbers)
        return path


def compact(network: Compact, *, half: bool = False) -> Writer:
    writer = Writer(half=half)
    body = "data"
    for layer in network.body:
        write = writer.prelu if isinstance(layer, nn.PReLU) else writer.convolution
        body = write(layer, body)
    scale = network.scale
    shuffled = writer.add("PixelShuffle", [body], f"0={scale}") if scale > 1 else body
    settings = f"0=1 1={scale:e} 2={scale:e}"
    nearest = writer.add("Interp", ["data"], settings) if scale > 1 else "data"
    writer.add("BinaryOp", [shuffled, nearest], out="output")
    return writer


def span(
    network: Span, *, half: bool = False, mean: list[float] | None = None, white: float = 1
) -> Writer:
    """A folded SPAN that takes `mean` off pixels of 0..1 and multiplies the rest by `white`."""
    writer = Writer(half=half)
    image = "data"
    if mean is not None:
        image = writer.add("BinaryOp", [image, writer.constant(mean)], "0=1")
    if white != 1:
        image = writer.add("BinaryOp", [image], f"0=2 1=1 2={white:e}")
    head = body = writer.convolution(network.conv_1, image)
    outputs = []
    for i in range(1, network.blocks + 1):
        block = getattr(network, f"block_{i}")
        first = writer.add("Swish", [writer.convolution(block.c1_r, body)])
        second = writer.add("Swish", [writer.convolution(block.c2_r, first)])
        third = writer.convolution(block.c3_r, second)
        sigmoid = writer.add("Sigmoid", [third])
        gate = writer.add("BinaryOp", [sigmoid], "0=1 1=1 2=0.5")
        body = writer.add("BinaryOp", [writer.add("BinaryOp", [third, body], "0=0"), gate], "0=2")
        outputs.append(body)
    end = writer.convolution(network.conv_2, body)
    joined = writer.convolution(
        network.conv_cat, writer.add("Concat", [head, end, outputs[0], first], "0=0")
    )
    tail = writer.convolution(network.upsampler[0], joined)
    writer.add("PixelShuffle", [tail], f"0={network.scale}", out="output")
    return writer
