"""Installs: made once per lock digest, with hashes, within the disk that is free, and never half."""

import hashlib
import re
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tfparity import paths
from tfparity.environments import estimate, install, intact, interpreters, lock, sizes
from tfparity.environments.lock import LockStatus
from tfparity.environments.uv_command import Completed
from tfparity.errors import (
    DiskError,
    InstallError,
    InterpreterError,
    LockError,
    MachineFault,
    NetworkError,
    PackageError,
    TfparityError,
)
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Environment

ROOT = paths.PACKAGE.parent.parent
PLENTY = 10**12

MATRIX = """\
schema: 1
default: small
toolchains:
  - {id: small, python: "3.10", as-of: 2023-07-15, pins: {numpy: 1.24.3}}
"""

BODY = "numpy==1.24.3 \\\n    --hash=sha256:aa\n"


class Uv:
    """uv as planned: makes the folder of a venv, and fails at one step if told to."""

    def __init__(self) -> None:
        self.fails: dict[str, str] = {}
        self.commands: list[list[str]] = []
        self.fetches: Callable[[Path], None] = lambda _: None
        self.status = 2
        self.knows_days = True

    def __call__(self, command: Sequence[str], **_: object) -> Completed:
        self.commands.append(list(command))
        if command[1] in self.fails:
            return Completed(self.status, "", self.fails[command[1]])
        if "--exclude-newer" in command and not self.knows_days:
            return Completed(1, "", "warning: `numpy.whl` is missing an upload date\nerror: No solution found")
        if command[1] == "pip":
            self.fetches(Path(command[command.index("--python") + 1]).parent.parent)
        if command[1] == "venv":
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text("an interpreter")
            (python.parent.parent / "pyvenv.cfg").write_text("home = /usr/bin")
        return Completed(0, "", "")


class Workshop:
    """A project with one lockfile, and an empty cache."""

    def __init__(self, root: Path) -> None:
        self.project = paths.Project(root)
        self.cache = paths.Cache(root / "cache")
        self.uv = Uv()
        self.free = PLENTY
        self.said: list[str] = []
        self.project.matrix.write_text(MATRIX)
        self.environment = matrix.load(self.project.matrix).environments["small"]
        self.write(BODY)

    def write(self, body: str, name: str = "small.txt") -> None:
        self.project.lockfiles.mkdir(exist_ok=True)
        content = hashlib.sha256(body.encode()).hexdigest()
        header = f"# pins: {self.environment.digest()}\n# content: {content}\n\n"
        (self.project.lockfiles / name).write_text(header + body)

    def named(self, id: str) -> Environment:
        """Another environment of the same pins, with a large lockfile of its own."""
        self.write(LARGE, f"{id}.txt")
        return self.environment.model_copy(update={"id": id})

    def ensure(self, environment: Environment | None = None) -> install.Installed:
        return install.ensure(
            self.project,
            environment or self.environment,
            self.cache,
            progress=self.said.append,
            run=self.uv,
            free_bytes=lambda _: self.free,
        )

    def refused(self, kind: type[TfparityError]) -> str:
        with pytest.raises(kind) as caught:
            self.ensure()
        assert list(self.cache.environments.glob("[!.]*")) == []
        return str(caught.value)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    return Workshop(tmp_path)


def test_an_install_requires_hashes_and_tools_of_its_day(workshop: Workshop) -> None:
    installed = workshop.ensure()
    make, fill = (" ".join(command[1:]) for command in workshop.uv.commands)
    assert make == f"venv --no-project --python /opt/python3.10 {installed.folder}"
    assert fill.startswith(
        f"pip sync --python {installed.python} --require-hashes --exclude-newer 2023-07-16T00:00:00Z"
    )
    assert fill.endswith("lockfiles/small.txt")
    assert installed.packages == {"numpy": "1.24.3"}


def test_an_index_that_tells_no_days_is_asked_without_a_limit(workshop: Workshop) -> None:
    workshop.uv.knows_days = False
    assert workshop.ensure().folder.is_dir()
    assert "--exclude-newer" not in workshop.uv.commands[-1]
    assert "--require-hashes" in workshop.uv.commands[-1]


def test_another_lock_has_a_folder_of_its_own(workshop: Workshop) -> None:
    installed = workshop.ensure()
    assert installed.lock_sha256 == hashlib.sha256(BODY.encode()).hexdigest()
    workshop.write(BODY.replace("aa", "ab"))
    assert workshop.ensure().folder != installed.folder


@pytest.mark.parametrize(
    ("id", "python", "lock_sha256", "same"),
    [
        ("small", "3.10", "aa", True),
        ("small", "3.9", "aa", False),
        ("small", "3.10", "ab", False),
        ("small", "3.1", "0aa", False),
        ("large", "3.10", "aa", False),
    ],
)
def test_a_folder_is_of_one_environment_one_python_and_one_lock(
    workshop: Workshop, id: str, python: str, lock_sha256: str, same: bool
) -> None:
    def place(id: str, python: str, lock_sha256: str) -> Path:
        environment = workshop.environment.model_copy(update={"id": id, "python": python})
        return install.place(environment, LockStatus("locked", Path(), lock_sha256, {}, None), workshop.cache)

    folder = place(id, python, lock_sha256)
    assert (folder == place("small", "3.10", "aa")) == same
    assert folder.parent == workshop.cache.environments
    assert re.fullmatch(rf"{id}-[0-9a-f]{{12}}", folder.name)


def test_an_install_on_another_python_leaves_the_first_one_alone(workshop: Workshop) -> None:
    first = workshop.ensure()
    workshop.environment = workshop.environment.model_copy(update={"python": "3.9"})
    workshop.write(BODY)
    second = workshop.ensure()
    assert first.lock_sha256 == second.lock_sha256
    assert first.folder != second.folder
    assert all((installed.folder / install.COMPLETE).is_file() for installed in (first, second))


def test_what_is_there_is_not_made_again(workshop: Workshop) -> None:
    first = workshop.ensure()
    workshop.free = 0
    assert workshop.ensure() == first
    assert len(workshop.uv.commands) == 2
    assert len(workshop.said) == 2


def test_an_interrupted_install_is_made_again(workshop: Workshop) -> None:
    folder = workshop.ensure().folder
    (folder / install.COMPLETE).unlink()
    (folder / "left-behind").write_text("")
    workshop.ensure()
    assert (folder / install.COMPLETE).is_file()
    assert not (folder / "left-behind").exists()


def packed(folder: Path) -> Path:
    """An installed package with a list of its files, of which another package brought one too."""
    packages = folder / "lib" / "python3.10" / "site-packages"
    for name, size in (("one", 5), ("other", 9)):
        (packages / f"{name}-1.dist-info").mkdir(parents=True)
        record = f"{name}/__init__.py,sha256=x,4\nshared.py,,{size}\n{name}/made.pyc,,\n{name}-1.dist-info/RECORD,,\n"
        (packages / f"{name}-1.dist-info" / "RECORD").write_text(record)
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text("1234")
    (packages / "shared.py").write_text("12345")
    return packages


#: What a disk, a person or a package that removes too much makes of an environment.
DAMAGES: dict[str, Callable[[Path], object]] = {
    "a module is gone": lambda folder: (packages_of(folder) / "one" / "__init__.py").unlink(),
    "a module is empty": lambda folder: (packages_of(folder) / "one" / "__init__.py").write_text(""),
    "a module is cut off": lambda folder: (packages_of(folder) / "one" / "__init__.py").write_text("12"),
    "a module may not be read": lambda folder: (packages_of(folder) / "one" / "__init__.py").chmod(0),
    "a shared module is gone": lambda folder: (packages_of(folder) / "shared.py").unlink(),
    "a package's folder is gone": lambda folder: shutil.rmtree(packages_of(folder) / "other"),
    "a list is no text": lambda folder: (packages_of(folder) / "one-1.dist-info" / "RECORD").write_bytes(b"\xff,,3"),
    "a list has no sizes": lambda folder: (packages_of(folder) / "one-1.dist-info" / "RECORD").write_text("a,b,c"),
    "the interpreter is gone": lambda folder: (folder / "bin" / "python").unlink(),
    "the interpreter is empty": lambda folder: (folder / "bin" / "python").write_text(""),
    "its settings are gone": lambda folder: (folder / "pyvenv.cfg").unlink(),
    "its settings are empty": lambda folder: (folder / "pyvenv.cfg").write_text(""),
    "the mark is empty": lambda folder: (folder / install.COMPLETE).write_text(""),
    "the mark is null": lambda folder: (folder / install.COMPLETE).write_text("null"),
    "the mark is nested": lambda folder: (folder / install.COMPLETE).write_text("[" * 100_000),
}


def packages_of(folder: Path) -> Path:
    return folder / "lib" / "python3.10" / "site-packages"


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_environment_is_made_again(workshop: Workshop, damage: Callable[[Path], object]) -> None:
    workshop.uv.fetches = packed
    folder = workshop.ensure().folder
    assert len(workshop.uv.commands) == 2
    damage(folder)
    workshop.ensure()
    assert len(workshop.uv.commands) == 4
    assert "damaged, and made again" in workshop.said
    assert intact.damaged(folder) == []


def test_what_stands_beside_an_environments_files_is_no_damage(workshop: Workshop) -> None:
    workshop.uv.fetches = packed
    folder = workshop.ensure().folder
    (packages_of(folder) / "one" / "made.pyc").write_text("")
    (packages_of(folder) / "own.py").write_text("")
    (packages_of(folder) / "shared.py").write_text("123456789")
    workshop.ensure()
    assert len(workshop.uv.commands) == 2


def test_what_was_unlike_its_list_from_the_start_is_no_damage(workshop: Workshop) -> None:
    def odd(folder: Path) -> None:
        (packed(folder) / "one" / "__init__.py").write_text("another")

    workshop.uv.fetches = odd
    folder = workshop.ensure().folder
    assert intact.damaged(folder) == ["lib/python3.10/site-packages/one/__init__.py"]
    workshop.ensure()
    assert len(workshop.uv.commands) == 2


def test_an_environment_of_before_has_nothing_to_be_held_against(workshop: Workshop) -> None:
    workshop.uv.fetches = packed
    folder = workshop.ensure().folder
    (folder / install.COMPLETE).write_text('{"environment": "small", "lock_sha256": "00"}')
    (packages_of(folder) / "shared.py").unlink()
    workshop.ensure()
    assert len(workshop.uv.commands) == 2


def test_too_little_disk_is_refused_with_figures_before_anything_is_fetched(workshop: Workshop) -> None:
    workshop.write("tensorflow==2.12.1 --hash=sha256:aa\ntorch==1.13.1 --hash=sha256:aa\n")
    workshop.free = 2_500_000_000
    said = workshop.refused(DiskError)
    assert "needs 4.7 GB of disk and 2.5 GB are free" in said
    assert "TFPARITY_CACHE" in said
    assert workshop.uv.commands == []


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("error: No space left on device (os error 28)", DiskError, "the disk filled up"),
        ("error: Failed to fetch: `https://index.example/x`\n  cause: dns error", NetworkError, "cannot be reached"),
        ("error: Hash mismatch for `numpy==1.24.3`", NetworkError, "does not give small as small.txt has it"),
        ("error: Failed to download `numpy==1.24.3`\n  cause: Invalid zip file structure", NetworkError, "Invalid zip"),
        ("  cause: Because numpy was not found in the package registry", NetworkError, "does not give small"),
        ("  cause: Because there is no version of numpy==1.24.3", NetworkError, "does not give small"),
        ("error: Received some unexpected JSON from `https://index.example/x`", NetworkError, "unexpected JSON"),
        ("hint: An index (https://index.example/) returned a 403 Forbidden error.", NetworkError, "403 Forbidden"),
        ("error: Failed to build `x==1`\n  cause: gcc failed", InstallError, "gcc failed"),
    ],
)
def test_a_failed_install_leaves_nothing_and_says_why(
    workshop: Workshop, words: str, kind: type[TfparityError], said: str
) -> None:
    workshop.uv.fails["pip"] = words
    message = workshop.refused(kind)
    assert said in message
    assert "example" not in message


@pytest.mark.parametrize("step", ["venv", "pip"])
@pytest.mark.parametrize("status", [-9, -15, -1])
def test_an_install_that_is_killed_is_this_machines(workshop: Workshop, step: str, status: int) -> None:
    workshop.uv.fails[step], workshop.uv.status = "error: Failed to build `x==1`", status
    assert "from outside, while small was installed" in workshop.refused(MachineFault)


def test_a_failed_venv_is_this_machines_without_our_folder(workshop: Workshop) -> None:
    workshop.uv.fails["venv"] = f"error: cannot make {workshop.cache.environments}/small-0123456789ab/bin"
    message = workshop.refused(MachineFault)
    assert str(workshop.cache.environments) not in message


def test_an_unresolvable_environment_is_refused_with_the_resolvers_reason(workshop: Workshop) -> None:
    (workshop.project.lockfiles / "small.txt").unlink()
    workshop.write("No solution found: numpy and numpy\n", "small.unresolvable.txt")
    assert "No solution found: numpy and numpy" in workshop.refused(LockError)


def test_a_missing_or_outdated_lockfile_is_refused_with_the_command_that_makes_it(workshop: Workshop) -> None:
    (workshop.project.lockfiles / "small.txt").write_text("# pins: 0\n\n" + BODY)
    assert "made from other pins than matrix.yaml has: run `nox -s lock`" in workshop.refused(LockError)
    (workshop.project.lockfiles / "small.txt").unlink()
    assert "small.txt is missing: run `nox -s lock`" in workshop.refused(LockError)


def test_a_missing_interpreter_is_said_before_anything_is_made(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(version: str, **_: object) -> Path:
        raise InterpreterError(f"no Python {version}")

    monkeypatch.setattr(interpreters, "find", missing)
    assert workshop.refused(InterpreterError) == "no Python 3.10"
    assert workshop.uv.commands == []


@pytest.mark.parametrize(
    ("id", "measured"), [("tf2.4-torch1.8", 2.93), ("tf2.12-torch1.13", 5.45), ("tf2.15-torch2.15", 7.5)]
)
def test_the_estimate_is_above_what_was_measured_and_below_one_and_a_half_of_it(id: str, measured: float) -> None:
    project = paths.Project(ROOT)
    environment = matrix.load(project.matrix).environments[id]
    told = estimate.installed_gb(lock.status(project, environment).packages)
    assert measured <= told + 0.05 <= 1.5 * measured + 1  # rounded to 0.1


def test_every_figure_for_the_default_toolchain_is_the_measured_one() -> None:
    project = paths.Project(ROOT)
    declared = matrix.load(project.matrix)
    (environment,) = map(declared.environments.get, declared.toolchains[declared.default].environments())
    assert environment is not None
    said = estimate.told(lock.status(project, environment).packages)
    assert re.fullmatch(r"\d+\.\d GB", said), f"not every package of the default was measured: {said}"
    assert f"({said} on disk" in project.readme.read_text(encoding="utf-8")


def test_an_environment_with_packages_never_measured_is_told_at_most() -> None:
    known = {"torch": "2.15.0"}
    assert estimate.told(known) == "1.2 GB"
    assert estimate.told({**known, "made-up": "1.0"}) == "at most 1.2 GB"
    assert estimate.installed_gb({"torch": "9.9"}) == estimate.LARGE_GB["torch"]


def test_sizes_are_measured_of_what_is_there(tmp_path: Path) -> None:
    place = tmp_path / "lib" / "python3.11" / "site-packages"
    (place / "Some_Package-1.0.dist-info").mkdir(parents=True)
    (place / "some" / "__pycache__").mkdir(parents=True)
    (place / "some" / "all.py").write_bytes(b"x" * 2_000_000)
    (place / "some" / "__pycache__" / "all.cpython-311.pyc").write_bytes(b"x" * 1_000_000)
    (place / "others.bin").write_bytes(b"x" * 1_000_000)
    (place / "Some_Package-1.0.dist-info" / "METADATA").write_text("Name: Some_Package\nVersion: 1.0\n")
    (place / "Some_Package-1.0.dist-info" / "RECORD").write_text("some/all.py,,\ngone.py,,\n")
    assert sizes.measure(tmp_path) == {("some-package", "1.0"): pytest.approx(3.0, abs=0.1)}


# Several at once

LARGE = "torch==1.13.1 --hash=sha256:aa\n"

#: Bytes that an install of LARGE may take, and what has to be free for one.
TAKES = int(estimate.installed_gb({"torch": "1.13.1"}) * 1e9)
NEEDED = TAKES + int(install.LEFT_FREE_GB * 1e9)


def both(workshop: Workshop) -> list[install.Installed]:
    environments = [workshop.named(id) for id in ("one", "other")]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(workshop.ensure, environments))


def nothing_is_set_aside(workshop: Workshop) -> bool:
    return list(workshop.cache.environments.glob(".*.room")) == []


def test_two_environments_are_installed_at_once(workshop: Workshop) -> None:
    together = threading.Barrier(2, timeout=10)

    def fetches(_: Path) -> None:
        together.wait()

    workshop.uv.fetches = fetches
    first, second = both(workshop)
    assert first.folder != second.folder
    assert nothing_is_set_aside(workshop)


def test_two_installs_do_not_both_count_on_the_same_room(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "ROOM_SECONDS", 0.01)
    workshop.free = NEEDED + TAKES - 1  # a byte less than both may need
    waiting, fetching = threading.Event(), []

    class Said(list):  # type: ignore[type-arg]
        def append(self, text: str) -> None:
            super().append(text)
            if text.startswith("waiting for other installs"):
                waiting.set()

    def fetches(folder: Path) -> None:
        assert fetching == []
        fetching.append(folder)
        assert waiting.wait(10)
        workshop.free -= TAKES - 1  # what it took was less than estimated
        fetching.remove(folder)

    workshop.said, workshop.uv.fetches = Said(), fetches
    assert len({installed.folder for installed in both(workshop)}) == 2
    assert len([text for text in workshop.said if text.startswith("waiting")]) == 1
    assert nothing_is_set_aside(workshop)


def test_what_others_use_up_meanwhile_is_refused_rather_than_waited_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "ROOM_SECONDS", 0.01)
    workshop.free = NEEDED
    begun = threading.Event()

    def fetches(_: Path) -> None:
        begun.set()
        workshop.free -= 1
        assert refused.wait(10)

    refused = threading.Event()
    workshop.uv.fetches = fetches
    one, other = workshop.named("one"), workshop.named("other")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(workshop.ensure, one)
        assert begun.wait(10)
        with pytest.raises(DiskError, match="other needs"):
            workshop.ensure(other)
        refused.set()
        assert first.result().folder.is_dir()
    assert nothing_is_set_aside(workshop)


def test_a_failed_install_gives_its_room_back(workshop: Workshop) -> None:
    workshop.uv.fails["pip"] = "error: Failed to build `numpy==1.24.3`"
    workshop.refused(InstallError)
    assert nothing_is_set_aside(workshop)


@pytest.mark.parametrize("content", ["1000.0\n", "", "\xff"])
def test_what_a_killed_install_set_aside_is_given_back(workshop: Workshop, content: str) -> None:
    workshop.free = NEEDED
    workshop.cache.environments.mkdir(parents=True)
    (workshop.cache.environments / ".killed-0123.room").write_text(content, encoding="latin-1")
    assert workshop.ensure(workshop.named("one")).folder.is_dir()
    assert nothing_is_set_aside(workshop)


def test_what_another_user_sets_aside_keeps_nobody_waiting(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(FileLock):
        def acquire(self, *given: Any, **named: Any) -> Any:
            if "theirs" in str(self.lock_file):
                raise PermissionError(13, "Permission denied", self.lock_file)
            return super().acquire(*given, **named)

    monkeypatch.setattr(install, "FileLock", Refused)
    workshop.free = NEEDED
    workshop.cache.environments.mkdir(parents=True)
    (workshop.cache.environments / ".theirs-0123.room").write_text("1000.0\n")
    assert workshop.ensure().folder.is_dir()


def test_what_another_process_sets_aside_counts(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.free = NEEDED
    workshop.cache.environments.mkdir(parents=True)
    (workshop.cache.environments / ".theirs-0123.room").write_text("0.1\n")
    theirs = FileLock(workshop.cache.environments / ".theirs-0123.lock")
    theirs.acquire()
    waited: list[float] = []

    def ends(seconds: float) -> None:
        waited.append(seconds)
        assert workshop.uv.commands == []
        theirs.release()

    monkeypatch.setattr(install.time, "sleep", ends)
    assert workshop.ensure(workshop.named("one")).folder.is_dir()
    assert len(waited) == 1


# What is said meanwhile


def test_a_long_install_says_how_far_it_is(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "TOLD_SECONDS", 0.01)
    told = threading.Semaphore(0)

    class Said(list):  # type: ignore[type-arg]
        def append(self, text: str) -> None:
            super().append(text)
            told.release()

    def fetches(folder: Path) -> None:
        for _ in range(2):  # what is done, and that nothing is there yet
            assert told.acquire(timeout=10)
        for name in ("numpy-1.24.3", "wheel-0.40.0"):
            (folder / "lib" / "python3.10" / "site-packages" / f"{name}.dist-info").mkdir(parents=True)
        while not workshop.said[-1].endswith("2 there"):
            assert told.acquire(timeout=10)

    workshop.said, workshop.uv.fetches = Said(), fetches
    workshop.ensure()
    assert workshop.said[0] == "installing 1 packages on Python 3.10"
    assert workshop.said[1] == "installing 1 packages on Python 3.10: fetching, 0 s"
    assert workshop.said[-2:] == ["installing 1 packages on Python 3.10: 2 there", "installed"]


def test_a_failed_install_ends_its_words(workshop: Workshop) -> None:
    workshop.uv.fails["pip"] = "error: Failed to build `numpy==1.24.3`"
    before = threading.active_count()
    workshop.refused(InstallError)
    assert threading.active_count() == before


def test_a_package_under_test_that_does_not_lie_over_says_nothing_of_the_toolchain(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "over", lambda _: (Path("mine.whl"),))

    def uv(command: Sequence[str], **given: object) -> Completed:
        over = Completed(2, "", "error: The wheel is invalid: Missing .dist-info directory")
        return over if "--reinstall" in command else workshop_uv(command, **given)

    workshop_uv, workshop.uv = workshop.uv, uv  # type: ignore[assignment]
    assert "does not install:\nerror: The wheel is invalid" in workshop.refused(PackageError)


def test_a_package_of_another_name_with_the_same_modules_goes_before_the_wheel_comes(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "over", lambda _: (Path("mine.whl"),))
    monkeypatch.setattr(Environment, "given_up", lambda _: ("numpy",))
    workshop.ensure()
    told = [" ".join(command[1:3]) for command in workshop.uv.commands]
    assert told[1:] == ["pip sync", "pip uninstall", "pip install"]
    assert workshop.uv.commands[2][-1] == "numpy"
