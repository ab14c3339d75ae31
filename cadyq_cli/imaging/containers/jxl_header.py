"""What stands at the start of a JPEG XL picture, bit by bit."""

from __future__ import annotations

from typing import NamedTuple

SIGNATURE = b"\xff\x0a"
LONGEST = 1 << 12  # bytes that are looked at

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
_ALPHA, _SPOT, _FILTER = 0, 2, 5  # kinds of extra channels
_RGB, _GRAY = 0, 1
_D65, _BT_709, _SRGB = 1, 1, 13

# How a whole number is coded: in so many bits, and what is added to them. Two bits choose.
_Choice = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_SIDE: _Choice = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM: _Choice = ((0, 0), (0, 1), (4, 2), (6, 18))


class Header(NamedTuple):
    """What is known before a pixel is decoded."""

    width: int  # as it is stored, before it is turned
    height: int
    bits: int = 8  # a channel
    animated: bool = False
    multiplied: bool = False  # colours by alpha
    srgb: bool = True  # its colours, or the curve of its grays


class _Bits:
    """Numbers read one after another, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._left, self._count = int.from_bytes(data, "little"), 8 * len(data)

    def __call__(self, count: int) -> int:
        """The next `count` bits.

        Raises:
            ValueError: there are not so many.
        """
        if count > self._count:
            raise ValueError("not enough bits")
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        self._count -= count
        return value

    def number(self, choice: _Choice) -> int:
        count, more = choice[self(2)]
        return self(count) + more


def read_header(data: bytes) -> Header:
    """The header of a codestream, of which these are the first bytes.

    Raises:
        ValueError: it is none, or cut off.

    Source: ISO/IEC 18181-1:2024, annex D.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("no JPEG XL")
    bits = _Bits(data[len(SIGNATURE) : LONGEST])
    width, height = _size(bits, _SIDE)
    if bits(1):
        return Header(width, height)
    animated = bool(bits(1)) and _is_animated(bits)
    depth = _depth(bits)
    bits(1)  # whether 16 bits are enough to decode it
    extra = bits.number(((0, 0), (0, 1), (4, 2), (12, 1)))
    multiplied = [_is_multiplied(bits) for _ in range(extra)]
    bits(1)  # whether it is coded in XYB
    return Header(width, height, depth, animated, any(multiplied), _is_srgb(bits))


def _size(bits: _Bits, side: _Choice, by_8: _Choice | None = None) -> tuple[int, int]:
    """Width and height."""
    eighths = bits(1)

    def length() -> int:
        if not eighths:
            return bits.number(side)
        return 8 * (bits.number(by_8) if by_8 else bits(5) + 1)

    height, ratio = length(), bits(3)
    if ratio == 0:
        return length(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _is_animated(bits: _Bits) -> bool:
    bits(3)  # how it is turned, which the decoder does
    if bits(1):
        _size(bits, _SIDE)  # that it should be shown in
    if bits(1):  # a preview
        _size(bits, ((6, 1), (8, 65), (10, 321), (12, 1345)), ((0, 2), (0, 4), (5, 1), (9, 33)))
    if not bits(1):
        return False
    bits.number(((0, 100), (0, 1000), (10, 1), (30, 1)))  # ticks a second: above
    bits.number(((0, 1), (0, 1001), (8, 1), (10, 1)))  # and below
    bits.number(((0, 0), (3, 0), (16, 0), (32, 0)))  # loops
    bits(1)  # time codes
    return True


def _depth(bits: _Bits) -> int:
    if not bits(1):
        return bits.number(((0, 8), (0, 10), (0, 12), (6, 1)))
    depth = bits.number(((0, 32), (0, 16), (0, 24), (6, 1)))
    bits(4)  # of the exponent
    return depth


def _is_multiplied(bits: _Bits) -> bool:
    """Whether an extra channel is alpha that colours were multiplied by."""
    if bits(1):
        return False
    kind = bits.number(_ENUM)
    _depth(bits)
    bits.number(((0, 0), (0, 3), (0, 4), (3, 1)))  # how much smaller it is
    bits(8 * bits.number(((0, 0), (4, 0), (5, 16), (10, 48))))  # its name
    if kind == _SPOT:
        bits(4 * 16)
    elif kind == _FILTER:
        bits.number(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind == _ALPHA and bool(bits(1))


def _is_srgb(bits: _Bits) -> bool:
    if bits(1):
        return True
    has_profile, space = bits(1), bits.number(_ENUM)
    if has_profile or space not in (_RGB, _GRAY) or bits.number(_ENUM) != _D65:
        return False
    if space == _RGB and bits.number(_ENUM) != _BT_709:
        return False
    return not bits(1) and bits.number(_ENUM) == _SRGB
