"""How likely and how strong each harm to a picture is."""

from __future__ import annotations

from dataclasses import dataclass

from cadyq_cli.errors import InputError
from cadyq_cli.settings import check, setting

RESAMPLERS = ("bicubic", "bilinear", "lanczos", "area")
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")

_EXTENTS = {  # of what a range can hold
    "blur_widths": (0.05, 10),
    "noise_levels": (0, 100),
    "first_qualities": (1, 100),
    "first_sizes": (1, 4),
    "jpeg_qualities": (1, 100),
    "webp_qualities": (1, 100),
}


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """What may happen to low resolution, in the order in which it happens; by default nothing.

    Raises:
        InputError: a value that does not fit.
    """

    blur: float = setting(0.0, "share of pictures that are blurred", least=0, most=1)
    blur_widths: tuple[float, ...] = setting(
        (0.2, 1.0), "standard deviation of the Gaussian in low-resolution pixels, least and most"
    )
    blur_round: float = setting(
        0.5, "share of the Gaussians that are as wide as they are high", least=0, most=1
    )
    resamplers: tuple[str, ...] = setting(
        ("bicubic",), f"kernels that shrink, each as likely: {', '.join(RESAMPLERS)}"
    )
    noise: float = setting(0.0, "share of pictures with noise", least=0, most=1)
    noise_levels: tuple[float, ...] = setting(
        (0.0, 10.0), "standard deviation of the noise in 0..255, least and most"
    )
    noise_colour: float = setting(
        1.0, "share of the noise that is independent in red, green and blue", least=0, most=1
    )
    noise_signal: float = setting(
        0.0,
        "share of the noise whose variance is in proportion to brightness; its level is that of"
        " middle gray",
        least=0,
        most=1,
    )
    jpeg: float = setting(0.0, "share of pictures that end as JPEG", least=0, most=1)
    jpeg_qualities: tuple[int, ...] = setting((30, 95), "of that JPEG, least and most")
    subsamplings: tuple[str, ...] = setting(
        ("4:2:0",), f"of colour in JPEG, each as likely: {', '.join(SUBSAMPLINGS)}"
    )
    webp: float = setting(0.0, "share of pictures that end as WebP instead", least=0, most=1)
    webp_qualities: tuple[int, ...] = setting((30, 95), "of that WebP, least and most")
    twice: float = setting(
        0.0,
        "share of those two that were JPEG before, with blocks that begin elsewhere",
        least=0,
        most=1,
    )
    first_qualities: tuple[int, ...] = setting((50, 95), "of that first JPEG, least and most")
    first_sizes: tuple[float, ...] = setting(
        (1.0, 1.0), "width of that first JPEG over that of the last, least and most"
    )

    def __post_init__(self) -> None:
        check(self)
        for name, extent in _EXTENTS.items():
            _check_range(name, getattr(self, name), *extent)
        _check_names("resamplers", self.resamplers, RESAMPLERS)
        _check_names("subsamplings", self.subsamplings, SUBSAMPLINGS)
        if self.jpeg + self.webp > 1:
            raise InputError(f"jpeg = {self.jpeg:g} and webp = {self.webp:g} should be at most 1")

    @property
    def happens(self) -> bool:
        """Whether any picture is changed."""
        harms = self.blur, self.noise, self.jpeg, self.webp
        return any(harms) or set(self.resamplers) != {"bicubic"}


def _check_range(name: str, values: tuple[float, ...], least: float, most: float) -> None:
    if len(values) != 2 or not least <= values[0] <= values[1] <= most:
        raise InputError(
            f"{name} = {list(values)} should be two numbers from {least} to {most}, the smaller"
            " one first"
        )


def _check_names(name: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not values or not set(values) <= set(known):
        raise InputError(f"{name} = {list(values)} should be some of {', '.join(known)}")
