"""What a stage did to a network, as its card will tell it."""

from __future__ import annotations

import torch

from cadyq_cli.networks.history import Event


def event_of(
    command: str, *, photographs: int, device: torch.device, seconds: float | None
) -> Event:
    """A finished stage.

    Args:
        command: That trained it; empty if none did.
        photographs: How many it learned from.
        device: That computed.
        seconds: That it took; None where it was interrupted.
    """
    return Event(
        command=command,
        data=f"{photographs} photographs",
        minutes=None if seconds is None else round(seconds / 60, 1),
        machine=_machine(device),
    )


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of a CPU"
