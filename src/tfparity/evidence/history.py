"""What became of recorded cells over time, read from the git log of results/: the evidence itself holds one moment."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfparity.paths import Project
from tfparity.records.cells import CellId
from tfparity.records.vocabulary import Verdict

_COMMIT = re.compile(r"\x01([0-9a-f]{40,64}) (\S+)")


@dataclass(frozen=True)
class Change:
    """A cell's verdict from one commit to the next: `was` is None where it was first recorded, `now` where it was
    removed. when: the commit's date, ISO 8601."""

    when: str
    commit: str
    cell: CellId
    was: Verdict | None
    now: Verdict | None


def changes(project: Project) -> tuple[Change, ...]:
    """Every change of a recorded verdict, the oldest first. None where the log does not have them all: outside git, in
    a shallow clone, or where git is not installed."""
    folder = project.results
    if not folder.is_dir() or _git(folder, "rev-parse", "--is-shallow-repository").strip() != b"false":
        return ()
    return tuple(_changes(folder))


def _changes(folder: Path) -> Iterator[Change]:
    before: dict[str, dict[tuple[str, str], Verdict]] = {}
    versions = list(_versions(folder))
    contents = _contents(folder, [f"{commit}:./{name}" for commit, _, name in versions])
    if contents is None:
        return
    for (commit, when, name), content in zip(versions, contents, strict=True):
        now = _verdicts(content)
        if now is None:  # of a form that was never one of ours
            continue
        toolchain = Path(name).stem
        was = before.get(toolchain, {})
        for case, route in sorted({*was, *now}):
            old, new = was.get((case, route)), now.get((case, route))
            if old is not new:
                yield Change(when, commit, CellId(toolchain, case, route), old, new)
        before[toolchain] = now


def _versions(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Commit, date and name of each file of evidence that a commit wrote or removed, the oldest first."""
    log = _git(
        folder,
        "log",
        "--reverse",
        "--first-parent",
        "--no-renames",
        "--diff-merges=first-parent",
        "--format=%x01%H %cI",
        "--name-only",
        "--relative",
        "-z",
        "--",
        ":(glob)*.json",
    )
    commit = when = ""
    for part in log.decode("utf-8", "replace").replace("\n", "\0").split("\0"):
        head = _COMMIT.fullmatch(part)
        if head:
            commit, when = head[1], head[2]
        elif part:
            yield commit, when, part


def _contents(folder: Path, names: Sequence[str]) -> list[bytes] | None:
    """The contents of objects by name; empty where there is none, as of a file that was removed. None where git does
    not have them all, as in a clone without contents."""
    answer = _git(folder, "cat-file", "--batch", input="".join(f"{name}\n" for name in names).encode())
    found, place = [], 0
    for _ in names:
        end = answer.find(b"\n", place)
        if end < 0:
            return None
        head = answer[place:end].split()
        place = end + 1
        size = 0 if head[-1] == b"missing" else int(head[-1])
        found.append(answer[place : place + size])
        place += size + 1 if head[-1] != b"missing" else 0
    return found


def _verdicts(content: bytes) -> dict[tuple[str, str], Verdict] | None:
    """By case and route, of either schema; nothing of a file that is gone."""
    if not content:
        return {}
    try:
        cells = json.loads(content)["cells"]
        return {(str(cell["case"]), str(cell["route"])): Verdict(cell["verdict"]) for cell in cells}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _git(folder: Path, *arguments: str, input: bytes = b"") -> bytes:
    """What git answers in a folder, whatever repository and settings its caller has; nothing where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "-c", "log.showRoot=true", *arguments],
            input=input,
            capture_output=True,
            check=False,
            env=environment,
        )
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""
