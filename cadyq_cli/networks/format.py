"""The format of weights files: what a reader may rely on, how much there can be, its number.

A file is safetensors. Its metadata holds ``cadyq``, the card (`card`), and in files for the engine
``cadyq.program`` (`engine.program`), both JSON objects, which are read as text and numbers only.
Whoever reads a file by `stored.read` gets this, or a `CheckpointError` in one line:

- The file, its header, the card and the number of tensors are within the bounds below. Tensors take
  the memory that they take in the file, and as float32 at most four times that.
- Tensors are float32, float16, int8 or int64. None has an empty axis, or more than `MAX_AXES`.
- A tensor of int8 holds codes; its step ``NAME.step`` is float32, and is one number or has the axes
  of the codes, each as long as theirs or 1. No other tensor is called a step.
- The card has the entries of `Card` and no others, of their kinds. No whole number in it
  is beyond `plain_json.LARGEST`, either way.

- The card's `dial`, where there is one, has `bits`, rising in 2..9, and as many `prices`, falling.
- The card's `plain`, where there is one, has exactly the numbers of `engine.runner.DifferenceFit`,
  each within `MAX_OF_FIT`, either way. They only say where interpolation is enough.

A network that PyTorch builds (`load`) has besides the backbone's settings within
`backbones.registry.MAX_SETTING`, exactly the tensors, in name and shape, that its card asks for,
and finite numbers; all this is known before the network takes memory. What holds for a program is
stated in `engine`.

Its number
==========

`FORMAT`, the entry ``format`` of card and program, rises by one whenever an older version would
misread a file: an entry that changes what is computed, a step or a tensor of another meaning. An
addition that an older version refuses by itself (an entry, a backbone, a setting that it does not
know) leaves it as it is: entries that are unknown are an error, never ignored, but in `about`,
which is for people.

- A newer file says ``was made by a newer cadyq (format 2); upgrade: this version reads up to 1``.
- All older formats load for ever. The change that raises the number brings a function from the
  entries of the format before to its own, which is applied while a card or a program is read, so
  that nothing behind `Card.from_json` and `Program.from_json` knows older formats; and a small
  file of the older format for the tests.
- Files are written in the newest format only.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

FORMAT = 1

MAX_FILE = 2**30  # bytes
MAX_HEADER = 2**22  # bytes of names, shapes and metadata
MAX_CARD = 2**18  # characters
MAX_TENSORS = 2**14
MAX_AXES = 5  # of a tensor: places, outputs, inputs, rows and columns of a bordered convolution
MAX_OF_DIAL = 64  # averages that a dial names
MAX_PRICE = 1e6  # of a bit, either way
MAX_OF_FIT = 100  # either way, of a number that tells plain areas
SCALES = range(1, 9)  # times that a network enlarges

DTYPES = ("F32", "F16", "I8", "I64")  # as safetensors calls them


def check_extent(path: Path) -> None:
    """Refuse a file that is larger than any network's, before more of it is read.

    Raises:
        OSError: as the system says.
        ValueError: the file or its header is too large.
    """
    size = path.stat().st_size
    if size > MAX_FILE:
        raise ValueError(f"has {size} bytes, more than the {MAX_FILE} of any weights file")
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if MAX_HEADER < header <= size:
        raise ValueError(f"has a header of {header} bytes, more than the {MAX_HEADER} of any")


def check_tensor(name: str, dtype: str, shape: list[int]) -> None:
    """Refuse a tensor that no weights file holds, from what the header says of it.

    Raises:
        ValueError: its type, or its axes.
    """
    if dtype not in DTYPES:
        raise ValueError(f"{name:.100} is of type {dtype}; there are {', '.join(DTYPES)}")
    if len(shape) > MAX_AXES or (shape and not prod(shape)):
        raise ValueError(f"{name:.100} has the impossible shape {tuple(shape[: MAX_AXES + 1])}")
