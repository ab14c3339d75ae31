"""Several processes that train one network together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cadyq_cli.errors import InputError

PATIENCE = timedelta(hours=3)  # with the leader, which checks images and validates


@dataclass(frozen=True, slots=True)
class Processes:
    """All of them, seen from one."""

    rank: int = 0
    count: int = 1
    beside: int = 1  # how many of them are on this machine

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and talks."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """The places in a batch that are this one's.

        Raises:
            InputError: the batch cannot be divided evenly.
        """
        if batch % self.count:
            raise InputError(
                f"a batch of {batch} cannot be shared evenly by {self.count} processes"
            )
        size = batch // self.count
        return range(self.rank * size, (self.rank + 1) * size)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of each value over all processes, the same in each of them."""
        if self.count > 1:
            dist.all_reduce(values)
            values = values / self.count
        return values

    def broadcast(self, thing: Any) -> Any:
        """What the leader passes here, in every process."""
        if self.count == 1:
            return thing
        things = [thing]
        dist.broadcast_object_list(things)
        return things[0]

    def wait_for_leader(self) -> None:
        """Go on once the leader has come here; it does not wait for the others."""
        self.broadcast(None)

    def parallel(self, network: nn.Module, *, partly: bool) -> nn.Module:
        """The network such that its gradients are means over all processes.

        Args:
            network: Its weights become the leader's.
            partly: Whether a step may leave some weights without a gradient.
        """
        if self.count == 1:
            return network
        return DistributedDataParallel(network, find_unused_parameters=partly)


ALONE = Processes()


def count_started() -> int:
    """How many processes `torchrun` started, this one among them; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def together(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Join the processes that `torchrun` started, if it did; gives this one's device, too."""
    if count_started() == 1:
        yield ALONE, device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        beside = int(os.environ["LOCAL_WORLD_SIZE"])
        yield Processes(dist.get_rank(), dist.get_world_size(), beside), device
    finally:
        dist.destroy_process_group()
