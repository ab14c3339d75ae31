from __future__ import annotations

from pathlib import Path

import pytest

from cadyq_cli.errors import InputError
from cadyq_cli.networks import load, shipped


def test_an_unknown_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputError, match="no weights for edsr x7") as caught:
        shipped.find("edsr", 7)
    assert all(name in str(caught.value) for name in shipped.names())


def test_a_model_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "own-x4.safetensors").touch()
    with pytest.raises(InputError):
        shipped.find(str(tmp_path / "own"), 4)


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_file_is_the_model_that_its_name_promises(name: str) -> None:
    model, scale = name.rsplit("-x", 1)
    path = shipped.find(model, int(scale))
    assert path.name == f"{name}.safetensors"
    assert load(path).card.scale == int(scale)


def test_auto_is_one_of_them_at_every_scale_of_the_paper() -> None:
    chosen = shipped.scales(shipped.AUTO)
    assert sorted(chosen) == [2, 3, 4]
    assert {path.stem for path in chosen.values()} <= set(shipped.names())
    assert shipped.find(shipped.AUTO, 4) == chosen[4] == shipped.find("span", 4)
