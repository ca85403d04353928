"""Lockfiles: made by uv from an environment's pins as the index stood on its day, every file hashed.

`lockfiles/<id>.txt` is what is installed; `lockfiles/<id>.unresolvable.txt` is the resolver's own reason
where nothing can be. Both carry the digest of the pins they were made from, so that a change of
matrix.yaml is seen offline.
"""

from __future__ import annotations

import datetime
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfparity import paths
from tfparity.environments import interpreters, uv_command
from tfparity.environments.uv_command import Completed, Runner
from tfparity.errors import LockError, NetworkError, UsageError
from tfparity.inputs import yaml_input
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.paths import Project

#: What lockfiles are for. Old glibc counts as new here: an environment runs where our side runs.
PLATFORM = "x86_64-manylinux_2_28"

COMMAND = "nox -s lock"

Kind = Literal["locked", "unresolvable", "missing", "outdated"]


@dataclass(frozen=True)
class LockStatus:
    """What is there for an environment, read offline.

    sha256: of the requirement lines, not of the header; of the reason where it is unresolvable; empty where missing.
    packages: name to version. reason: why it is not "locked".
    """

    kind: Kind
    path: Path
    sha256: str
    packages: dict[str, str]
    reason: str | None

    @property
    def unresolvable(self) -> bool:
        """Whether the resolver found no versions that fit; `reason` is its own."""
        return self.kind == "unresolvable"


@dataclass(frozen=True)
class Locked:
    """What locking one environment came to; `changed` where its file is not what it was."""

    environment: str
    kind: Literal["locked", "unresolvable"]
    changed: bool
    reason: str | None


@dataclass(frozen=True)
class Finding:
    """A lockfile that is not as it should be, and why."""

    environment: str
    text: str


def silent(text: str) -> None:
    """Progress that nobody asked for."""


def end_of_day(day: datetime.date) -> str:
    """The first moment after that day in UTC, as uv's --exclude-newer takes it."""
    return f"{day + datetime.timedelta(days=1):%Y-%m-%d}T00:00:00Z"


def lock(
    project: Project,
    matrix: Matrix,
    ids: Iterable[str] | None = None,
    *,
    again: bool = False,
    jobs: int = 1,
    download: bool = False,
    run: Runner = uv_command.run,
    progress: Callable[[str], None] = silent,
) -> list[Locked]:
    """Resolve environments (all, or those of these ids) that have no lockfile that fits their pins, and write it.

    A lockfile that fits stays as it is, and so does a recorded refusal: another resolution would make all evidence of
    the environment stale. With `again` those are resolved too. Without ids, files that no environment owns are removed.

    ids: of environments, runtimes, makers or toolchains. What cannot be resolved is no error: its reason is written.
    Raises UsageError for an unknown id, LockError for a failed build or a day that is not over, InterpreterError and
    NetworkError.
    """
    chosen = _chosen(matrix, ids)
    project.lockfiles.mkdir(exist_ok=True)

    def one(environment: Environment) -> Locked:
        settled = settle(project.lockfiles, environment, again=again, download=download, run=run)
        progress(f"{environment.id}: {settled.kind}{'' if settled.changed else ', as it was'}")
        return settled

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        results = list(pool.map(one, chosen))
    if ids is None:
        for path in _strays(project, matrix):
            paths.discard(path)
    return results


def settle(
    folder: Path,
    environment: Environment,
    *,
    again: bool = False,
    download: bool = False,
    run: Runner = uv_command.run,
) -> Locked:
    """One environment's lockfile in that folder: resolved and written where none fits its pins, or with `again`.

    Raises as `lock`.
    """
    fits = None if again else fitting(folder, environment)
    if fits is not None:
        return Locked(environment.id, "unresolvable" if fits.reason else "locked", False, fits.reason)
    resolved = resolve(environment, download=download, run=run)
    changed = write(folder, environment, resolved)
    return Locked(environment.id, "unresolvable" if resolved.reason else "locked", changed, resolved.reason)


def fitting(folder: Path, environment: Environment) -> LockStatus | None:
    """What that folder has that fits the pins; None where it is missing, outdated or cannot be read."""
    try:
        now = status_in(folder, environment)
    except LockError:
        return None
    return now if now.kind in ("locked", "unresolvable") else None


def check(
    project: Project,
    matrix: Matrix,
    ids: Iterable[str] | None = None,
    *,
    resolve_again: bool = False,
    jobs: int = 1,
    run: Runner = uv_command.run,
) -> list[Finding]:
    """What is wrong with the committed lockfiles. Offline, by digests; with `resolve_again`, through uv too."""
    chosen = _chosen(matrix, ids)
    findings = []
    for environment in chosen:
        now = status(project, environment)
        if now.kind in ("missing", "outdated"):
            findings.append(Finding(environment.id, f"{now.reason}: run `{COMMAND}`"))
    if ids is None:
        owned_by_none = f"no environment of matrix.yaml owns this: run `{COMMAND}`, which removes it"
        findings += [Finding(path.name, owned_by_none) for path in _strays(project, matrix)]
    if resolve_again:
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            for environment, resolved in zip(chosen, pool.map(lambda e: resolve(e, run=run), chosen), strict=True):
                findings += _drift(project, environment, resolved)
    return findings


def status(project: Project, environment: Environment) -> LockStatus:
    """What is there for this environment, in its project or where else its lockfile is; as `status_in`."""
    return status_in(environment.lock_folder(project.lockfiles), environment)


def status_in(folder: Path, environment: Environment) -> LockStatus:
    """What that folder has for this environment. Offline. Raises LockError for a file that cannot be read."""
    locked, reason_file = _paths(folder, environment.id)
    there = [path for path in (locked, reason_file) if path.is_file()]
    if not there:
        return LockStatus("missing", locked, "", {}, f"{locked.name} is missing")
    path = there[0]
    try:
        text = paths.read_text(path)
    except (OSError, UnicodeDecodeError) as unreadable:
        raise LockError(f"{path}: cannot be read: {unreadable}; run `{COMMAND}`") from None
    header, body = _parted(text)
    facts = dict(re.findall(r"^# ([a-z0-9-]+): (.*)$", header, flags=re.MULTILINE))
    sha256 = _sha256(body)
    packages = packages_of(body) if path == locked else {}

    def told(kind: Kind, reason: str | None) -> LockStatus:
        return LockStatus(kind, path, sha256, packages, reason)

    if len(there) > 1:
        return told("outdated", f"both {locked.name} and {reason_file.name} are there")
    if facts.get("pins") != environment.digest():
        return told("outdated", f"{path.name} was made from other pins than matrix.yaml has")
    if facts.get("content") != sha256:
        return told("outdated", f"{path.name} was edited by hand")
    if path == reason_file:
        return told("unresolvable", body.strip())
    return told("locked", None)


@dataclass(frozen=True)
class Resolved:
    """The resolver's answer: requirement lines with hashes, or its reason."""

    requirements: str
    reason: str | None


def resolve(environment: Environment, *, download: bool = False, run: Runner = uv_command.run) -> Resolved:
    """Resolve an environment through uv into a fresh file, which no earlier pin can sway."""
    _over(environment)
    interpreter = interpreters.find(environment.python, download=download, run=run)
    with tempfile.TemporaryDirectory(prefix="tfparity-lock-") as made:
        folder = Path(made)
        pins = "".join(f"{line}\n" for line in environment.asked())
        arguments = _compiling(environment, interpreter)
        if environment.overrides:
            overrides = folder / "overrides.txt"
            overrides.write_text("".join(f"{line}\n" for line in environment.overrides), encoding="utf-8")
            arguments += ["--override", str(overrides)]
        result = folder / "requirements.txt"
        if environment.near():  # uv prefers the versions of the file that it is to write
            result.write_text("".join(f"{line}\n" for line in environment.near()), encoding="utf-8")
        done = run([*arguments, "--generate-hashes", "--output-file", str(result)], stdin=pins, cwd=folder)
        if done.status != 0:
            return Resolved("", _refusal(environment, done.errors, folder, interpreter))
        requirements = result.read_text(encoding="utf-8")
        _hashed(environment, requirements)
        return Resolved(requirements, None)


def _compiling(environment: Environment, interpreter: Path) -> list[str]:
    """Uv's command that resolves what it reads, as that environment's Python and day have it."""
    return [
        *(uv_command.uv(), "pip", "compile", "-", "--python", str(interpreter)),
        *("--python-platform", PLATFORM, "--exclude-newer", end_of_day(environment.as_of)),
        *("--no-header", "--no-annotate"),
    ]


@dataclass(frozen=True)
class Absent:
    """A requirement that the index has nothing for. package: whether it lacks the package itself, else versions;
    newest: of a package that it has the newest release for that Python, if any."""

    requirement: str
    name: str
    package: bool
    newest: str | None = None


def absent(environment: Environment, *, download: bool = False, run: Runner = uv_command.run) -> list[Absent]:
    """What an environment asks for itself that the index does not have on its day, as uv tells of each alone, without
    what that brings. Releases for another Python or system are there. Raises as `lock`."""
    interpreter = interpreters.find(environment.python, download=download, run=run)
    command = [*_compiling(environment, interpreter), "--no-deps"]
    asked = environment.asked()
    found: list[Absent] = []
    for lines in (asked, *([line] for line in asked)):
        done = run(command, stdin="".join(f"{line}\n" for line in lines))
        if done.status == 0 and lines is asked:
            return []  # all are there: it is together that they do not fit
        if done.status and uv_command.unreachable(done.errors):
            raise NetworkError(f"the package index cannot be reached to look for {', '.join(lines)}")
        if done.status and lines is not asked:
            found += _absent(lines[0], done.errors, lambda name: run(command, stdin=f"{name}\n"))
    return found


def _absent(line: str, errors: str, ask: Callable[[str], Completed]) -> Iterator[Absent]:
    """What uv's words say of one requirement."""
    name = str(canonicalize_name(Requirement(line).name))
    lacking = uv_command.absent(errors, name)
    if lacking is not None:
        newest = packages_of(ask(name).output).get(name) if lacking == "versions" else None
        yield Absent(line, name, lacking == "package", newest)


def requirements(locked: LockStatus) -> str:
    """The requirement lines of a lockfile that is there."""
    return _parted(paths.read_text(locked.path))[1]


def packages_of(requirements: str) -> dict[str, str]:
    """Package to version of requirement lines."""
    # Searching for a fixed first character is six times as fast as trying "^" at every one.
    return dict(re.findall(r"\n([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", f"\n{requirements}"))


def _refusal(environment: Environment, errors: str, folder: Path, interpreter: Path) -> str:
    """The resolver's reason, where it is one. Raises NetworkError or LockError where it failed for something else."""
    places = {str(folder): "<tmp>", str(interpreter): "<python>", str(paths.home()): "<home>"}
    reason = uv_command.masked(errors, places)
    # Asked first: offline, uv finds no solution either.
    if uv_command.unreachable(errors):
        raise NetworkError(f"the package index cannot be reached to resolve {environment.id}:\n{reason}")
    if "No solution found" in errors:
        return reason
    raise LockError(f"uv could not resolve {environment.id}:\n{reason}")


def _over(environment: Environment) -> None:
    """Refuse a day that is not over: what is uploaded until its end would change the answer."""
    if datetime.datetime.now(datetime.UTC).date() <= environment.as_of:
        raise LockError(
            f"{environment.id}: its as-of day {environment.as_of} is not over in UTC, so a lock could change"
        )


def _hashed(environment: Environment, requirements: str) -> None:
    for entry in re.split(r"(?<!\\)\n", requirements.strip()):
        if "--hash=sha256:" not in entry:
            raise LockError(f"uv gave no hash in {environment.id} for {entry.split()[0] if entry else 'any package'}")


def write(folder: Path, environment: Environment, resolved: Resolved) -> bool:
    """Put the answer in its place; whether a file is now another than before."""
    locked, reason_file = _paths(folder, environment.id)
    path, other = (reason_file, locked) if resolved.reason else (locked, reason_file)
    body = (resolved.reason or resolved.requirements).strip() + "\n"
    header = [
        f"# Made by `{COMMAND}` from matrix.yaml: change it there."
        if environment.published
        else "# Made for pins that no matrix.yaml names: of this machine's cache, never committed.",
        f"# environment: {environment.id}",
        f"# python: {environment.python} on {PLATFORM}",
        f"# as-of: {environment.as_of.isoformat()}",
        f"# pins: {environment.digest()}",
        f"# content: {_sha256(body)}",
    ]
    text = "\n".join([*header, "", body])
    changed = other.exists() or not path.exists() or paths.read_bytes(path) != text.encode()
    if changed:
        paths.write_text(path, text)
        other.unlink(missing_ok=True)
    return changed


def _drift(project: Project, environment: Environment, resolved: Resolved) -> list[Finding]:
    now = status(project, environment)
    if now.kind in ("missing", "outdated"):
        return []
    if (resolved.reason is None) != (now.kind == "locked"):
        was, became = ("resolved", "no longer does") if resolved.reason else ("could not be resolved", "now can")
        return [Finding(environment.id, f"{was} when it was locked and {became}")]
    if resolved.reason is not None:
        return []
    new = packages_of(resolved.requirements)
    changes = [
        f"{name} {now.packages.get(name, 'absent')} is now {new.get(name, 'absent')}"
        for name in sorted({*now.packages, *new})
        if now.packages.get(name) != new.get(name)
    ]
    if not changes and _sha256(resolved.requirements.strip() + "\n") != now.sha256:
        changes = ["the same versions have other hashes"]
    return [Finding(environment.id, f"resolves otherwise: {', '.join(changes)}")] if changes else []


def _chosen(matrix: Matrix, ids: Iterable[str] | None) -> list[Environment]:
    if ids is None:
        return list(matrix.locked.values())
    wanted: list[str] = []
    for id in ids:
        if id in matrix.toolchains:
            wanted += matrix.toolchains[id].environments()
        elif id in matrix.locked:
            wanted.append(id)
        else:
            guess = yaml_input.did_you_mean(id, {*matrix.locked, *matrix.toolchains})
            raise UsageError(f"matrix.yaml has no environment, runtime, maker or toolchain {id!r}{guess}")
    return [matrix.locked[id] for id in dict.fromkeys(wanted)]


def _paths(folder: Path, id: str) -> tuple[Path, Path]:
    return folder / f"{id}.txt", folder / f"{id}.unresolvable.txt"


def _strays(project: Project, matrix: Matrix) -> Sequence[Path]:
    owned = {path.name for id in matrix.locked for path in _paths(project.lockfiles, id)}
    return sorted(path for path in project.lockfiles.glob("*.txt") if path.name not in owned)


def _parted(text: str) -> tuple[str, str]:
    """Header (comment lines at the top) and body."""
    lines = text.splitlines(keepends=True)
    end = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:end]), "".join(lines[end:]).lstrip("\n")


def _sha256(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8")).hexdigest()
