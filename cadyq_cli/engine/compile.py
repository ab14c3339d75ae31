"""Turns a trained network into a program, with the help of torch's symbolic tracing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from cadyq_cli.engine.fuse import fused
from cadyq_cli.engine.program import (
    Act,
    Add,
    Affine,
    Bicubic,
    BorderedConv,
    Concat,
    Conv,
    Curve,
    CurveName,
    Decode,
    Deconvolution,
    Grid,
    Instruction,
    Multiply,
    Norm,
    Program,
    Shuffle,
    Site,
    Slice,
)
from cadyq_cli.errors import UncompilableError
from cadyq_cli.quant import bordered
from cadyq_cli.quant.layers import (
    BorderedOuterConv,
    FloatConv,
    OuterConv,
    QuantConv,
    normalized,
)
from cadyq_cli.quant.sites import DynamicSite, FloatSite, QuantSite, StaticSite
from cadyq_cli.quant.trace import Activation


def compile_network(backbone: nn.Module, *, scale: int) -> Program:
    """The program of a trained backbone.

    Args:
        backbone: ``(image, trace) -> image``; it is not changed.
        scale: How many times as large it makes an image.

    Raises:
        UncompilableError: it does something that no instruction stands for; the message tells what.
    """
    emitter = _Emitter(backbone)
    try:
        graph = _Tracer(autowrap_functions=(normalized,)).trace(backbone)
    except fx.proxy.TraceError as error:  # it decides something by the values of a map
        raise UncompilableError(f"no program can tell what it does: {error}") from error
    source, out = emitter.emit(graph)
    instructions = tuple(emitter.instructions)
    return fused(Program(scale=scale, source=source, out=out, instructions=instructions))


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, tuple(_MODULES))
        return known or bool(super().is_leaf_module(m, module_qualified_name))


class _Emitter:
    """Walks through a traced graph, in which values are strings and constants themselves."""

    def __init__(self, backbone: nn.Module) -> None:
        self.instructions: list[Instruction] = []
        self._modules = dict(backbone.named_modules())
        self._found: dict[fx.Node, Any] = {}
        self._codes: set[str] = set()

    def emit(self, graph: fx.Graph) -> tuple[str, str]:
        """Collect the instructions; give the names of what goes in and of what comes out."""
        image = out = ""
        for node in graph.nodes:
            if node.op == "placeholder":
                self._found[node] = node.name
                image = image or node.name
            elif node.op == "get_attr":
                self._found[node] = node.target
            elif node.op == "output":
                out = self._known(node.args[0])
            else:
                self._found[node] = self._result(node)
        return image, out

    def _result(self, node: fx.Node) -> Any:
        args = [self._known(argument) for argument in node.args]
        kwargs = {name: self._known(argument) for name, argument in node.kwargs.items()}
        if node.op == "call_module":
            name = str(node.target)
            module = self._modules[name]
            for kind, emit_module in _MODULES.items():
                if isinstance(module, kind):
                    return emit_module(self, node.name, name, module, args[0])
            kind_name = type(module).__name__
            raise UncompilableError(f"{name} is a {kind_name}, which no instruction stands for")
        table = _METHODS if node.op == "call_method" else _FUNCTIONS
        if node.target not in table:
            raise UncompilableError(f"no instruction stands for {node.format_node()}")
        return table[node.target](self, node.name, *args, **kwargs)

    def _known(self, argument: Any) -> Any:
        """An argument with values instead of nodes."""
        return fx.node.map_arg(argument, lambda node: self._found[node])

    def add(self, instruction: Instruction) -> str:
        self.instructions.append(instruction)
        return instruction.out

    def site(self, out: str, name: str, site: QuantSite, source: str) -> str:
        grid = Grid(
            module=name,
            widths=tuple(int(width) for width in site.widths),
            name=site.name if not isinstance(site, StaticSite) or site.counted else None,
            unsigned=site.unsigned,
            relative=site.relative,
            spans=site.channel_ranges,
            offset=site.offsets,
            selects=isinstance(site, DynamicSite),
            logarithmic=isinstance(site, DynamicSite) and site.logarithmic,
        )
        self._codes.add(out)
        return self.add(Site(out=out, sources=(source,), grid=grid))

    def same(self, _: str, __: str, ___: nn.Module, source: str) -> str:
        return source

    def inner_conv(self, out: str, name: str, module: FloatConv | QuantConv, source: str) -> str:
        return self.conv(out, f"{name}.conv", module.conv, source)

    def outer(self, out: str, name: str, module: OuterConv, source: str) -> str:
        codes = self.site(f"{out}_codes", f"{name}.site", module.site, source)
        return (self.deconv if module.transposed else self.conv)(out, name, module, codes)

    def conv(
        self, out: str, name: str, conv: nn.Conv2d | OuterConv | bordered.BorderedConv, source: str
    ) -> str:
        size = conv.kernel_size[0]
        if (
            conv.kernel_size != (size, size)
            or conv.padding not in ((size // 2, size // 2), "same")
            or size % 2 == 0
            or {*conv.stride, *conv.dilation} != {1}
            or (isinstance(conv, nn.Conv2d) and conv.padding_mode != "zeros")
        ):
            raise UncompilableError(f"no instruction stands for the convolution {name}, {conv}")
        bias = conv.bias is not None
        at_borders = isinstance(conv, (bordered.BorderedConv, BorderedOuterConv))
        kind = BorderedConv if at_borders else Conv
        return self.add(kind(out=out, source=source, module=name, bias=bias, groups=conv.groups))

    def deconv(self, out: str, name: str, conv: nn.ConvTranspose2d | OuterConv, source: str) -> str:
        stride, padding = conv.stride[0], int(conv.padding[0])
        size, added = conv.kernel_size[0], conv.output_padding[0]
        whole = size + added == stride + 2 * padding  # the result is `stride` times as large
        square = all(
            len(set(sides)) == 1 for sides in (conv.stride, conv.padding, conv.kernel_size)
        )
        if not whole or not square or {conv.groups, *conv.dilation} != {1}:
            raise UncompilableError(f"no instruction stands for the deconvolution {name}, {conv}")
        wide = Conv(
            out=f"{out}_wide",
            source=source,
            module=name,
            bias=conv.bias is not None,
            deconvolution=Deconvolution(stride=stride, padding=padding),
        )
        return self.add(Shuffle(out=out, source=self.add(wide), factor=stride))

    def norm(self, out: str, name: str, norm: nn.BatchNorm2d, source: str) -> str:
        conv = self.instructions.pop()
        if not isinstance(conv, Conv) or conv.out != source or conv.norm is not None:
            raise UncompilableError(f"{name} does not follow a convolution")
        return self.add(replace(conv, out=out, norm=Norm(module=name, epsilon=norm.eps)))

    def normalized(self, out: str, name: str, source: str) -> str:
        return self.norm(out, name, self._modules[name], source)

    def relu(self, out: str, *arguments: Any, **_: Any) -> str:
        return self.add(Act(out=out, source=arguments[-1], slope=0.0))

    def prelu(self, out: str, name: str, _: nn.PReLU, source: str) -> str:
        return self.add(Act(out=out, source=source, slope=f"{name}.weight"))

    def leaky(self, out: str, source: str, negative_slope: float = 0.01, **_: Any) -> str:
        return self.add(Act(out=out, source=source, slope=negative_slope))

    def curve(self, curve: CurveName, out: str, source: str) -> str:
        return self.add(Curve(out=out, source=source, curve=curve))

    def shuffle(self, out: str, _: str, shuffle: nn.PixelShuffle, source: str) -> str:
        if shuffle.upscale_factor == 1:
            return source
        return self.add(Shuffle(out=out, source=source, factor=shuffle.upscale_factor))

    def activation(self, _: str, codes: str, **__: None) -> str:
        return codes

    def dense(self, out: str, source: str) -> str:
        return self.add(Decode(out=out, source=source)) if source in self._codes else source

    def nothing(self, *_: Any) -> None:
        return None

    def constant(self, _: str, __: str, numbers: Any) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64)

    def view(self, _: str, tensor: Tensor, *shape: int) -> Tensor:
        return tensor.view(*shape)

    def arithmetic(self, out: str, target: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
        if not isinstance(a, str) and not isinstance(b, str):
            return target(a, b)
        if isinstance(a, str) and isinstance(b, str):
            if target not in _OF_TWO_MAPS:
                raise UncompilableError(f"no instruction stands for {target.__name__} of two maps")
            return self.add(_OF_TWO_MAPS[target](out=out, sources=(a, b)))
        if isinstance(b, str):
            if target not in (operator.add, operator.mul):
                raise UncompilableError(f"no instruction stands for {target.__name__} by a map")
            a, b = b, a
        if target in (operator.mul, operator.truediv):
            scale = _numbers(b if target is operator.mul else 1 / b)
            return self.add(Affine(out=out, source=a, scale=scale))
        offset = _numbers(b if target is operator.add else -b)
        return self.add(Affine(out=out, source=a, offset=offset))

    def concat(self, out: str, tensors: list[str], dim: int = 0) -> str:
        if dim != 1:
            raise UncompilableError(f"no instruction stands for a concatenation along axis {dim}")
        return self.add(Concat(out=out, sources=tuple(tensors)))

    def item(self, out: str, source: str, key: Any) -> str:
        match key:
            case (slice(start=None, stop=None, step=None), slice(step=None) as channels):
                pass
            case _:
                raise UncompilableError(f"no instruction stands for the selection {key}")
        return self.add(Slice(out=out, source=source, start=channels.start, stop=channels.stop))

    def interpolate(
        self, out: str, source: str, *, scale_factor: int, mode: str, **others: Any
    ) -> str:
        if mode != "bicubic" or any(others.values()):
            raise UncompilableError(
                f"no instruction stands for an interpolation that is {mode}, {others}"
            )
        return self.add(Bicubic(out=out, source=source, factor=scale_factor))


def _numbers(constant: Tensor | float) -> tuple[float, ...]:
    """A constant that is broadcast over pixels, as one number or one for each channel."""
    return tuple(torch.as_tensor(constant, dtype=torch.float64).flatten().tolist())


def _curve(curve: CurveName) -> Callable[..., str]:
    return lambda emitter, out, source, **_: emitter.curve(curve, out, source)


def _arithmetic(target: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda emitter, out, a, b: emitter.arithmetic(out, target, a, b)


_MODULES: Mapping[type[nn.Module], Callable[..., str]] = {
    QuantSite: _Emitter.site,
    FloatSite: _Emitter.same,
    QuantConv: _Emitter.inner_conv,
    FloatConv: _Emitter.inner_conv,
    OuterConv: _Emitter.outer,
    bordered.BorderedConv: _Emitter.conv,
    nn.Conv2d: _Emitter.conv,
    nn.ConvTranspose2d: _Emitter.deconv,
    nn.BatchNorm2d: _Emitter.norm,
    nn.PReLU: _Emitter.prelu,
    nn.ReLU: _Emitter.relu,
    nn.PixelShuffle: _Emitter.shuffle,
}
_OF_TWO_MAPS: Mapping[Any, type[Add | Multiply]] = {operator.add: Add, operator.mul: Multiply}
_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    **{
        target: _arithmetic(target)
        for target in (operator.add, operator.sub, operator.mul, operator.truediv)
    },
    operator.getitem: _Emitter.item,
    torch.cat: _Emitter.concat,
    Activation: _Emitter.activation,
    normalized: _Emitter.normalized,
    functional.interpolate: _Emitter.interpolate,
    functional.leaky_relu_: _Emitter.leaky,
    functional.relu: _Emitter.relu,
    functional.silu: _curve("silu"),
    functional.hardswish: _curve("hardswish"),
}
_METHODS: Mapping[Any, Callable[..., Any]] = {
    "relu_": _Emitter.relu,
    "sigmoid": _curve("sigmoid"),
    "dense": _Emitter.dense,
    "feature": _Emitter.nothing,
    "new_tensor": _Emitter.constant,
    "view": _Emitter.view,
}
