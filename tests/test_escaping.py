from __future__ import annotations

import pytest

from cadyq_cli.escaping import escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.png", "a.png"),
        ("Zürich 写真 👩‍👧.png", "Zürich 写真 👩‍👧.png"),
        ("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("gpj\u202e.png", r"gpj\u202e.png"),
        ("lat\udce9in", r"lat\udce9in"),  # as Python names a byte that is not UTF-8
    ],
)
def test_what_steers_a_terminal_shows_as_an_escape(text: str, expected: str) -> None:
    assert escaped(text) == expected
    assert escaped(escaped(text)) == expected
