from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny_networks import tiny
from typer.testing import CliRunner

from cadyq_cli.commands.app import app
from cadyq_cli.networks import load, save, shipped
from cadyq_cli.networks.catalogue import SETS, catalogue, described, page
from cadyq_cli.networks.history import Event, appended, events, history_of

ROOT = Path(__file__).parents[2]


def test_the_page_about_the_weights_is_the_generated_one() -> None:
    assert (ROOT / "weights/README.md").read_text(encoding="utf-8").strip() == page().strip()


def test_every_shipped_network_has_scores_a_licence_and_a_history() -> None:
    for each in catalogue():
        assert (set(each.scores), each.licence, bool(each.history)) == (set(SETS), "MIT", True)


def test_recorded_scores_are_those_on_the_cards() -> None:
    for each in catalogue():
        for name, psnr in each.card.about["psnr"].items():
            assert each.scores[name].psnr == pytest.approx(psnr, abs=0.0051)
        assert each.scores["B100"].bits == pytest.approx(
            each.card.about["average_bits"], abs=0.0051
        )


def test_recorded_commands_use_flags_that_there_are() -> None:
    helps = [CliRunner().invoke(app, [name, "--help"]).stdout for name in ("train", "calibrate")]
    known = set(re.findall(r"--?[a-z-]+", " ".join(helps)))
    commands = [event.command for each in catalogue() for event in each.history if event.command]
    used = {flag for command in commands for flag in re.findall(r" (--?[a-z][a-z-]*)", command)}
    assert used
    assert used <= known


def test_a_history_grows_from_that_of_the_start_and_survives_the_file(tmp_path: Path) -> None:
    network = tiny("edsr")
    first, second = Event(did="first", minutes=2.5), Event(command="cadyq train", data="photos")
    start = appended(network.card, first)
    network.card = appended(network.card, second, before=history_of(start))
    save(tmp_path / "a.safetensors", network)
    assert history_of(load(tmp_path / "a.safetensors").card) == (first, second)


@pytest.mark.parametrize("foreign", [None, 3, "text", [3, None], [{"did": 3}], {"did": "x"}])
def test_a_history_that_cannot_be_understood_is_passed_over(foreign: object) -> None:
    assert events(foreign) == ()


def test_models_tells_how_a_network_was_made(tmp_path: Path) -> None:
    network = tiny("edsr", 3, "float")
    network.card = appended(network.card, Event(did="made by hand", data="nothing", minutes=1))
    save(tmp_path / "mine.safetensors", network)
    told = CliRunner().invoke(app, ["models", str(tmp_path / "mine.safetensors")])
    assert told.exit_code == 0
    assert told.stdout.startswith("mine.safetensors: edsr x3, float, ")
    assert told.stdout.splitlines()[-1] == "1. made by hand (nothing; 1 min)"


def test_records_beside_a_strangers_network_are_not_believed(tmp_path: Path) -> None:
    name = shipped.names()[0]
    (tmp_path / f"{name}.safetensors").write_bytes(shipped.locate(name).read_bytes())
    (tmp_path / "history.toml").write_text("no TOML at all")
    assert not described(tmp_path / f"{name}.safetensors").scores


def test_models_knows_shipped_names() -> None:
    told = CliRunner().invoke(app, ["models", shipped.names()[0]])
    assert told.stdout.startswith(f"{shipped.names()[0]}.safetensors")
    assert CliRunner().invoke(app, ["models", "nothing-x4"]).exit_code == 2
