"""Which numbers a training step computes with."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from os import environ

import torch

from cadyq_cli.errors import InputError
from cadyq_cli.training.recipes.recipe import Arithmetic


@dataclass(frozen=True, slots=True)
class Mixed:
    """Convolutions in `dtype`; sites and losses stay in float32."""

    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(cls, name: Arithmetic, device: torch.device) -> Mixed:
        """What a recipe asks for; ``auto`` is what the device multiplies natively.

        Raises:
            InputError: float16 elsewhere than on a GPU.
        """
        if name == "float16" and device.type != "cuda":
            raise InputError("arithmetic float16 needs a GPU; bfloat16 and float32 work anywhere")
        if name != "auto":
            return cls(device, getattr(torch, name))
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            return cls(device, torch.bfloat16 if native else torch.float16)
        native = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001, nothing public tells
        return cls(device, torch.bfloat16 if native else torch.float32)

    def autocast(self) -> torch.autocast | nullcontext[None]:
        """The context for forward passes."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps small gradients of float16 from vanishing; does nothing for other types."""
        return torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)


def can_compile(device: torch.device) -> bool:
    """Whether `torch.compile` finds what it needs."""
    if device.type == "cuda":
        recent = torch.cuda.get_device_capability(device)[0] >= 7
        return recent and find_spec("triton") is not None
    return any(map(shutil.which, (environ.get("CXX", "g++"), "g++", "clang++")))
