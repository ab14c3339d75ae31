"""Files appear whole or not at all, whatever ends the process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from cadyq_cli import atomic
from cadyq_cli.atomic import remove_leftovers, replacing

WRITER = """
import sys, time
from pathlib import Path
from cadyq_cli.atomic import replacing
with replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


def age(folder: Path) -> None:
    """Make the unfinished files in a folder look old enough to be removed."""
    for part in folder.glob(".*.part"):
        os.utime(part, (time.time() - 60,) * 2)


def test_a_killed_process_leaves_no_file_under_the_name_and_its_rest_can_be_removed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        age(tmp_path)
        remove_leftovers(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1, "what is at work keeps its file"
        writer.kill()
    assert not path.exists()
    age(tmp_path)
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_being_written_is_kept(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as file:
        age(tmp_path)
        remove_leftovers(tmp_path)
        file.write(b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_only_leftovers_are_removed(tmp_path: Path) -> None:
    for name in ("photo.png", ".hidden", "film.part"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_replaced_file_hands_on_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch(mode=0o600)
    with replacing(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_permissions_cannot_be_copied_the_file_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refused)  # as on a card with FAT
    path = tmp_path / "a"
    path.touch()
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("refusals", [1, 3, 100])
def test_a_file_that_another_program_has_open_on_windows_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    rename, tries = Path.replace, 0

    def while_it_is_open(source: Path, target: Path) -> None:
        nonlocal tries
        tries += 1
        if tries <= refusals:
            raise PermissionError(errno.EACCES, "Access is denied")
        rename(source, target)

    monkeypatch.setattr(Path, "replace", while_it_is_open)
    monkeypatch.setattr(atomic, "_ON_WINDOWS", True)
    monkeypatch.setattr(atomic, "_PAUSES", (0.0,) * 3)
    path = tmp_path / "a"
    path.write_bytes(b"old")
    given_up = refusals == 100
    told = pytest.raises(PermissionError, match="open in another program")
    with told if given_up else nullcontext(), replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == (b"old" if given_up else b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 120 + ".png")  # 244 of 255 bytes
    with replacing(path) as file:
        file.write(b"new")
    assert path.exists()
