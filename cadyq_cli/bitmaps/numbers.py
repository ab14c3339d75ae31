"""The numbers behind every figure: which width each patch of an image got at each site, and why.

As JSON, `BitMap.to_json`:

    schema        "cadyq.bitmap/1"
    image         {file, width, height}: the input as it was named, and its size in pixels
    model         {name, scale, widths}: the candidate widths in bits, ascending
    average_bits  mean over patches and sites, as `cadyq eval` reports it; 0 if no network was run
    plain_share   share of the pixels, 0 to 1, that no network was run for, as interpolation does
    sites         names, in the order of execution
    patches       row by row, each {
        rectangle     [x, y, width, height] in pixels of the input; these tile the image
        average_bits  mean over sites
        bits          width at each site; 0 where no network was run
        gradient      [mean |dI/dx|, mean |dI/dy|] of what the patch read, gray, 0..1 a pixel
        spread        at each site, the standard deviation of each channel of its input
        scores        at each site, the score of each candidate width
    }

The last three show what the selectors saw and how they judged it, if that was recorded; spread and
scores are null at a site that has nothing to choose, and where no network was run.

As NumPy arrays, `BitMap.save_npz`: schema, image, size (height, width), model, scale, widths, sites
(S,), rectangle (N, 4), bits (N, S), gradient (N, 2), and of site number I, counted from 0,
``spread/I`` (N, C) and ``scores/I`` (N, K), NaN where no network was run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cadyq_cli.errors import InputError
from cadyq_cli.imaging.tiles import Tile

if TYPE_CHECKING:
    from cadyq_cli.engine.runner import Result

SCHEMA = "cadyq.bitmap/1"
_DIGITS = 6  # significant ones of what selectors saw; float32 holds 7

Seen = dict[str, list[NDArray[np.float32] | None]]  # by site, for each patch


@dataclass(frozen=True, slots=True)
class Reasons:
    """What the selectors saw and how they judged it, gathered tile by tile."""

    gradient: list[NDArray[np.float32]] = field(default_factory=list)  # (2,) a patch
    spread: Seen = field(default_factory=dict)  # (C,) a patch
    scores: Seen = field(default_factory=dict)  # (K,) a patch

    def watch(self, result: Result) -> None:
        """Record the result of the next tile."""
        self.gradient.append(result.gradient)
        for site, choice in result.choices.items():
            self.spread.setdefault(site, []).append(choice.spread)
            self.scores.setdefault(site, []).append(choice.scores)


@dataclass(frozen=True, kw_only=True, slots=True)
class BitMap:
    """An image's patches, N of them, and the width of each at every site, S of them."""

    file: str
    size: tuple[int, int]  # height and width of the input
    model: str
    scale: int
    widths: tuple[int, ...]  # the candidates, ascending
    rectangles: NDArray[np.int64]  # (N, 4): x, y, width, height in pixels of the input
    bits: dict[str, NDArray[Any]]  # site -> (N,)
    reasons: Reasons | None = None

    @classmethod
    def of(
        cls,
        tiles: Sequence[Tile],
        bits: Mapping[str, NDArray[Any]],
        *,
        file: str,
        model: str,
        scale: int,
        widths: Sequence[int],
        reasons: Reasons | None = None,
    ) -> BitMap:
        """The map of a run of `upscaling`, whose bits are not empty."""
        spans = [(tile.columns, tile.rows) for tile in tiles]
        rectangles = [
            (x.keep_from, y.keep_from, x.keep_to - x.keep_from, y.keep_to - y.keep_from)
            for x, y in spans
        ]
        return cls(
            file=file,
            size=(tiles[-1].rows.keep_to, tiles[-1].columns.keep_to),
            model=model,
            scale=scale,
            widths=tuple(sorted(widths)),
            rectangles=np.array(rectangles),
            bits=dict(bits),
            reasons=reasons,
        )

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(self.bits)

    def values(self, site: str | None = None) -> NDArray[np.float64]:
        """Width of each patch at a site, or the mean over all sites. Shape (N,).

        Raises:
            InputError: no such site.
        """
        if site is None:
            every = np.stack(list(self.bits.values()))  # (S, N)
            means: NDArray[np.float64] = every.mean(axis=0, dtype=np.float64)
            return means
        if site not in self.bits:
            raise InputError(f"no site {site!r} in {self.model}; `list_sites` names them all")
        return self.bits[site].astype(np.float64)

    def average(self, site: str | None = None) -> float:
        """Mean over patches that a network made, at a site or over all of them; 0 for none."""
        return mean_of_network(self.values(site))

    @property
    def plain_share(self) -> float:
        """Of the pixels, those that no network was run for."""
        areas = self.rectangles[:, 2] * self.rectangles[:, 3]
        return float(areas[self.values() == 0].sum() / areas.sum())

    def to_json(self) -> str:
        """See above."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The content of the JSON."""
        height, width = self.size
        return {
            "schema": SCHEMA,
            "image": {"file": self.file, "width": width, "height": height},
            "model": {"name": self.model, "scale": self.scale, "widths": list(self.widths)},
            "average_bits": self.average(),
            "plain_share": self.plain_share,
            "sites": list(self.sites),
            "patches": [self._patch(index) for index in range(len(self.rectangles))],
        }

    def _patch(self, index: int) -> dict[str, Any]:
        patch = {
            "rectangle": self.rectangles[index].tolist(),
            "average_bits": float(self.values()[index]),
            "bits": [values[index].item() for values in self.bits.values()],
        }
        if self.reasons is not None:
            patch["gradient"] = _rounded(self.reasons.gradient[index])
            for name, seen in (("spread", self.reasons.spread), ("scores", self.reasons.scores)):
                patch[name] = [_rounded(seen[site][index]) for site in self.sites]
        return patch

    def save_npz(self, file: IO[bytes]) -> None:
        """See above."""
        arrays: dict[str, Any] = {
            "schema": SCHEMA,
            "image": self.file,
            "size": self.size,
            "model": self.model,
            "scale": self.scale,
            "widths": self.widths,
            "sites": self.sites,
            "rectangle": self.rectangles,
            "bits": np.stack(list(self.bits.values()), axis=1),
        }
        if self.reasons is not None:
            arrays["gradient"] = np.stack(self.reasons.gradient)
            for index, site in enumerate(self.sites):
                if any(seen is not None for seen in self.reasons.spread[site]):
                    arrays[f"spread/{index}"] = _stacked(self.reasons.spread[site])
                    arrays[f"scores/{index}"] = _stacked(self.reasons.scores[site])
        np.savez_compressed(file, **arrays)


def mean_of_network(values: NDArray[np.float64]) -> float:
    """Mean of the widths of patches that a network made, which are not 0; 0 if there are none."""
    return float(values[values > 0].mean()) if values.any() else 0.0


def _stacked(seen: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """What was seen of each patch, NaN where nothing was."""
    nothing = np.full_like(next(each for each in seen if each is not None), np.nan)
    return np.stack([nothing if each is None else each for each in seen])


def _rounded(values: NDArray[np.float32] | None) -> list[float] | None:
    if values is None:
        return None
    return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]
