"""Lockfiles: what is asked of uv, what is written, and what a check finds offline."""

import datetime
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.environments import interpreters, lock
from tfparity.environments.uv_command import Completed, masked
from tfparity.errors import LockError, NetworkError, UsageError
from tfparity.inputs import matrix

ROOT = paths.PACKAGE.parent.parent

MATRIX = """\
schema: 1
default: old
environments:
  - {id: torch-side, python: "3.11", as-of: 2023-07-15, pins: {torch: 2.0.1}}
  - {id: tensorflow-side, python: "3.11", as-of: 2023-07-15, pins: {tensorflow: 2.12.1}}
toolchains:
  - id: old
    python: "3.10"
    as-of: 2023-07-15
    pins: {torch: 1.13.1, numpy: 1.24.3}
    overrides: ["tensorflow-addons; python_version < '3'"]
  - {id: split, source: torch-side, routes: {onnx-tf: tensorflow-side}}
"""

LINES = "numpy==1.24.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\ntorch==1.13.1 \\\n    --hash=sha256:cc\n"

NO_SOLUTION = """\
error: No solution found when resolving dependencies
  cause: Because tensorflow==2.11.0 depends on protobuf>=3.9.2,<3.20 and onnx>=1.13.0 depends on protobuf>=3.20.2,<4, \
we can conclude that onnx>=1.13.0 and tensorflow==2.11.0 are incompatible.
"""


class Uv:
    """uv as planned: what it resolves to, or how it fails; keeps what it was asked."""

    def __init__(self) -> None:
        self.lines = LINES
        self.failure: str | None = None
        self.commands: list[list[str]] = []
        self.inputs: list[str] = []
        self.overrides: list[str] = []
        self.found_before: list[bool] = []

    def __call__(self, command: Sequence[str], *, stdin: str = "", **_: object) -> Completed:
        self.commands.append(list(command))
        self.inputs.append(stdin)
        if "--override" in command:
            self.overrides.append(Path(command[command.index("--override") + 1]).read_text())
        if self.failure is not None:
            return Completed(1, "", self.failure)
        output = Path(command[command.index("--output-file") + 1])
        self.found_before.append(output.exists())
        output.write_text(self.lines)
        return Completed(0, "", "Resolved 2 packages in 1ms\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> paths.Project:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    return paths.Project(tmp_path)


def declared(project: paths.Project) -> matrix.Matrix:
    return matrix.load(project.matrix)


def locked(project: paths.Project, uv: Uv, *ids: str, again: bool = False) -> list[lock.Locked]:
    return lock.lock(project, declared(project), ids or None, again=again, run=uv)


def contents(project: paths.Project) -> dict[str, tuple[int, bytes]]:
    """Every lockfile: its inode, which a rewrite changes, and its bytes."""
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in project.lockfiles.iterdir()}


def status(project: paths.Project, id: str = "old") -> lock.LockStatus:
    return lock.status(project, declared(project).environments[id])


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_day_ends_in_utc_when_the_next_begins() -> None:
    assert lock.end_of_day(datetime.date(2023, 12, 31)) == "2024-01-01T00:00:00Z"


def test_uv_resolves_the_pins_as_of_the_end_of_the_day_into_a_fresh_hashed_file(project: paths.Project) -> None:
    uv = Uv()
    locked(project, uv, "old")
    locked(project, uv, "old", again=True)
    command = " ".join(uv.commands[0][1:])
    assert command.startswith("pip compile - --python /opt/python3.10 ")
    assert "--exclude-newer 2023-07-16T00:00:00Z" in command
    assert "--generate-hashes" in command
    assert f"--python-platform {lock.PLATFORM}" in command
    assert uv.inputs == ["torch==1.13.1\nnumpy==1.24.3\n"] * 2
    assert uv.overrides == ["tensorflow-addons; python_version < '3'\n"] * 2
    assert uv.found_before == [False, False]


def test_a_lockfile_says_its_command_its_day_and_the_digest_of_its_pins(project: paths.Project) -> None:
    locked(project, Uv(), "old")
    text = (project.lockfiles / "old.txt").read_text()
    assert "`nox -s lock`" in text
    assert "# as-of: 2023-07-15\n" in text
    assert f"# pins: {declared(project).environments['old'].digest()}\n" in text
    assert text.endswith(LINES)
    assert [path.name for path in project.lockfiles.iterdir()] == ["old.txt"]


def test_a_locked_environment_is_known_by_its_requirement_lines(project: paths.Project) -> None:
    locked(project, Uv(), "old")
    first = status(project)
    assert first.kind == "locked"
    assert first.packages == {"numpy": "1.24.3", "torch": "1.13.1"}
    assert first.reason is None
    rewrite(project.lockfiles / "old.txt", "from matrix.yaml", "from matrix.yaml, really")
    assert status(project) == first


def test_an_answer_without_hashes_is_refused(project: paths.Project) -> None:
    uv = Uv()
    uv.lines = "numpy==1.24.3 \\\n    --hash=sha256:aa\ntorch==1.13.1\n"
    with pytest.raises(LockError, match=r"no hash in old for torch==1\.13\.1"):
        locked(project, uv, "old")
    assert list(project.lockfiles.iterdir()) == []


def test_resolving_again_to_the_same_changes_nothing(project: paths.Project) -> None:
    assert [result.changed for result in locked(project, Uv())] == [True] * 3
    uv = Uv()
    assert [result.changed for result in locked(project, uv, again=True)] == [False] * 3
    assert len(uv.commands) == 3


NEW = """\
  - {id: mine, source: torch-side, routes: {onnx-tf: new-side}}
environments:
  - {id: new-side, python: "3.11", as-of: 2023-07-15, pins: {tensorflow: 2.13.0}}
"""


@pytest.mark.parametrize("ids", [(), ("split",), ("old", "torch-side", "tensorflow-side")])
def test_what_fits_its_pins_stays_as_it_is_and_is_not_even_resolved(
    project: paths.Project, monkeypatch: pytest.MonkeyPatch, ids: tuple[str, ...]
) -> None:
    locked(project, Uv())
    before = contents(project)
    monkeypatch.setattr(interpreters, "find", lambda *_, **__: pytest.fail("an interpreter was looked for"))
    uv, said = Uv(), []
    uv.lines = LINES.replace("1.24.3", "1.24.4")
    results = lock.lock(project, declared(project), ids or None, run=uv, progress=said.append)
    assert [(result.kind, result.changed) for result in results] == [("locked", False)] * len(results)
    assert all(line.endswith(": locked, as it was") for line in said)
    assert uv.commands == []
    assert contents(project) == before


def test_a_new_toolchain_over_committed_environments_touches_none_of_their_lockfiles(project: paths.Project) -> None:
    locked(project, Uv())
    before = contents(project)
    rewrite(project.matrix, "environments:\n", "environments:\n" + NEW.partition("environments:\n")[2])
    project.matrix.write_text(project.matrix.read_text() + NEW.partition("environments:\n")[0])
    uv = Uv()
    uv.lines = LINES.replace("1.24.3", "1.24.4")  # what the index would say now
    results = locked(project, uv, "mine")
    assert [(result.environment, result.changed) for result in results] == [("torch-side", False), ("new-side", True)]
    after = contents(project)
    assert after.pop("new-side.txt")
    assert after == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda project: (project.lockfiles / "old.txt").unlink(),
        lambda project: rewrite(project.matrix, "numpy: 1.24.3", "numpy: 1.24.4"),
        lambda project: rewrite(project.lockfiles / "old.txt", "sha256:bb", "sha256:bc"),
        lambda project: (project.lockfiles / "old.txt").write_bytes(b"\xff\xfe"),
        lambda project: (project.lockfiles / "old.unresolvable.txt").write_text("no\n"),
    ],
    ids=["missing", "other pins", "edited by hand", "no text", "beside a refusal"],
)
def test_what_does_not_fit_is_resolved_and_nothing_else(
    project: paths.Project, spoil: Callable[[paths.Project], object]
) -> None:
    locked(project, Uv())
    before = contents(project)
    spoil(project)
    uv = Uv()
    assert [result.changed for result in locked(project, uv)] == [False, False, True]
    assert [words.partition("==")[0] for words in uv.inputs] == ["torch"]
    after = contents(project)
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in after if name != "old.txt")
    assert lock.check(project, declared(project)) == []


def test_again_resolves_what_is_named_and_nothing_else(project: paths.Project) -> None:
    locked(project, Uv())
    before = contents(project)
    uv = Uv()
    uv.lines = LINES.replace("1.24.3", "1.24.4")
    assert [result.changed for result in locked(project, uv, "split", again=True)] == [True, True]
    assert {name for name, now in contents(project).items() if now != before[name]} == {
        "torch-side.txt",
        "tensorflow-side.txt",
    }


def test_a_recorded_refusal_that_fits_stays_until_it_is_asked_again(project: paths.Project) -> None:
    uv = Uv()
    uv.failure = NO_SOLUTION
    locked(project, uv, "old")
    (kept,) = locked(project, Uv(), "old")
    assert (kept.kind, kept.changed, kept.reason) == ("unresolvable", False, NO_SOLUTION.strip())
    (asked,) = locked(project, Uv(), "old", again=True)
    assert (asked.kind, asked.changed) == ("locked", True)


def test_what_cannot_be_resolved_leaves_the_resolvers_reason_in_place_of_the_lock(project: paths.Project) -> None:
    locked(project, Uv(), "old")
    uv = Uv()
    uv.failure = "Using CPython 3.10.13\n" + NO_SOLUTION
    (result,) = locked(project, uv, "old", again=True)
    assert (result.kind, result.changed) == ("unresolvable", True)
    assert [path.name for path in project.lockfiles.iterdir()] == ["old.unresolvable.txt"]
    now = status(project)
    assert now.kind == "unresolvable"
    assert now.reason == NO_SOLUTION.strip()
    assert now.packages == {}
    assert locked(project, Uv(), "old", again=True)[0].kind == "locked"
    assert [path.name for path in project.lockfiles.iterdir()] == ["old.txt"]


@pytest.mark.parametrize(
    "words",
    [
        "error: Failed to fetch: `https://index.example/simple/numpy/`\n  cause: Connection refused (os error 111)",
        "error: No solution found when resolving dependencies\nhint: unavailable because the network was disabled.",
    ],
)
def test_an_index_that_does_not_answer_is_not_taken_for_its_answer(project: paths.Project, words: str) -> None:
    uv = Uv()
    uv.failure = words
    with pytest.raises(NetworkError) as caught:
        locked(project, uv, "old")
    assert "example" not in str(caught.value)
    assert list(project.lockfiles.iterdir()) == []


def test_a_build_that_fails_says_something_of_the_machine_and_is_no_result(project: paths.Project) -> None:
    uv = Uv()
    uv.failure = "error: Failed to build `old-thing==1.0`\n  cause: gcc failed"
    with pytest.raises(LockError, match="could not resolve old"):
        locked(project, uv, "old")


def test_a_day_that_is_not_over_is_refused(project: paths.Project) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    rewrite(project.matrix, "as-of: 2023-07-15\n", f"as-of: {today + datetime.timedelta(days=1)}\n")
    uv = Uv()
    with pytest.raises(LockError, match="is not over in UTC"):
        locked(project, uv, "old")
    assert uv.commands == []


def test_a_toolchains_id_stands_for_its_environments(project: paths.Project) -> None:
    assert [result.environment for result in locked(project, Uv(), "split")] == ["torch-side", "tensorflow-side"]


def test_an_unknown_id_is_refused_with_a_guess(project: paths.Project) -> None:
    with pytest.raises(UsageError, match="'splitt', did you mean 'split'"):
        locked(project, Uv(), "splitt")


def test_a_check_of_what_was_just_locked_finds_nothing(project: paths.Project) -> None:
    locked(project, Uv())
    assert lock.check(project, declared(project)) == []


def test_a_check_finds_a_missing_lockfile(project: paths.Project) -> None:
    locked(project, Uv(), "split")
    (finding,) = lock.check(project, declared(project))
    assert (finding.environment, finding.text) == ("old", "old.txt is missing: run `nox -s lock`")


@pytest.mark.parametrize(
    ("old", "new"),
    [("numpy: 1.24.3", "numpy: 1.24.4"), ('"3.10"', '"3.9"'), ("as-of: 2023-07-15\n", "as-of: 2023-07-16\n")],
)
def test_a_check_finds_a_lockfile_of_other_pins(project: paths.Project, old: str, new: str) -> None:
    locked(project, Uv())
    rewrite(project.matrix, old, new)
    (finding,) = lock.check(project, declared(project))
    assert finding.environment == "old"
    assert "made from other pins" in finding.text
    assert status(project).kind == "outdated"


def test_a_check_finds_a_lockfile_that_was_edited_by_hand(project: paths.Project) -> None:
    locked(project, Uv())
    rewrite(project.lockfiles / "old.txt", "sha256:bb", "sha256:bc")
    (finding,) = lock.check(project, declared(project))
    assert "old.txt was edited by hand" in finding.text


def test_a_lockfile_that_is_no_text_is_refused_and_locking_replaces_it(project: paths.Project) -> None:
    locked(project, Uv())
    path = status(project).path
    before = path.read_bytes()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LockError, match=r"old\.txt: cannot be read: .*; run `nox -s lock`"):
        status(project)
    locked(project, Uv())
    assert path.read_bytes() == before
    assert sorted(other.name for other in path.parent.iterdir() if other.name.startswith(".")) == []


@pytest.mark.parametrize("put", [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_a_check_finds_files_that_no_environment_owns_and_locking_removes_them(
    project: paths.Project, put: Callable[[Path], object]
) -> None:
    locked(project, Uv())
    put(project.lockfiles / "gone.txt")
    (finding,) = lock.check(project, declared(project))
    assert (finding.environment, "run `nox -s lock`, which removes it" in finding.text) == ("gone.txt", True)
    locked(project, Uv())
    assert not os.path.lexists(project.lockfiles / "gone.txt")


def test_a_lock_beside_its_own_refusal_is_found(project: paths.Project) -> None:
    locked(project, Uv())
    (project.lockfiles / "old.unresolvable.txt").write_text("no\n")
    (finding,) = lock.check(project, declared(project))
    assert "both old.txt and old.unresolvable.txt" in finding.text


def test_resolving_again_tells_what_moved(project: paths.Project) -> None:
    locked(project, Uv())
    uv = Uv()
    assert lock.check(project, declared(project), resolve_again=True, run=uv) == []
    uv.lines = LINES.replace("numpy==1.24.3", "numpy==1.24.4") + "wheel==0.40.0 \\\n    --hash=sha256:dd\n"
    (finding,) = lock.check(project, declared(project), ["old"], resolve_again=True, run=uv)
    assert finding.text == "resolves otherwise: numpy 1.24.3 is now 1.24.4, wheel absent is now 0.40.0"


def test_resolving_again_tells_of_other_files_under_the_same_versions(project: paths.Project) -> None:
    locked(project, Uv())
    uv = Uv()
    uv.lines = LINES.replace("sha256:bb", "sha256:be")
    (finding,) = lock.check(project, declared(project), ["old"], resolve_again=True, run=uv)
    assert "other hashes" in finding.text


def test_resolving_again_tells_what_no_longer_resolves_and_what_now_does(project: paths.Project) -> None:
    locked(project, Uv())
    uv = Uv()
    uv.failure = NO_SOLUTION
    (finding,) = lock.check(project, declared(project), ["old"], resolve_again=True, run=uv)
    assert finding.text == "resolved when it was locked and no longer does"
    locked(project, uv, "old", again=True)
    assert lock.check(project, declared(project), ["old"], resolve_again=True, run=uv) == []
    (finding,) = lock.check(project, declared(project), ["old"], resolve_again=True, run=Uv())
    assert finding.text == "could not be resolved when it was locked and now can"


def test_words_of_uv_are_kept_without_hosts_and_paths() -> None:
    words = (
        "\x1b[31merror\x1b[0m: Failed to fetch: `https://user:secret@index.example:8443/simple/x/`\n"
        "Resolved 3 packages in 2ms\n\n"
        "  cause: /home/somebody/.cache/uv/x.whl and /tmp/abc/in.txt want a>=1,<2 or 127.0.0.1:9\n"
    )
    assert masked(words, {"/tmp/abc": "<tmp>"}) == (
        "error: Failed to fetch: `<address>`\n  cause: <path> and <tmp>/in.txt want a>=1,<2 or <address>"
    )


def test_the_committed_lockfiles_fit_the_matrix_and_the_check_takes_less_than_a_second() -> None:
    project = paths.Project(ROOT)
    begun = time.perf_counter()
    assert lock.check(project, declared(project)) == []
    assert time.perf_counter() - begun < 1


def test_every_committed_lock_is_hashed_pins_what_the_matrix_says_and_names_no_address() -> None:
    project = paths.Project(ROOT)
    for environment in declared(project).environments.values():
        now = lock.status(project, environment)
        text = now.path.read_text()
        assert "://" not in text
        assert " @ " not in text
        if now.kind == "locked":
            assert environment.pins.items() <= now.packages.items(), environment.id
            assert text.count("\n    --hash=sha256:") >= len(now.packages)
            entries = text.replace("\\\n", "").splitlines()
            assert all("--hash=" in entry for entry in entries if entry and not entry.startswith("#"))
        else:
            assert now.kind == "unresolvable"
            assert "No solution found" in (now.reason or "")


def test_what_is_known_not_to_resolve_is_recorded_so() -> None:
    project = paths.Project(ROOT)
    kinds = {id: lock.status(project, environment).kind for id, environment in declared(project).environments.items()}
    unresolvable = {id for id, kind in kinds.items() if kind == "unresolvable"}
    assert unresolvable == {"tf2.11-onnx1.13", "tf2.15-onnx1.19", "target-onnx2tf1.29-tf2.21"}
