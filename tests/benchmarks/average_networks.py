r"""Make one network of several that descend from one another: the mean of their weights.

    python tests/benchmarks/average_networks.py before.safetensors after.safetensors \
        -o mean.safetensors

It can do better than each of them; tests/benchmarks/README.md says where it did.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import Event, appended


def average(paths: Sequence[Path], output: Path) -> None:
    """Write the mean; what is a whole number in a network, such as a count, is the first one's.

    Raises:
        SystemExit: the networks are not of one kind.
    """
    networks = [load(path) for path in paths]
    states = [network.backbone.state_dict() for network in networks]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(each != shapes[0] for each in shapes):
        raise SystemExit("these networks are not of one kind")
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    networks[0].backbone.load_state_dict(mean)
    names = ", ".join(path.name for path in paths)
    networks[0].card = appended(networks[0].card, Event(did=f"mean of the weights of {names}"))
    save(output, networks[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", type=Path, help="weights files of one kind")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    average(options.networks, options.output)


if __name__ == "__main__":
    main()
