from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cadyq_cli.errors import ImageError
from cadyq_cli.imaging.files import check_free
from cadyq_cli.imaging.streams import STREAM, exists, make_folder, name_of, read, whole


def test_a_result_on_standard_output_never_exists_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-").touch()
    Path("a.png").touch()
    assert not exists(STREAM)
    assert exists(Path("a.png"))


def test_targets_have_names_for_people() -> None:
    assert name_of(STREAM) == "standard output"
    assert name_of(Path("in/a.png")) == str(Path("in/a.png"))


def test_standard_input_is_named_where_it_is_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    with pytest.raises(ImageError, match=r"^standard input: is not an image"):
        read(STREAM)


def write(target: Path, *, fail: bool = False) -> None:
    with whole(target) as file:
        file.write(b"_econd")
        file.seek(0)
        file.write(b"s")
        if fail:
            raise RuntimeError


def test_standard_output_gets_all_or_nothing(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(RuntimeError):
        write(STREAM, fail=True)
    assert capsysbinary.readouterr().out == b""
    write(STREAM)
    assert capsysbinary.readouterr().out == b"second"


def test_a_file_gets_all_or_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        write(tmp_path / "a", fail=True)
    assert not [*tmp_path.iterdir()]
    write(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"second"


def test_what_must_stay_is_told_with_the_reason(tmp_path: Path) -> None:
    source, other, folder = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"
    source.touch()
    other.touch()
    folder.mkdir()
    check_free(tmp_path / "new.png", overwrite=False, source=source)
    check_free(other, overwrite=True, source=source)
    for path, overwrite, reason in (
        (source, True, "is the input"),
        (other, False, "exists already; `overwrite` replaces it"),
        (folder, True, "is not a file that could be replaced"),
        (folder, False, "is not a file that could be replaced"),
    ):
        with pytest.raises(ImageError, match=f"^{re.escape(str(path))}: {reason}"):
            check_free(path, overwrite=overwrite, source=source)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "new" / "deep" / "a.png")
    assert (tmp_path / "new" / "deep").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(
        ImageError, match=rf"^{re.escape(str(tmp_path / 'file'))}: cannot be made: "
    ):
        make_folder(tmp_path / "file" / "a.png")


def test_a_broken_pipe_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Closed()))
    with pytest.raises(ImageError, match=r"^standard output: cannot be written: Broken pipe"):
        write(STREAM)
