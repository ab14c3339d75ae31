"""What there is to compute with, and whether it works: what a report of a fault should say."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np
from PIL import features

from cadyq_cli import __version__
from cadyq_cli.engine.native.kernels import NativeKernels
from cadyq_cli.engine.native.library import (
    ISA_VARIABLE,
    NativeUnavailable,
    function_table,
    instruction_sets,
)
from cadyq_cli.errors import CadyqError
from cadyq_cli.imaging.plugins.plugin import BROTLI, HEIF, JXL, Plugin
from cadyq_cli.needing_torch import INSTALL, has_torch
from cadyq_cli.networks import shipped
from cadyq_cli.opening import load_executable, usable_cores
from cadyq_cli.upscaling import upscale

PACKAGES = ("numpy", "pillow", "rich", "safetensors", "tqdm", "typer")
PLUGINS = (HEIF, JXL, BROTLI)
CODECS = ("jpg", "webp", "avif", "libtiff", "littlecms2")  # Pillow's names
VARIABLES = (ISA_VARIABLE, "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NO_COLOR", "PYTHONUTF8")

_CHECKED = "span"  # the network that is tried
_SIDE = 48  # px of the picture that is enlarged
_PLAIN = 2  # levels that a plain picture may change by


class Finding(NamedTuple):
    """A line of a diagnosis."""

    topic: str
    told: str
    advice: str = ""  # what to do; none: all is well


def findings() -> Iterator[Finding]:
    """All there is to tell; it takes a second or two if torch is installed."""
    yield Finding("cadyq", __version__)
    bits = 64 if sys.maxsize > 2**32 else 32
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("python", f"{python}, {bits} bit")
    yield Finding("system", f"{platform.platform()}, {platform.machine()}")
    yield Finding("output", f"{sys.stdout.encoding}, terminal: {sys.stdout.isatty()}")
    yield Finding("cores", f"{usable_cores()} of {os.cpu_count()}")
    yield from map(_package, PACKAGES)
    yield Finding("picture codecs", ", ".join(map(_codec, CODECS)))
    yield from map(_plugin, PLUGINS)
    yield _torch()
    if chosen := [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]:
        yield Finding("environment", " ".join(chosen))
    networks = shipped.names()
    again = "" if networks else "install cadyq again"
    yield Finding("networks", f"{len(networks)} come with cadyq", again)
    yield from _kernels()


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", f"pip install {name}")


def _plugin(plugin: Plugin) -> Finding:
    """A package that may be missing."""
    if plugin.is_installed:
        return Finding(plugin.package, version(plugin.package))
    return Finding(plugin.package, f"not installed; {plugin.purpose}: {plugin.install}")


def _codec(name: str) -> str:
    found = features.version(name) if features.check(name) else None
    return f"{name} {found or 'missing'}"


def _torch() -> Finding:
    if not has_torch():
        return Finding("torch", f"not installed; to train networks or use a GPU: {INSTALL}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.cuda.get_device_name(number) for number in range(count)]
    return Finding("torch", f"{torch.__version__}, {', '.join(gpus) or 'no GPU'}")


def _kernels() -> Iterator[Finding]:
    """Which kernels there are, and whether a network computes with them what it should."""
    try:
        names = list(instruction_sets())
        able = [name for name in names if function_table(name)]
        kernels = NativeKernels()
    except NativeUnavailable as reason:
        needed = "" if has_torch() else f"; {INSTALL} brings what computes instead, slowly"
        yield Finding("kernels", str(reason), f"install cadyq again, or a wheel of it{needed}")
        return
    yield Finding("kernels", f"{kernels.name}; compiled: {', '.join(names)}")
    if not shipped.names():
        return
    try:
        faults = [fault for name in able if (fault := _fault_of(name))]
    except CadyqError as error:
        faults = [str(error)]
    if faults:
        advice = f"set {ISA_VARIABLE}=generic, and report this"
        yield Finding("self-check", ", ".join(faults), advice)
    else:
        yield Finding("self-check", f"{', '.join(able)} enlarge as they should")


def _fault_of(isa: str) -> str:
    """What is wrong with a picture that is enlarged by these kernels; nothing if all is well.

    Both hold whatever the weights are: a plain picture stays so, and all kernels agree.
    """
    path = shipped.find(_CHECKED, shipped.DEFAULT_SCALE)
    ramp = np.add.outer(np.arange(_SIDE), np.arange(_SIDE))[..., None] * [1, 2, 0]
    picture = (60 + ramp).astype(np.uint8)
    found, expected = (
        upscale(load_executable(path, NativeKernels(name)), picture).pixels.astype(int)
        for name in (isa, "generic")
    )
    if np.abs(found - expected).max() > 1:
        return f"{isa} differs from generic"
    plain = np.full_like(picture, 128)
    flat = upscale(load_executable(path, NativeKernels(isa)), plain).pixels.astype(int)
    inside = flat[_SIDE:-_SIDE, _SIDE:-_SIDE]
    return f"{isa} changes a plain picture" if np.abs(inside - 128).max() > _PLAIN else ""
