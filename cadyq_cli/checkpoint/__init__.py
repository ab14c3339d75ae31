"""Trained networks in files: our own format and the authors'."""

from cadyq_cli.checkpoint.card import Card
from cadyq_cli.checkpoint.file import load, save
from cadyq_cli.checkpoint.network import Network
from cadyq_cli.checkpoint.official import load_official

__all__ = ["Card", "Network", "load", "load_official", "save"]
