"""Make each bit of a dynamic network dearer, so that it chooses fewer.

    python tests/benchmarks/dearer_bits.py before.safetensors -o after.safetensors --price 0.75

Selectors score each width, and the highest score wins. A price for each bit turns down what is
worth next to nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from cadyq_cli.networks import load, save
from cadyq_cli.networks.history import Event, appended
from cadyq_cli.quant.sites import DynamicSite


def make_dearer(source: Path, output: Path, price: float, *, compact: bool = True) -> None:
    """Write the network with `price` times the width taken off each width's score.

    Raises:
        SystemExit: the network chooses no widths.
    """
    network = load(source)
    sites = [module for module in network.modules() if isinstance(module, DynamicSite)]
    if not sites:
        raise SystemExit(f"{source}: chooses no widths")
    with torch.no_grad():
        for site in sites:
            site.selector.bias.sub_(price * site.widths)
    done = Event(did=f"each bit made dearer by {price:g} in the selectors' scores")
    network.card = appended(network.card, done)
    save(output, network, compact=compact)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, help="weights file of a dynamic network")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--price", type=float, required=True, help="of a bit, in scores")
    options = parser.parse_args()
    make_dearer(options.network, options.output, options.price)


if __name__ == "__main__":
    main()
