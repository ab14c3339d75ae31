"""The engine computes what the fake-quantized network computes, and chooses the same widths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference_kernels import ReferenceKernels
from tiny_networks import SCALES, TINY, tiny
from torch import Tensor, nn
from torch.nn.functional import hardswish, silu

from cadyq_cli.engine.compile import compile_network
from cadyq_cli.engine.executor import Executable
from cadyq_cli.engine.program import BorderedConv, Conv, Site
from cadyq_cli.engine.runner import Map, Result
from cadyq_cli.errors import CheckpointError, InputError, UncompilableError
from cadyq_cli.networks import Network, load, save
from cadyq_cli.opening import executable_of, load_executable
from cadyq_cli.outer_layers.static import with_static_outer_layers
from cadyq_cli.quant.ranges import fit_ranges

KERNELS = ReferenceKernels()
SIZES = ((1, 1), (3, 5), (8, 8), (13, 6), (5, 17))
CLOSE = 1e-3 / 255
TIE = 4 / 255  # what one value that is rounded the other way may do
LAYERS: tuple[dict[str, Any], ...] = (
    {},
    {"unsigned": True, "edges": "static"},
    {"unsigned": True, "relative": True, "channel_steps": True},
    {"channel_ranges": True, "offsets": True, "edges": "static"},
    {"unsigned": True, "relative": True, "channel_ranges": True, "offsets": True},
)


def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(1, 3, *size, generator=generator) for size in SIZES]


def patches() -> list[Map]:
    return [image[0].permute(1, 2, 0).numpy() for image in images()]


def compiled(network: Network) -> Executable:
    return executable_of(network, KERNELS)


def assert_alike(network: Network, executable: Executable) -> None:
    """Equal, but that now and then a value on a tie of rounding falls to the other side.

    Torch sums in float32 and in an order of its own, the engine in whole numbers.
    """
    errors = []
    for patch in patches():
        expected, found = network.run(patch), executable.run(patch)
        assert widths(found) == widths(expected)
        errors.append(np.abs(found.pixels - expected.pixels).ravel())
    error = np.concatenate(errors)
    assert np.median(error) < CLOSE
    assert error.max() < TIE


def widths(result: Result) -> dict[str, float]:
    return {site: choice.bits for site, choice in result.choices.items()}


@pytest.mark.parametrize("layers", LAYERS, ids=str)
@pytest.mark.parametrize("precision", ["static", "dynamic"])
@pytest.mark.parametrize("backbone", TINY)
def test_the_engine_computes_what_the_network_was_trained_to(
    backbone: str, precision: str, layers: dict[str, Any]
) -> None:
    network = tiny(backbone, SCALES[backbone][-1], precision, layers=layers)
    assert_alike(network, compiled(network))


@pytest.mark.parametrize("price", [-0.5, 0.5])
def test_a_price_of_bits_moves_both_alike(price: float) -> None:
    network = tiny("edsr", 2, "dynamic")
    executable = compiled(network)
    before = [sum(widths(executable.run(patch)).values()) for patch in patches()]
    network.price = executable.price = price
    assert_alike(network, executable)
    after = [sum(widths(executable.run(patch)).values()) for patch in patches()]
    assert (sum(after) - sum(before)) * price < 0


@pytest.mark.parametrize("backbone", TINY)
def test_every_scale_runs(backbone: str) -> None:
    for scale in SCALES[backbone]:
        network = tiny(backbone, scale, "dynamic", layers={"edges": "static"})
        assert_alike(network, compiled(network))


@pytest.mark.parametrize("backbone", TINY)
def test_a_float_network_runs_too(backbone: str) -> None:
    network = tiny(backbone, 2, "float")
    assert_alike(network, compiled(network))


@pytest.mark.parametrize("edges", ["float", "static"])
def test_a_tail_with_kernels_of_its_own_along_the_border_runs_too(edges: str) -> None:
    network = tiny("edsr", 3, "dynamic", layers={"edges": edges}, composed=True)
    with torch.no_grad():
        for parameter in network.backbone.tail.parameters():  # type: ignore[union-attr]
            parameter.add_(torch.randn(parameter.shape) / 50)
    assert_alike(network, compiled(network))


def test_a_float_tail_is_one_instruction_in_the_engine() -> None:
    instructions = executable_of(tiny("edsr", 4, "dynamic"), KERNELS).program.instructions
    assert [type(each) for each in instructions[-2:]] == [Conv, BorderedConv]  # body's end and tail


def test_the_first_convolution_may_read_unrounded_features() -> None:
    network = tiny("srresnet", 2, "dynamic", first_conv_unquantized=True)
    assert_alike(network, compiled(network))


def test_what_follows_a_normalisation_is_the_same_to_the_last_bit() -> None:
    network = tiny("srresnet", 2, "dynamic")
    for name, statistics in network.named_buffers():
        if "running" in name:
            nn.init.uniform_(statistics, 0.5, 2.0)
    executable = compiled(network)
    for patch in patches():
        expected, found = network.run(patch), executable.run(patch)
        for site in expected.choices:
            ours, theirs = (result.choices[site].spread for result in (found, expected))
            assert ours is not None
            assert theirs is not None
            assert np.array_equal(ours, theirs), site


@pytest.mark.parametrize("brightness", [0.1, 0.5, 1.0])
def test_a_result_tells_how_widths_came_about(brightness: float) -> None:
    network = tiny("carn", 2, "dynamic")
    executable = compiled(network)
    patch = patches()[3] * np.float32(brightness)
    expected, found = network.run(patch), executable.run(patch)
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-6, rtol=1e-5)
    assert list(found.choices) == list(expected.choices)
    for site, choice in expected.choices.items():
        assert found.choices[site].bits == choice.bits
        for part in ("scores", "spread"):
            ours, theirs = getattr(found.choices[site], part), getattr(choice, part)
            np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=1e-3)
    assert executable.candidates == network.candidates


@pytest.mark.parametrize("backbone", ["edsr", "idn"])
def test_selectors_look_at_logarithms_where_those_in_training_did(backbone: str) -> None:
    network = tiny(backbone, 2, "dynamic", layers={"logarithmic": True})
    assert_alike(network, compiled(network))


@pytest.mark.parametrize("backbone", ["edsr", "span"])
def test_the_strongest_patches_have_wider_bounds_as_in_pytorch(backbone: str) -> None:
    network = tiny(backbone, 2, "dynamic", layers={"relative": True})
    fit_ranges(network, lambda: [network(image)[1] for image in images()])
    assert_alike(network, compiled(network))


def test_relative_bounds_take_a_black_patch() -> None:
    network = tiny("carn", 2, "dynamic", layers={"relative": True})
    black = np.zeros((6, 6, 3), np.float32)
    found, expected = (runner.run(black).pixels for runner in (compiled(network), network))
    np.testing.assert_allclose(found, expected, atol=CLOSE, rtol=0)


def test_threads_and_sizes_do_not_disturb_each_other() -> None:
    executable = executable_of(tiny("edsr", 2, layers={"edges": "static"}), KERNELS)
    alone = [executable.run(patch).pixels for patch in patches() * 4]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda patch: executable.run(patch).pixels, patches() * 4))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a, b)


def test_a_patch_may_be_a_view_and_stays_as_it_is() -> None:
    executable = executable_of(tiny("edsr"), KERNELS)
    image = np.random.default_rng(0).random((12, 12, 3), np.float32)
    before = image.copy()
    part = executable.run(image[2:9, 1:8]).pixels
    assert np.array_equal(part, executable.run(image[2:9, 1:8].copy()).pixels)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("backbone", TINY)
def test_every_quantized_convolution_reads_codes_and_every_map_is_written_by_one(
    backbone: str,
) -> None:
    network = tiny(backbone, 2, "dynamic", layers={"edges": "static"})
    instructions = compile_network(network.backbone, scale=2).instructions
    codes = {each.out for each in instructions if isinstance(each, Site)}
    codes |= {each.out for each in instructions if isinstance(each, Conv) and each.encode}
    convolutions = [each for each in instructions if isinstance(each, Conv)]
    floats = [each.module for each in convolutions if each.source not in codes]
    assert floats == ([] if backbone == "idn" else ["entry" if backbone == "carn" else "head"])
    others = {type(each).__name__ for each in instructions} - {"Conv", "Site"}
    apart = {"idn": {"Affine", "Slice", "Concat", "Add", "Bicubic"}}
    apart["compact"] = {"Slice", "Concat", "Shuffle"}  # nearest neighbour
    assert others == apart.get(backbone, {"Affine"})


@pytest.mark.parametrize("activation", ["silu", "relu", "hardswish"])
@pytest.mark.parametrize("precision", ["float", "static", "dynamic"])
def test_every_activation_of_span_is_part_of_a_convolution(activation: str, precision: str) -> None:
    network = tiny("span", 4, precision, activation=activation)
    assert_alike(network, compiled(network))
    instructions = compile_network(network.backbone, scale=4).instructions
    assert {type(each).__name__ for each in instructions} <= {"Affine", "Concat", "Conv", "Site"}
    assert sum(isinstance(each, Conv) and each.gate for each in instructions) == 2
    curved = sum(isinstance(each, Conv) and each.curve == activation for each in instructions)
    assert curved == (0 if activation == "relu" else 4)


class Curves(nn.Module):
    """What a convolution cannot do at once, as its result is needed in between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, image: Tensor, trace: object) -> Tensor:
        a, b = self.conv1(image), self.conv2(image)
        gated = (a + b) * (a.sigmoid() - 0.5)
        doubled = (b + b) * (b.sigmoid() - 0.5)
        result: Tensor = gated * doubled + silu(a) * hardswish(b)
        return result


@torch.no_grad()
def test_curves_and_products_of_maps_stand_alone_too() -> None:
    network = Curves()
    program = compile_network(network, scale=1)
    arrays = {k: v.numpy() for k, v in network.state_dict().items()}
    found = Executable(program, arrays, KERNELS).run(patches()[3]).pixels
    expected = network(images()[3], None)[0].permute(1, 2, 0)
    torch.testing.assert_close(torch.from_numpy(found), expected)


def test_a_static_chain_needs_no_maps_between_convolutions() -> None:
    network = tiny("edsr", 4, "static", layers={"edges": "static"})
    instructions = compile_network(network.backbone, scale=4).instructions
    # The head's result is added at the end of the body, so it is a map that a site reads.
    assert sum(isinstance(each, Site) for each in instructions) == 1
    assert sum(isinstance(each, Conv) and each.encode is not None for each in instructions) == 7


def test_what_no_instruction_stands_for_is_named() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor, trace: object) -> Tensor:
            return x.tanh()

    with pytest.raises(UncompilableError, match="tanh"):
        compile_network(Odd(), scale=1)


@pytest.mark.parametrize("backbone", TINY)
def test_a_compact_file_runs_as_the_network_in_it(backbone: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    layers = {"edges": "static", "relative": True}
    save(path, tiny(backbone, 2, "dynamic", layers=layers), compact=True)
    assert_alike(load(path), load_executable(path, KERNELS))


def test_a_file_without_a_program_is_compiled(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    network = tiny("edsr", 2)
    save(path, network)
    assert_alike(network, load_executable(path, KERNELS))


def test_edges_at_8_bit_change_a_network_little(tmp_path: Path) -> None:
    network = tiny("edsr", 2, "dynamic", features=16)
    quantized = with_static_outer_layers(network, [torch.rand(2, 3, 24, 24)])
    image = torch.rand(1, 3, 24, 24)
    with torch.no_grad():
        expected, trace = network(image)
        output, found = quantized(image)
    assert found.bits == trace.bits
    assert float((output - expected).std()) < 0.02 * float(expected.std())
    assert network.card.layers == {}
    save(tmp_path / "a", quantized, compact=True)
    assert load(tmp_path / "a").card.layers["edges"] == "static"


def test_a_float_network_has_no_quantized_edges() -> None:
    with pytest.raises(InputError):
        with_static_outer_layers(tiny("edsr", 2, "float"), [torch.rand(1, 3, 8, 8)])


def test_edges_keep_the_names_of_float_weights() -> None:
    for backbone in TINY:
        plain = tiny(backbone, 2).backbone.state_dict()
        quantized = tiny(backbone, 2, layers={"edges": "static"}).backbone.state_dict()
        assert plain.keys() < quantized.keys()
        added = quantized.keys() - plain.keys()
        assert all(name.endswith(("site.bounds", ".bias")) for name in added)
        assert backbone == "srresnet" or not any(name.endswith(".bias") for name in added)


@pytest.mark.parametrize("backbone", TINY)
def test_edges_make_images_neither_darker_nor_brighter(backbone: str) -> None:
    network = tiny(backbone, 2, "static", features=16)
    images = [torch.rand(4, 3, 24, 24) for _ in range(2)]
    edges = with_static_outer_layers(network, images)
    with torch.no_grad():
        wanted, found = (torch.cat([n(x)[0] for x in images]) for n in (network, edges))
    difference = found - wanted
    assert float(difference.mean().abs()) < 0.1 * float(difference.std())


def test_tensors_that_do_not_fit_the_program_are_refused() -> None:
    network = tiny("edsr", 2)
    program = compile_network(network.backbone, scale=2)
    with pytest.raises(ValueError, match="lacks"):
        Executable(program, {}, KERNELS)
    plain = {k: v.numpy() for k, v in network.backbone.state_dict().items()}
    with pytest.raises(ValueError, match="no codes"):
        Executable(program, plain, KERNELS)


def test_a_program_that_does_not_fit_its_file_is_a_checkpoint_error(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save(path, tiny("edsr", 2), compact=True)
    path.write_bytes(
        path.read_bytes().replace(b'blocks.0.conv1.conv\\"', b'blocks.9.conv1.conv\\"')
    )
    with pytest.raises(CheckpointError, match=r"blocks\.9"):
        load_executable(path, KERNELS)
