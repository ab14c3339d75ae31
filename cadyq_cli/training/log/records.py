"""What people see of a stage: a table, curves, bit maps, and TensorBoard if it is installed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from cadyq_cli.errors import FileError
from cadyq_cli.networks.network import Network
from cadyq_cli.training.learning.losses import Step
from cadyq_cli.training.log import curves, table
from cadyq_cli.training.log.validation import Validation

TABLE = "metrics.csv"
CURVES = "curves.png"
BITMAPS = "bitmaps"


class Records:
    """The records of one stage in a run's folder; see `run`."""

    def __init__(
        self, folder: Path, stage: str, step: int, batch: int, validation: Validation | None
    ) -> None:
        self._folder, self._stage, self._validation = folder, stage, validation
        self._table = table.Table(folder / TABLE, stage, step, batch)
        self._board = _board(folder, step)

    def add(self, step: Step) -> None:
        """Take a step in."""
        self._table.add(step)
        if self._board is not None and step.number % table.EVERY == 0:
            for name in table.MEANS:
                if (value := getattr(step, name)) is not None:
                    self._board.add_scalar(f"{self._stage}/{name}", value, step.number)

    def flush(self) -> None:
        """Write down all that was taken in."""
        self._table.flush()

    def validate(self, network: Network, step: int) -> tuple[float, float | None] | None:
        """Measure a network, if there is anything to measure it on, and draw what is known."""
        measured = None
        if self._validation is not None:
            measured = psnr, bits = self._validation(network)
            self._table.validated(step, psnr, bits)
            if network.card.precision == "dynamic":
                folder = self._folder / BITMAPS
                folder.mkdir(exist_ok=True)
                path = folder / f"{self._stage}-{step:06}.png"
                self._validation.draw(network, path, model=f"{self._stage}, step {step}")
            if self._board is not None:
                self._board.add_scalar(f"{self._stage}/psnr", psnr, step)
        rows = []
        with suppress(FileError):  # damaged since the stage began, which is no reason to end it
            rows = table.read(self._folder / TABLE)
        if rows:
            curves.draw(self._folder / CURVES, rows)
        return measured

    def close(self) -> None:
        """Write down the rest."""
        self.flush()
        if self._board is not None:
            self._board.close()


def _board(folder: Path, step: int) -> Any:
    """A TensorBoard writer, if that is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
