"""The released code's recorded outputs, where they are at hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from cadyq_cli.networks import Network, load_official

RECORDED = Path(__file__).parents[3] / "shared" / "conformance"
GOLDEN = Path(__file__).parents[1] / "golden" / "released_edsr_x2.safetensors"
FILES = (
    "edsr_x2_b468",
    "edsr_x4_b468",
    "srresnet_x4_b468",
    "idn_x3_b468",
    "idn_x4_b468",
    "carn_x4_b468",
)


@dataclass(frozen=True)
class Recording:
    """One network of the released code with random weights, and what it did."""

    backbone: str
    scale: int
    tensors: dict[str, Tensor]

    def state(self, kind: str) -> dict[str, Tensor]:
        """The state dict of the ``cadyq`` or the ``pams`` network."""
        prefix = f"{kind}.state/"
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def network(self, kind: str) -> Network:
        return load_official(self.state(kind), backbone=self.backbone, scale=self.scale)

    @property
    def image(self) -> Tensor:
        """The patches, 0..1."""
        return self.tensors["input"] / 255


def _index() -> dict[str, dict[str, Any]]:
    return {Path(e["file"]).stem: e for e in json.loads((RECORDED / "index.json").read_text())}


def _recording(name: str) -> Recording:
    if not RECORDED.is_dir():
        pytest.skip(f"the released code's outputs are not at {RECORDED}")
    entry = _index()[name]
    return Recording(entry["model"], entry["scale"], load_file(RECORDED / f"{name}.safetensors"))


@pytest.fixture(params=FILES)
def recording(request: pytest.FixtureRequest) -> Recording:
    """Each recorded network in turn."""
    return _recording(request.param)


@pytest.fixture(params=("golden", *FILES))
def inference(request: pytest.FixtureRequest) -> Recording:
    """Each recorded network in turn, the one that is always here first."""
    if request.param == "golden":
        return Recording("edsr", 2, load_file(GOLDEN))
    return _recording(request.param)
