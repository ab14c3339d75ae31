"""Text from files and their names, made fit to be shown."""

from __future__ import annotations

from unicodedata import bidirectional, category

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, bytes that are no UTF-8, ends of lines
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # make text read anew


def escaped(text: str) -> str:
    r"""A line with escapes, such as ``\x1b``, for all that would steer a terminal or break a file.

    A byte of a name that is not UTF-8 looks as in JSON: ``\udce9`` for 0xe9.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if category(character) in _UNSEEN or bidirectional(character) in _TURNING:
        return character.encode("unicode_escape").decode("ascii")
    return character
