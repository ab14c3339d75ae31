"""The library of native kernels: where it is found, and its plain C interface."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cadyq_cli.engine.native.fingerprint import fingerprint
from cadyq_cli.engine.native.platforms import LIBRARY

ISA_VARIABLE = "CADYQ_ISA"  # the instruction set to use; "none" hides the library
FOLDER = Path(__file__).parent


class NativeUnavailable(Exception):  # noqa: N818  a state of the machine, no failure
    """There are no native kernels here; the message says why."""


class EpilogueStructure(ctypes.Structure):
    """`Epilogue` of kernels.h."""

    _fields_ = [
        ("scale", c_void_p),
        ("bias", c_void_p),
        ("slope1", c_void_p),
        ("curve", c_int32),
        ("round_grid", c_void_p),
        ("add_map", c_void_p),
        ("add_codes", c_void_p),
        ("add_steps", c_void_p),
        ("add_pitch", c_int32),
        ("gate", c_int32),
        ("slope2", c_void_p),
        ("shuffle", c_int32),
        ("sums", c_void_p),
        ("squares", c_void_p),
        ("codes", c_void_p),
        ("codes_pitch", c_int32),
        ("codes_grid", c_void_p),
    ]


def _function(*arguments: Any) -> Any:
    return ctypes.CFUNCTYPE(c_int32, *arguments)  # a `Status`


_INPUT = (c_void_p, c_int32, c_int32, c_int32)  # of a convolution: numbers and their shape
_RESULT = (c_void_p, POINTER(EpilogueStructure))
_PACK = _function(c_void_p, c_int32, c_int32, c_void_p)
_PACK_EDGE = _function(c_void_p, c_int32, c_int32, c_int32, c_int32, c_void_p)
_CONVOLVE = _function(*_INPUT, c_void_p, c_int32, *_RESULT)
_CONVOLVE_EDGE = _function(*_INPUT, c_void_p, c_int32, c_int32, c_int32, *_RESULT)


class KernelTable(ctypes.Structure):
    """`Kernels` of kernels.h."""

    _fields_ = [
        ("lanes", c_int32),
        (
            "encode",
            _function(c_void_p, c_int64, c_int64, c_int32, c_void_p, c_void_p, c_int32),
        ),
        ("sums", _function(c_void_p, c_int64, c_int32, c_void_p, c_void_p)),
        ("pack_winograd", _PACK),
        ("pack_winograd_float", _PACK),
        ("pack_direct", _PACK_EDGE),
        ("pack_float", _PACK_EDGE),
        ("pack_image", _function(c_void_p, *[c_int32] * 3, c_void_p)),
        ("winograd", _CONVOLVE),
        ("winograd_float", _CONVOLVE),
        ("direct", _CONVOLVE_EDGE),
        ("direct_float", _CONVOLVE_EDGE),
        ("image_float", _function(*_INPUT, c_void_p, c_int32, c_int32, *_RESULT)),
        ("pack_matrix", _function(c_void_p, *[c_int32] * 5, c_void_p)),
        ("matrix", _function(*_INPUT, c_void_p, *[c_int32] * 4, *_RESULT)),
    ]


def function_table(isa: str) -> Any:
    """A `KernelTable` of an instruction set; None if this processor cannot run it.

    Raises:
        NativeUnavailable: there is no library.
    """
    table = _library().cadyq_kernels(isa.encode())
    return table.contents if table else None


def done(status: int) -> None:
    """Raise what a kernel could not do.

    Raises:
        MemoryError: there is none for its work.
        ValueError: it was asked for something that it cannot do.
    """
    if status == 1:
        raise MemoryError("the kernels need more memory than there is")
    if status:
        raise ValueError("the kernels refuse sizes that they cannot work with")


def address(array: NDArray[Any]) -> int:
    """Where an array's numbers begin.

    Raises:
        ValueError: there are gaps between them.
    """
    if not array.flags.c_contiguous:
        raise ValueError("the kernels read arrays without gaps")
    return array.ctypes.data


def instruction_sets() -> Iterator[str]:
    """The names of those that the library has kernels for, the best first.

    Raises:
        NativeUnavailable: there is no library.
    """
    library = _library()
    if chosen := os.environ.get(ISA_VARIABLE):
        yield chosen
        return
    index = 0
    while name := library.cadyq_name(index):
        yield name.decode()
        index += 1


@cache
def _library() -> Any:
    if os.environ.get(ISA_VARIABLE) == "none":
        raise NativeUnavailable(f"{ISA_VARIABLE}=none hides the native kernels")
    file = FOLDER / LIBRARY
    if not file.exists():
        raise NativeUnavailable("the native kernels were not compiled at installation")
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:
        raise NativeUnavailable(f"the native kernels cannot be loaded: {error}") from error
    if not _fits(library):
        hint = "python -m cadyq_cli.engine.native.build, or install cadyq again"
        raise NativeUnavailable(f"the native kernels were compiled from other sources; {hint}")
    library.cadyq_name.argtypes, library.cadyq_name.restype = [c_int], c_char_p
    library.cadyq_kernels.argtypes = [c_char_p]
    library.cadyq_kernels.restype = POINTER(KernelTable)
    return library


def _fits(library: Any) -> bool:
    """Whether a library was compiled from the sources beside it."""
    if not hasattr(library, "cadyq_fingerprint"):
        return False
    library.cadyq_fingerprint.restype = c_char_p
    compiled: bytes = library.cadyq_fingerprint()
    return compiled.decode() == fingerprint(FOLDER)
