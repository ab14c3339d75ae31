from __future__ import annotations

from pathlib import Path

import pytest
from networks import tiny

from cadyq_cli.checkpoint import save, shipped
from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.evaluation.enlargers import Bicubic, LumaBicubic, NetworkEnlarger, find


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of networks that come with the package."""
    for backbone, scale in (("edsr", 2), ("edsr", 4), ("carn", 4)):
        save(tmp_path / f"{backbone}-x{scale}.safetensors", tiny(backbone, scale))
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("models", "asked", "scale"),
    [
        (["edsr"], None, 4),
        (["edsr"], 2, 2),
        (["edsr-x2"], None, 2),
        (["bicubic", "edsr-x2"], None, 2),
        (["bicubic"], 3, 3),
        (["bicubic", "bicubic-luma"], None, 4),
    ],
)
@pytest.mark.usefixtures("weights")
def test_the_scale_is_what_was_asked_for_or_what_the_models_say(
    models: list[str], asked: int | None, scale: int
) -> None:
    found_scale, found = find(models, scale=asked)
    assert found_scale == scale
    assert list(found) == models
    for enlarger in found.values():
        assert scale == (
            enlarger.network.card.scale if isinstance(enlarger, NetworkEnlarger) else enlarger.scale
        )


@pytest.mark.usefixtures("weights")
def test_without_names_all_that_come_with_the_package_stand_beside_bicubic() -> None:
    assert list(find([])[1]) == ["bicubic", "carn-x4", "edsr-x4"]
    assert list(find([], scale=2)[1]) == ["bicubic", "edsr-x2"]


def test_a_file_is_taken_as_it_is(weights: Path) -> None:
    path = weights / "edsr-x2.safetensors"
    scale, found = find([str(path)])
    enlarger = found[str(path)]
    assert scale == 2
    assert isinstance(enlarger, NetworkEnlarger)
    assert enlarger.file == path


def test_the_two_bicubics_differ_in_what_they_enlarge() -> None:
    _, found = find(["bicubic", "bicubic-luma"])
    assert [type(enlarger) for enlarger in found.values()] == [Bicubic, LumaBicubic]


@pytest.mark.usefixtures("weights")
def test_models_of_different_scales_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="edsr-x4 enlarges 4 times, not 2"):
        find(["edsr-x2", "edsr-x4"])


@pytest.mark.usefixtures("weights")
def test_what_is_nothing_is_named() -> None:
    with pytest.raises(InputError, match=r"no weights for hat.*carn-x4, edsr-x2, edsr-x4"):
        find(["hat"])
    for missing in ("no/such", "missing.safetensors", "missing.pth"):
        with pytest.raises(CheckpointError, match=rf"^{missing}: no such"):
            find([missing])
