from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reference_kernels import ReferenceKernels
from tiny_networks import tiny

from cadyq_cli.errors import CheckpointError, InputError
from cadyq_cli.evaluation.enlargers import Bicubic, LumaBicubic, NetworkEnlarger, enlarger_of
from cadyq_cli.evaluation.naming import named
from cadyq_cli.evaluation.protocol import Patches
from cadyq_cli.networks import load, save, shipped
from cadyq_cli.opening import Opener, executable_of

TORCH = Opener(engine="float", device="cpu")


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
    found_scale, found = named(models, scale=asked)
    assert found_scale == scale
    assert list(found) == models
    for model, file in found.items():
        enlarger = enlarger_of(model, file, scale, TORCH)
        assert scale == (
            enlarger.runner.scale if isinstance(enlarger, NetworkEnlarger) else enlarger.scale
        )


@pytest.mark.usefixtures("weights")
def test_without_names_all_that_come_with_the_package_stand_beside_bicubic() -> None:
    assert list(named([])[1]) == ["bicubic", "carn-x4", "edsr-x4"]
    assert list(named([], scale=2)[1]) == ["bicubic", "edsr-x2"]


def test_a_file_is_taken_as_it_is(weights: Path) -> None:
    path = weights / "edsr-x2.safetensors"
    assert named([str(path)]) == (2, {str(path): path})
    enlarger = enlarger_of(str(path), path, 2, TORCH)
    assert isinstance(enlarger, NetworkEnlarger)
    assert enlarger.file == path


def test_the_two_bicubics_differ_in_what_they_enlarge() -> None:
    scale, found = named(["bicubic", "bicubic-luma"])
    enlargers = [enlarger_of(model, file, scale, TORCH) for model, file in found.items()]
    assert [type(enlarger) for enlarger in enlargers] == [Bicubic, LumaBicubic]


@pytest.mark.usefixtures("weights")
def test_models_of_different_scales_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="edsr-x4 enlarges 4 times, not 2"):
        named(["edsr-x2", "edsr-x4"])


@pytest.mark.usefixtures("weights")
def test_what_is_nothing_is_named() -> None:
    with pytest.raises(InputError, match=r"no weights for hat.*carn-x4, edsr-x2, edsr-x4"):
        named(["hat"])
    for missing in ("no/such", "missing.safetensors", "missing.pth"):
        with pytest.raises(CheckpointError, match=rf"^{missing}: no such"):
            named([missing])


@pytest.mark.usefixtures("weights")
def test_the_engine_measures_what_torch_measures(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    network = load(shipped.find("edsr", 2))
    runners = (network, executable_of(network, ReferenceKernels()))
    stretched = Patches(size=12, stride=6, stretched=True)
    for patches in (Patches(), Patches(size=16, stride=10), stretched):
        results = []
        for runner in runners:
            results.append(NetworkEnlarger(runner).enlarge(image, patches))
        (expected, widths), (found, found_widths) = results
        assert np.abs(found.astype(int) - expected).max() <= 1
        assert {k: [*v] for k, v in found_widths.items()} == {k: [*v] for k, v in widths.items()}
