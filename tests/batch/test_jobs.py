from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cadyq_cli.batch.jobs import Job, Naming, images_in, plan, shard
from cadyq_cli.errors import CadyqError, FileError, ImageError, InputError
from cadyq_cli.imaging.formats import format_named
from cadyq_cli.imaging.left_out import kinds
from cadyq_cli.imaging.streams import STREAM


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tree in it, where the tests run."""
    monkeypatch.chdir(tmp_path)
    names = ["a.png", "b.JPG", "c.gif", "notes.txt", ".hidden.png", "in/a.png", "in/deep/ä ö.webp"]
    for name in names:
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path / "photos"


def pairs(sources: list[str], *, recursive: bool = False, **naming: str) -> dict[str, str]:
    jobs = plan([*map(Path, sources)], Naming("_x4", **naming), recursive=recursive)  # type: ignore[arg-type]
    return {job.source.as_posix(): job.target.as_posix() for job in jobs}


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("sources", "output", "expected"),
    [
        (["photos/a.png"], None, {"photos/a.png": "photos/a_x4.png"}),
        (["photos/b.JPG"], None, {"photos/b.JPG": "photos/b_x4.JPG"}),
        (["photos/c.gif"], None, {"photos/c.gif": "photos/c_x4.png"}),
        (["photos/a.png"], "big.webp", {"photos/a.png": "big.webp"}),
        (["photos/a.png"], "photos/in", {"photos/a.png": "photos/in/a_x4.png"}),
        (["photos/a.png"], "new/", {"photos/a.png": "new/a_x4.png"}),
        (["photos/a.png"], "-", {"photos/a.png": "-"}),
        (["-"], None, {"-": "-"}),
        (["-"], "big.png", {"-": "big.png"}),
        (
            ["photos/a.png", "photos/b.JPG"],
            "new",
            {"photos/a.png": "new/a_x4.png", "photos/b.JPG": "new/b_x4.JPG"},
        ),
        (["photos/a.png", "photos/../photos/a.png"], None, {"photos/a.png": "photos/a_x4.png"}),
        (
            ["photos/a.png", "missing.png"],
            None,
            {"photos/a.png": "photos/a_x4.png", "missing.png": "missing_x4.png"},
        ),
    ],
)
def test_where_a_result_goes(
    sources: list[str], output: str | None, expected: dict[str, str]
) -> None:
    assert pairs(sources, output=output) == expected  # type: ignore[arg-type]


@pytest.mark.usefixtures("photos")
def test_the_tree_of_a_folder_is_kept() -> None:
    assert pairs(["photos"], output="out") == {
        "photos/a.png": "out/a_x4.png",
        "photos/b.JPG": "out/b_x4.JPG",
        "photos/c.gif": "out/c_x4.png",
    }
    assert pairs(["photos"], recursive=True) == {
        "photos/a.png": "photos_x4/a_x4.png",
        "photos/b.JPG": "photos_x4/b_x4.JPG",
        "photos/c.gif": "photos_x4/c_x4.png",
        "photos/in/a.png": "photos_x4/in/a_x4.png",
        "photos/in/deep/ä ö.webp": "photos_x4/in/deep/ä ö_x4.webp",
    }


def test_results_in_a_folder_of_the_tree_are_not_taken_for_images(photos: Path) -> None:
    before = pairs(["photos"], recursive=True, output="photos/out")
    for target in before.values():
        place = photos.parent / target
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    assert pairs(["photos"], recursive=True, output="photos/out") == before


def test_the_folder_one_stands_in_can_be_named_with_a_dot(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos / "in")
    beside = (photos / "in_x4").as_posix()
    assert pairs(["."]) == {"a.png": f"{beside}/a_x4.png"}
    above = (photos.parent / "photos_x4").as_posix()
    assert pairs([".."])["../a.png"] == f"{above}/a_x4.png"


@pytest.mark.usefixtures("photos")
def test_two_images_of_one_result_are_refused() -> None:
    Path("photos/a.jpg").touch()
    naming = Naming("_x4", format=format_named("png"))
    with pytest.raises(InputError, match=r"a\.(png|jpg) and .*a\.(png|jpg) would both become"):
        plan([Path("photos")], naming)
    with pytest.raises(InputError, match="would both become"):
        plan([Path("photos/a.png"), Path("photos/in/a.png")], Naming("_x4", "new"))


@pytest.mark.parametrize(("one", "other"), [("Ä.png", "ä.png"), ("\u00e9.png", "e\u0301.png")])
def test_names_that_are_one_to_a_mac_are_not_given_to_two_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    images = [tmp_path / "here" / one, tmp_path / "there" / other]
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InputError, match="would both become"):
        plan(images, Naming("_x4", str(tmp_path / "new")))


@pytest.mark.usefixtures("photos")
def test_a_result_never_goes_where_an_image_is() -> None:
    with pytest.raises(ImageError, match="is the input"):
        plan([Path("photos/a.png")], Naming("_x4", "photos/a.png"))
    with pytest.raises(ImageError, match="is the input"):
        plan([Path("photos")], Naming("", "photos"))
    Path("photos/a_x4.png").touch()
    with pytest.raises(InputError, match="is an input itself; `skip_existing`"):
        plan([Path("photos/a.png"), Path("photos/a_x4.png")], Naming("_x4"))


@pytest.mark.usefixtures("photos")
def test_results_of_a_run_before_are_left_out_on_request() -> None:
    names = ["a.png", "a_x4.png", "a_x4_x4.png", "b_x4.png"]
    for name in names:
        Path("photos", name).touch()
    told: list[Path] = []
    jobs = plan([Path("photos", name) for name in names], Naming("_x4"), leave_out=told.append)
    assert [job.source.name for job in jobs] == ["a.png", "b_x4.png"]
    assert [path.name for path in told] == ["a_x4.png", "a_x4_x4.png"]
    with pytest.raises(ImageError, match="is the input"):
        plan([Path("photos")], Naming("", "photos"), leave_out=told.append)


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("sources", "output", "message"),
    [
        (["photos"], "photos/a.png", "need a folder"),
        (["photos"], "new.png", "need a folder"),
        (["photos/a.png", "-"], None, "standard input"),
        (["photos/a.png"], "big.xyz", "cannot write 'xyz' images"),
        (["missing.png"], None, "no such file"),
        (["photos/a.png"], "no/big.png", "there is no folder no"),
        (["photos/a.png"], "new", "end it with / for a folder"),
        (["photos/a.png", "photos/b.JPG"], "-", "standard output takes one image"),
        (["photos"], "-", "standard output takes one image"),
        (
            ["photos/none"],
            None,
            r"no images there that can be read \(PNG, .*GIF, MPO\); `recursive` looks into",
        ),
        (["photos/none/of/all"], None, r"no images there that can be read \(PNG, .*GIF, MPO\)$"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    sources: list[str], output: str | None, message: str
) -> None:
    Path("photos/none/of/all").mkdir(parents=True)
    with pytest.raises(CadyqError, match=message):
        pairs(sources, output=output)  # type: ignore[arg-type]


def test_a_folder_called_as_a_stream_is_not_taken_for_one(photos: Path) -> None:
    (photos.parent / "-").mkdir()
    assert pairs(["photos/a.png"], output="-") == {"photos/a.png": "-"}


def test_all_images_of_one_result_are_named_at_once(photos: Path) -> None:
    for name in ("one.png", "one.gif", "two.png", "two.gif"):
        (photos / name).touch()
    with pytest.raises(InputError, match=r"one\.gif and .*one\.png .*two\.gif and .*two\.png"):
        plan([photos], Naming("_x4", format=format_named("png")))


@pytest.mark.skipif(os.name == "nt", reason="no pipes have a name in a folder")
def test_what_would_wait_for_another_process_is_no_image(photos: Path) -> None:
    os.mkfifo(photos / "pipe.png")
    jobs = plan([photos], Naming("_x4"))
    assert "pipe.png" not in {job.source.name for job in jobs}


@pytest.mark.parametrize("suffix", ["/../x", "_a/b", "_a\\b"])
def test_a_suffix_that_leads_to_another_folder_is_refused(suffix: str) -> None:
    with pytest.raises(InputError, match="is no part of a file's name"):
        Naming(suffix)


@pytest.mark.usefixtures("photos")
def test_a_format_that_contradicts_the_name_is_refused() -> None:
    with pytest.raises(InputError, match="contradict"):
        plan([Path("photos/a.png")], Naming("_x4", "a.jpg", format_named("png")))
    [job] = plan([Path("photos/a.png")], Naming("_x4", "a.data", format_named("png")))
    assert job.format == format_named("png")


@pytest.mark.usefixtures("photos")
def test_an_extension_of_its_own_names_all_but_a_file_that_is_named() -> None:
    naming = Naming("_x4", format=format_named("png"), extension=".html")
    folder = [job.target.name for job in plan([Path("photos")], naming)]
    assert folder == ["a_x4.html", "b_x4.html", "c_x4.html"]
    [named] = plan([Path("photos/a.png")], replace(naming, output="page.xhtml"))
    assert named.target == Path("page.xhtml")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_shards_are_disjoint_and_complete(count: int) -> None:
    jobs = [Job(Path(f"{number}.png"), STREAM, None) for number in range(11)]
    parts = [shard(jobs, index, count) for index in range(1, count + 1)]
    assert sorted((job for part in parts for job in part), key=jobs.index) == jobs
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("index", "count"), [(0, 3), (4, 3), (1, 0), (-1, 3)])
def test_a_shard_that_does_not_exist_is_refused(index: int, count: int) -> None:
    with pytest.raises(InputError, match="`shard`"):
        shard([], index, count)


def test_links_that_lead_nowhere_are_images_that_will_fail(photos: Path) -> None:
    (photos / "loop.png").symlink_to("loop.png")
    (photos / "dangling.png").symlink_to("nothing.png")
    assert {"photos/loop.png", "photos/dangling.png"} <= pairs(["photos"]).keys()


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert [*images_in(gone, recursive=True, but=tmp_path, others=[])] == [gone]


def test_pictures_that_cannot_be_read_are_told_of_by_their_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    names = "a.png b.mpo c.HEIC d.heic e.JP2 f.j2k g.nef notes.txt .h.dng"
    for name in names.split():
        (tmp_path / name).touch()
    (tmp_path / "folder.svg").mkdir()
    others: list[Path] = []
    jobs = plan([tmp_path], Naming("_x4"), cannot_read=others.append)
    assert [job.source.name for job in jobs] == ["a.png", "b.mpo"]
    assert kinds(others) == "2 HEIC, 2 JPEG 2000, 1 NEF"
    for name in ("a.png", "b.mpo"):
        (tmp_path / name).unlink()
    with pytest.raises(FileError, match=r"MPO\), but 2 HEIC, .*to read HEIC: pip install"):
        plan([tmp_path], Naming("_x4"))


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
@pytest.mark.parametrize("output", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-", None])
def test_the_names_of_standard_streams_mean_them(name: str, output: str | None) -> None:
    assert plan([Path(name)], Naming("_x4", output)) == [Job(STREAM, STREAM, None)]


@pytest.mark.skipif(os.name == "nt", reason="no pipes have a name in a folder")
def test_the_result_of_a_pipe_goes_to_standard_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = tmp_path / "pipe"
    assert plan([source], Naming("_x4")) == [Job(source, STREAM, None)]
    (job,) = plan([source], Naming("_x4", str(tmp_path / "b.png")))
    assert job.target == tmp_path / "b.png"
