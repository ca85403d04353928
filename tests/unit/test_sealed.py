"""What a conversion left is handed over as it was judged: plain files alone, and nothing that was changed since."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tfparity.engine import sealed
from tfparity.engine.sealed import Unfit
from tfparity.errors import DiskError, MachineFault


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A SavedModel, as far as files go."""
    folder = tmp_path / "artifact"
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"weights" * 1000)
    return folder


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_the_copy_is_what_was_sealed(made: Path, tmp_path: Path) -> None:
    seal = sealed.seal(made)
    assert not sealed.changed(made, seal)
    sealed.copy(made, tmp_path / "copy", seal)
    assert content(tmp_path / "copy") == content(made)
    sealed.copy_file(made, "saved_model.pb", tmp_path / "one.pb", seal)
    assert (tmp_path / "one.pb").read_bytes() == b"graph"


def test_a_link_within_is_the_file_that_it_names(made: Path, tmp_path: Path) -> None:
    (made / "assets" / "again").symlink_to("../saved_model.pb")
    sealed.copy(made, tmp_path / "copy", sealed.seal(made))
    assert not (tmp_path / "copy" / "assets" / "again").is_symlink()
    assert (tmp_path / "copy" / "assets" / "again").read_bytes() == b"graph"


def test_what_was_never_made_has_an_empty_seal(tmp_path: Path) -> None:
    assert sealed.seal(tmp_path / "nothing") == {}
    assert sealed.size(tmp_path / "nothing") == 0


def swapped(made: Path) -> None:
    (made / "saved_model.pb").rename(made / "other")
    (made / "variables" / "variables.index").rename(made / "saved_model.pb")
    (made / "other").rename(made / "variables" / "variables.index")


def same_size_and_time(made: Path) -> None:
    file = made / "saved_model.pb"
    before = file.stat()
    file.write_bytes(b"grapH")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda made: (made / "saved_model.pb").write_bytes(b"forged"),
    "other bytes of the same size and time": same_size_and_time,
    "fewer bytes": lambda made: os.truncate(made / "variables" / "variables.index", 1),
    "a file more": lambda made: (made / "more").touch(),
    "a folder more": lambda made: (made / "more").mkdir(),
    "a file less": lambda made: (made / "saved_model.pb").unlink(),
    "two files swapped": swapped,
    "all gone": shutil.rmtree,
    "a link for the whole": lambda made: made.rename(made.with_name("away")) and made.symlink_to("away"),
    "a pipe for a file": lambda made: (made / "saved_model.pb").unlink() or os.mkfifo(made / "saved_model.pb"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_not_copied(made: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    seal = sealed.seal(made)
    change(made)
    assert sealed.changed(made, seal)
    with pytest.raises(Unfit):
        sealed.copy(made, tmp_path / "copy", seal)


@pytest.mark.parametrize("name", ["other bytes", "a file less", "two files swapped", "a pipe for a file"])
def test_nor_is_one_file_of_it(made: Path, tmp_path: Path, name: str) -> None:
    seal = sealed.seal(made)
    CHANGES[name](made)
    with pytest.raises(Unfit):
        sealed.copy_file(made, "saved_model.pb", tmp_path / "copy.pb", seal)


def deep(made: Path) -> None:
    here = Path.cwd()
    os.chdir(made)
    for _ in range(30):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    os.chdir(here)


def large(made: Path) -> None:
    (made / "x").touch()
    os.truncate(made / "x", sealed.LARGEST + 1)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "a device": (lambda made: (made / "x").symlink_to("/dev/zero"), "has a link out of it, x"),
    "a file elsewhere": (lambda made: (made / "x").symlink_to("/etc/hosts"), "has a link out of it"),
    "a file beside it": (lambda made: (made / "x").symlink_to(made.with_name("artifact-x")), "has a link out of it"),
    "a file that is gone": (lambda made: (made / "x").symlink_to("gone"), "cannot be read: No such file"),
    "a link to a folder": (lambda made: (made / "variables" / "x").symlink_to(".."), "has a link to a folder"),
    "a circle": (lambda made: (made / "x").symlink_to("x"), "has a link in a circle, x"),
    "a pipe": (lambda made: os.mkfifo(made / "assets" / "x"), "has a pipe, assets/x"),
    "a hidden pipe": (lambda made: os.mkfifo(made / ".\x1b[2J"), "has a pipe, ."),
    "depth": (deep, "cannot be read: File name too long"),
    "size": (large, "takes more than 64 GiB"),
}


@pytest.mark.parametrize(("leave", "said"), ODD.values(), ids=ODD)
def test_what_is_no_plain_file_is_not_opened_and_not_handed_over(
    made: Path, tmp_path: Path, leave: Callable[[Path], object], said: str
) -> None:
    seal = sealed.seal(made)
    leave(made)
    with pytest.raises(Unfit) as refused:
        sealed.seal(made)
    assert refused.value.problem.type == "OddArtifact"
    assert said in refused.value.problem.message
    assert "\x1b" not in str(refused.value)
    with pytest.raises(Unfit):
        sealed.copy(made, tmp_path / "copy", seal)
    assert not (tmp_path / "copy").exists()
    assert sealed.size(made) >= 0


def test_entries_without_end_are_not_listed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "MOST", 4)
    with pytest.raises(Unfit, match="more than 4 files"):
        sealed.seal(made)


def test_what_this_machine_cannot_read_says_nothing_of_the_artifact(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(MachineFault):
        sealed.seal(made)


def test_a_copy_that_has_no_room_is_not_begun(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = sealed.seal(made)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(DiskError, match="GB are free in"):
        sealed.copy(made, tmp_path / "copy", seal)
    assert not (tmp_path / "copy").exists()


def test_what_a_link_leads_to_has_no_size_here(tmp_path: Path) -> None:
    """It may be the whole disk."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x").write_bytes(b"12345")
    (tmp_path / "artifact").symlink_to(tmp_path / "there")
    assert (sealed.size(tmp_path / "there"), sealed.size(tmp_path / "artifact")) == (5, 0)


def test_no_more_is_looked_at_than_an_artifact_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / str(number)).write_bytes(b"1")
    monkeypatch.setattr(sealed, "MOST", 3)
    assert sealed.size(tmp_path) == 3
