from __future__ import annotations

from pathlib import PureWindowsPath

import pytest

from cadyq_cli.imaging.windows_names import fault


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("out/a?.png", "Windows allows no '?' in a name"),
        (r"C:\photos\a:b.png", "Windows allows no ':' in a name"),
        ("photos./a.png", "Windows allows no dot or blank at the end of a name"),
        ("a.png ", "Windows allows no dot or blank at the end of a name"),
        ("con", "con is a device on Windows"),
        ("out/NUL.png", "NUL.png is a device on Windows"),
        ("Com1.tar.gz", "Com1.tar.gz is a device on Windows"),
        ("aux .png", "aux .png is a device on Windows"),
        ("LPT³", "LPT³ is a device on Windows"),
    ],
)
def test_what_windows_refuses_is_told(path: str, reason: str) -> None:
    assert fault(PureWindowsPath(path)) == reason


@pytest.mark.parametrize(
    "path",
    [
        r"C:\photos\a.png",
        "C:a.png",
        r"\\server\share\ä ö.png",
        r"\\?\C:\long\a.png",
        "../.hidden/a.b.png",
        "console.png",
        "com10.png",
        "a.con",
    ],
)
def test_what_windows_takes_is_not_refused(path: str) -> None:
    assert fault(PureWindowsPath(path)) is None
