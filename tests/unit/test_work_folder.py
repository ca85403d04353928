"""A run's folder: held while it runs, gone after it, and what a run that was killed left goes with the next one."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tfparity.engine import work_folder
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.engine.work_folder import KEPT, LOCK, WorkFolder, place
from tfparity.inputs import matrix
from tfparity.paths import Cache, Project

MATRIX = """\
schema: 1
default: small
toolchains:
  - {id: small, python: "3.11", as-of: 2023-07-15, pins: {numpy: 1.24.3}}
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "work"


def killed(folder: Path) -> Path:
    """What a killed run leaves: nobody holds the lock."""
    (folder / "cell-1").mkdir(parents=True)
    (folder / "cell-1" / "model.onnx").write_text("large")
    (folder / LOCK).touch()
    return folder


def old(folder: Path) -> Path:
    """A folder of yesterday without a lock, as older versions made them."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("large")
    os.utime(folder, (time.time() - work_folder.UNLOCKED_SECONDS - 60,) * 2)
    return folder


def there(work: Path) -> list[str]:
    return sorted(folder.name for folder in work.iterdir())


def test_a_folder_is_there_while_it_is_held_and_gone_after_it(work: Path) -> None:
    with WorkFolder(place(work)) as folder:
        assert folder.parent == work
        (folder / "cell-1").mkdir()
        (folder / "cell-1" / "model.onnx").write_text("large")
    assert there(work) == []


def test_names_are_never_the_same(work: Path) -> None:
    assert len({place(work) for _ in range(100)}) == 100


def test_it_goes_with_an_error_too(work: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WorkFolder(place(work)):
        raise KeyboardInterrupt
    assert there(work) == []


@pytest.mark.parametrize("make", [killed, old])
def test_what_nobody_holds_goes_with_the_next_run(work: Path, make: Callable[[Path], Path]) -> None:
    left = [make(work / f"of-{number}") for number in range(3)]
    with WorkFolder(place(work)) as folder:
        assert there(work) == [folder.name]
    assert not any(folder.exists() for folder in left)


def test_what_another_run_holds_stays(work: Path) -> None:
    with WorkFolder(place(work)) as first:
        (first / "model.onnx").write_text("large")
        with WorkFolder(place(work)) as second:
            assert there(work) == sorted([first.name, second.name])
        assert (first / "model.onnx").read_text() == "large"


def test_what_is_just_being_made_stays(work: Path) -> None:
    """Its run has made the folder and not locked it yet."""
    (work / "just-made").mkdir(parents=True)
    with WorkFolder(place(work)):
        assert (work / "just-made").is_dir()


@pytest.mark.parametrize("make", [killed, old])
def test_what_is_kept_on_purpose_stays(work: Path, make: Callable[[Path], Path]) -> None:
    folder = make(place(work, keep=True))
    with WorkFolder(place(work)):
        pass
    assert there(work) == [folder.name]


def test_a_run_that_keeps_its_folder_leaves_it_without_the_lock(work: Path) -> None:
    with WorkFolder(place(work, keep=True)) as folder:
        (folder / "model.onnx").write_text("large")
    assert folder.name.startswith(KEPT)
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]


def test_a_folder_that_a_person_deleted_meanwhile_is_no_error(work: Path) -> None:
    for keep in (False, True):
        with WorkFolder(place(work, keep=keep)) as folder:
            shutil.rmtree(folder)
    assert there(work) == []


def test_a_link_and_a_file_are_left_alone(work: Path, tmp_path: Path) -> None:
    old(tmp_path / "elsewhere")
    work.mkdir(parents=True)
    (work / "link").symlink_to(tmp_path / "elsewhere")
    (work / "file").write_text("a person's own")
    with WorkFolder(place(work)):
        pass
    assert there(work) == ["file", "link"]
    assert (tmp_path / "elsewhere" / "model.onnx").is_file()


def test_what_may_not_be_removed_is_no_error(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(work / "theirs")

    class Refused:
        def __init__(self, path: Path, **_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

    held = WorkFolder(place(work))
    monkeypatch.setattr(work_folder, "FileLock", Refused)
    with held:
        assert left.is_dir()


def test_a_folder_that_was_taken_for_abandoned_before_it_was_locked_is_made_again(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run holds the lock at that moment and removes the folder."""
    taken = WorkFolder(place(work))
    acquire, tries = taken._lock.acquire, []

    def acquired(*given: object, **named: object) -> object:
        tries.append(1)
        if len(tries) == 1:
            acquire(*given, **named)  # type: ignore[arg-type]
            shutil.rmtree(taken.folder)
            return None
        return acquire(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(taken._lock, "acquire", acquired)
    with taken as folder:
        assert len(tries) == 2
        assert (folder / LOCK).is_file()
        with WorkFolder(place(work)):
            assert folder.is_dir()
    assert there(work) == []


def test_many_runs_that_begin_and_end_at_once_keep_their_folders_and_leave_none(work: Path) -> None:
    for number in range(20):
        killed(work / f"of-{number}")
    together = threading.Barrier(8, timeout=10)

    def run(number: int) -> None:
        for turn in range(20):
            together.wait()
            with WorkFolder(place(work)) as folder:
                (folder / "mine").write_text(f"{number} {turn}")
                (folder / "cell-1").mkdir()
                assert (folder / "mine").read_text() == f"{number} {turn}"

    with ThreadPoolExecutor(8) as runs:
        list(runs.map(run, range(8)))
    assert there(work) == []


def engine(root: Path, **options: bool) -> Engine:
    (root / "matrix.yaml").write_text(MATRIX)
    declared = matrix.load(root / "matrix.yaml")
    return Engine(Context(Project(root), declared, {}, Cache(root / "cache"), Options(**options)))  # type: ignore[arg-type]


def test_a_run_has_such_a_folder(tmp_path: Path, work: Path) -> None:
    left = killed(work / "left")
    with engine(tmp_path) as running:
        assert there(work) == [running.context.folder.name]
        with engine(tmp_path):
            assert running.context.folder.is_dir()
    assert there(work) == []
    assert not left.exists()


def test_a_run_with_keep_leaves_its_folder_to_the_next(tmp_path: Path, work: Path) -> None:
    with engine(tmp_path, keep=True) as running:
        (running.context.folder / "model.onnx").write_text("large")
    with engine(tmp_path):
        pass
    assert there(work) == [running.context.folder.name]
    assert (running.context.folder / "model.onnx").is_file()
