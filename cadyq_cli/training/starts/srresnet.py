"""An SRResNet that starts as an EDSR: the same kernels, in the middle of larger ones.

What EDSR has and SRResNet has not, or the other way round, is made up for:

- PReLUs. Those in the blocks become EDSR's ReLUs, those of the upsampler identities. The one of the
  head would cut EDSR's features, which are about zero. So the features get another basis in which
  they are mostly positive: signs such that brightness raises them, and some local brightness added
  to each. The brightness is itself a combination of EDSR's features, so nothing is lost. Block 1
  takes it off again by one of its inner channels, so that later blocks see what EDSR's see, and
  the skip path around the body still carries it to the upsampler, which reads the new basis.
- Mean colour and biases. What the head, the upsampler and the tail lack goes to convolutions and
  normalisations with biases, as if there were no borders: there, the two networks differ.
- Batch normalisations. They have the statistics of what they see, and undo themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, relu

from cadyq_cli.backbones.parts import mean_of, upsampling_factors
from cadyq_cli.networks.network import Network
from cadyq_cli.quant.watching import watching
from cadyq_cli.training.starts.kernels import EdsrKernels
from cadyq_cli.training.starts.least_squares import smallest_solution

PASSING = 0.999  # share of the head's values that the PReLU should leave alone
EVERY = 7  # of how many values one is enough for a quantile


@torch.no_grad()
def start_srresnet(network: Network, edsr: EdsrKernels, low: Tensor) -> None:
    """Give a float SRResNet the weights that make it an EDSR of its size.

    Args:
        network: The SRResNet.
        edsr: What it becomes.
        low: Photographs to measure on, (N, 3, H, W) in 0..1.
    """
    image, mean = 255 * low, 255 * mean_of(low)
    offset = edsr.head.bias - edsr.head.gain @ mean.flatten()  # what the kernel alone lacks
    signs, brightness, added = _positive_basis(edsr.head.weight, image)
    flip = torch.diag(signs)  # its own inverse
    turn = flip + torch.outer(added, brightness)
    back = torch.linalg.inv(turn)

    blocks = [(first.reading(flip), second.writing(flip)) for first, second in edsr.blocks]
    first, second = edsr.blocks[0]
    first = first.raised(first.gain @ offset).reading(back)
    second = second.raised(offset).writing(flip)
    channel = _least_useful(edsr, image - mean)
    first.bias[channel] = 0
    first.weight[channel] = pad((brightness @ back)[:, None, None], (1, 1, 1, 1))
    second.weight[:, channel] = pad(-added[:, None, None], (1, 1, 1, 1))
    blocks[0] = first, second

    constant = offset + edsr.body_end.bias + _instead_of_biases(edsr, network.scale, mean.flatten())
    state = {
        "act.weight": torch.zeros(1),
        "head.weight": pad(edsr.head.writing(turn).weight, (3, 3, 3, 3)),
        "body_end.weight": edsr.body_end.reading(flip).writing(turn).weight,
        "body_norm.bias": turn @ constant,
        "tail.weight": pad(edsr.tail.weight, (3, 3, 3, 3)),
    }
    for i, (first, second) in enumerate(blocks):
        state |= first.named(f"blocks.{i}.conv1.conv") | second.named(f"blocks.{i}.conv2.conv")
    for i, kernel in enumerate(edsr.upsampler):
        state[f"upsampler.{3 * i}.weight"] = (kernel if i else kernel.reading(back)).weight
        state[f"upsampler.{3 * i + 2}.weight"] = torch.ones(1)
    network.backbone.load_state_dict(network.backbone.state_dict() | state)
    _settle_norms(network, low)


def _positive_basis(head: Tensor, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What makes the responses x of a head's kernels (C, 3, 3, 3) to an image 0..255 positive.

    Returns:
        Signs, the combination of x that is the local brightness, and how much of that to add to
        each of ``signs * x``. All (C,).
    """
    flat = head.flatten(1)
    signs = torch.where(flat.sum(1) < 0, -1.0, 1.0)
    brightness = smallest_solution(flat.T, flat.new_full((flat.shape[1],), 1 / flat.shape[1]))
    responses = conv2d(image, head).transpose(0, 1).flatten(1)[:, ::EVERY]  # (C, M)
    lacking = -responses * signs[:, None] / (brightness @ responses).clamp_min(1)
    return signs, brightness, torch.quantile(lacking, PASSING, dim=1).clamp_min(0)


def _least_useful(edsr: EdsrKernels, image: Tensor) -> int:
    """The inner channel of block 1 whose variations change least."""
    first, second = edsr.blocks[0]
    spread = relu(first(edsr.head(image))).std((0, 2, 3))
    return int((spread * torch.linalg.vector_norm(second.weight, dim=(0, 2, 3))).argmin())


def _instead_of_biases(edsr: EdsrKernels, scale: int, mean: Tensor) -> Tensor:
    """Constants (C,) for the body's features that do what biases and mean do behind them.

    Each sub-pixel has a bias of its own, so an exact solution takes as many features.
    """

    def subpixels(x: Tensor) -> Tensor:  # of the pixel in the middle, (N, 3 scale²)
        for kernel, factor in zip(edsr.upsampler, upsampling_factors(scale), strict=True):
            x = pixel_shuffle(kernel(x), factor)
        middle = slice(4 * scale, 5 * scale)
        return edsr.tail(x)[:, :, middle, middle].flatten(1)

    constants = torch.eye(len(edsr.head.bias))[:, :, None, None].expand(-1, -1, 9, 9)
    biases = subpixels(torch.zeros_like(constants[:1]))
    effects = subpixels(constants) - biases
    return smallest_solution(effects.T, biases[0] + mean.repeat_interleave(scale**2))


def _settle_norms(network: Network, low: Tensor) -> None:
    """Let each batch normalisation have its input's statistics, and undo what it does."""

    def settle(norm: nn.BatchNorm2d, x: Tensor) -> None:
        variance, mean = torch.var_mean(x, (0, 2, 3))
        norm.load_state_dict(
            {
                "weight": (variance + norm.eps).sqrt(),
                "bias": norm.bias + mean,
                "running_mean": mean,
                "running_var": variance,
                "num_batches_tracked": torch.tensor(1),
            }
        )

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with watching(norms, settle):
        network.eval()(low)
