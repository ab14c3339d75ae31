"""Content-aware dynamic quantization for image super-resolution.

    network = cadyq_cli.Opener().open("edsr-x4")
    result = cadyq_cli.upscale(network, pixels)
    calibration = cadyq_cli.calibrate("span.pth", ["photos"], "mine.safetensors")

What stands in `__all__` is imported when it is first used, so that `import cadyq_cli` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadyq_cli.calibration.files import Calibration, calibrate
    from cadyq_cli.errors import CadyqError
    from cadyq_cli.networks import Network, load, load_official
    from cadyq_cli.opening import Opener
    from cadyq_cli.upscaling import Upscaled, upscale

__version__ = "0.1.0"

__all__ = [
    "CadyqError",
    "Calibration",
    "Network",
    "Opener",
    "Upscaled",
    "calibrate",
    "load",
    "load_official",
    "upscale",
]

_HOME = {
    "CadyqError": "errors",
    "Calibration": "calibration.files",
    "Network": "networks",
    "Opener": "opening",
    "Upscaled": "upscaling",
    "calibrate": "calibration.files",
    "load": "networks",
    "load_official": "networks",
    "upscale": "upscaling",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
