"""Wheels of a package under test: read, held against a Python, or built of a folder or an archive of sources."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from filelock import FileLock
from packaging import tags
from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from tfparity import paths
from tfparity.environments import interpreters, uv_command
from tfparity.environments.lock import silent
from tfparity.environments.uv_command import Runner
from tfparity.errors import NetworkError, PackageError
from tfparity.paths import Cache

#: What builds a wheel, one of which a folder of sources has.
PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")

#: Folders that are no sources, wherever they are: what tools leave there, so that running them makes no other package.
NO_SOURCES = (
    *(".git", ".hg", ".svn", ".nox", ".tox", ".venv", ".eggs"),
    *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
)

#: The same beside the project file alone: further down a package may have that name.
NO_SOURCES_AT_THE_TOP = ("build", "dist", "venv", "node_modules")

#: What a wheel's dist-info folder holds at least.
PARTS = ("METADATA", "WHEEL", "RECORD")

#: What Python's zip reader raises for a file that is damaged, or no zip file at all.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, UnicodeDecodeError),
    *(OSError, EOFError, NotImplementedError, RuntimeError, OverflowError, ValueError),
)

#: Where a source archive ends.
ARCHIVES = (".tar.gz", ".zip")


@dataclass(frozen=True)
class Wheel:
    """A wheel in the cache. digest: sha256 of the wheel, or of the sources that it was built of; what: "wheel" or
    "sources"; asks: its own requirements."""

    name: str
    version: str
    file: Path
    digest: str
    what: str
    asks: tuple[Requirement, ...]

    def lacks(self, packages: Mapping[str, str], python: str) -> list[str]:
        """What it asks for that an environment of these packages does not hold."""
        found = []
        for asked in self.asks:
            if not _applies(asked, python):
                continue
            held = packages.get(canonicalize_name(asked.name))
            if held is None or not asked.specifier.contains(held, prereleases=True):
                found.append(f"{asked.name}{asked.specifier} ({held or 'none'} is there)")
        return found


#: Bytes of a wheel or an archive of sources: the largest of torch take 3 GB.
LARGEST = 4 * 2**30


def of_file(file: Path, name: str, cache: Cache) -> Wheel:
    """That wheel, copied into the cache by its content. Raises PackageError where it is none, or another package's."""
    try:
        data = paths.read_bytes(file, LARGEST)
    except OSError as wrong:
        raise PackageError(f"{file}: cannot be read: {wrong.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    found = _read(file, name, digest, "wheel")
    kept = cache.adhoc / "wheels" / digest / file.name
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        paths.write_bytes(kept, data)
    return Wheel(found.name, found.version, kept, digest, "wheel", found.asks)


def digest_of(sources: Path, run: Runner = uv_command.run) -> str:
    """sha256 of an archive, or of the files of a folder of sources by name and content, links followed, and of what git
    says its version is. Raises PackageError where it is no project."""
    if sources.is_file():
        try:
            paths.look_at(sources, LARGEST)
        except OSError as wrong:
            raise PackageError(f"{sources}: cannot be read: {wrong.strerror}") from None
        return paths.digest([sources])
    if not any((sources / name).is_file() for name in PROJECTS):
        raise PackageError(f"{sources}: is no Python project: it has none of {', '.join(PROJECTS)}")
    files = paths.digest(_sources(sources), sources)
    tagged = _tagged(sources, run)
    return hashlib.sha256(f"{files}\n{tagged}".encode()).hexdigest() if tagged else files


def built(
    sources: Path,
    name: str,
    python: str,
    cache: Cache,
    *,
    run: Runner = uv_command.run,
    download: bool = False,
    progress: Callable[[str], None] = silent,
) -> Wheel:
    """The wheel that this Python builds of a folder or an archive of sources, built once for each content, of a copy.

    Raises PackageError where it is no project, does not build or is another package's, NetworkError and
    InterpreterError.
    """
    digest = digest_of(sources, run)
    folder = cache.adhoc / "wheels" / f"{digest}-py{python}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        made = sorted(folder.glob("*.whl"))
        if not made:
            progress(f"building {name} of {sources}")
            made = [_build(sources, folder, python, run, download=download)]
    return _read(made[0], name, digest, "sources", sources)


def _build(sources: Path, folder: Path, python: str, run: Runner, *, download: bool) -> Path:
    interpreter = interpreters.find(python, download=download, run=run)
    with tempfile.TemporaryDirectory(prefix="tfparity-build-") as made:
        copy, out = Path(made) / (sources.name or "sources"), Path(made) / "out"
        if sources.is_file():
            shutil.copy(sources, copy)
        else:  # what a build leaves beside its sources stays out of a person's own folder
            _copy(sources, copy)
        words = ["build", "--wheel", "--no-create-gitignore", "--python", str(interpreter), "--out-dir", str(out)]
        done = run([uv_command.uv(), *words, str(copy)])
        wheels = sorted(out.glob("*.whl"))
        if done.status != 0 or len(wheels) != 1:
            said = uv_command.masked(done.errors, {made: "<tmp>", str(paths.home()): "<home>"})
            if uv_command.unreachable(done.errors):
                raise NetworkError(f"the package index cannot be reached to build {sources}:\n{said}")
            raise PackageError(f"{sources}: does not build to a wheel by Python {python}:\n{_last(said)}")
        place = folder / wheels[0].name
        paths.write_bytes(place, wheels[0].read_bytes())
        return place


def refuse_another_python(wheel: Wheel, python: str, environment: str) -> None:
    """Raises PackageError where the wheel is not for an environment of that Python on this machine."""
    supported = _supported(python)
    made_for = parse_wheel_filename(wheel.file.name)[3]
    if supported.isdisjoint(made_for):
        names = ", ".join(sorted(str(tag) for tag in made_for)[:3])
        raise PackageError(
            f"{wheel.file.name} is for {names}, and {environment} is Python {python} on this machine: build it for that"
        )
    allowed = _metadata(wheel.file)[3]
    if allowed and not allowed.contains(f"{python}.99", prereleases=True):
        raise PackageError(f"{wheel.file.name} is for Python {allowed}, and {environment} is Python {python}")


def _supported(python: str) -> set[tags.Tag]:
    major, minor = map(int, python.split("."))
    platforms = list(tags.platform_tags())
    own = tags.cpython_tags((major, minor), platforms=platforms)
    return {*own, *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms)}


def _read(file: Path, name: str, digest: str, what: str, shown: Path | None = None) -> Wheel:
    shown = shown or file
    try:
        called, version, _, _ = parse_wheel_filename(file.name)
    except InvalidWheelFilename as wrong:
        raise PackageError(f"{shown}: is no wheel's name: {wrong}") from None
    own, own_version, asks, _ = _metadata(file)
    if own != called or own_version != version:
        raise PackageError(
            f"{shown}: its name says {called} {version}, and its METADATA {own} {own_version}: build it again"
        )
    if name != own:
        raise PackageError(f"{shown}: is the package {own}, not {name}: write --with {own}={shown}")
    return Wheel(name, str(version), file, digest, what, asks)


def _metadata(file: Path) -> tuple[str, Version, tuple[Requirement, ...], SpecifierSet | None]:
    """A wheel's name, version, requirements and Pythons. Raises PackageError for what is no whole wheel.
    https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""
    text = _text(file)
    try:
        head = HeaderParser().parsestr(text)
        asks = tuple(Requirement(line) for line in head.get_all("Requires-Dist") or ())
        for one in asks:
            _applies(one, "3.11")  # any: what cannot be compared by one Python can't by another
        pythons = head.get("Requires-Python")
        version = Version(head.get("Version", ""))
        return canonicalize_name(head.get("Name", "")), version, asks, SpecifierSet(pythons) if pythons else None
    except (InvalidRequirement, InvalidSpecifier, InvalidVersion) as wrong:
        raise PackageError(f"{file}: its METADATA cannot be read: {str(wrong).splitlines()[0]}") from None
    except (UndefinedComparison, UndefinedEnvironmentName) as wrong:
        raise PackageError(f"{file}: its METADATA has a marker that says nothing: {wrong}") from None


def _text(file: Path) -> str:
    """A wheel's METADATA. Raises PackageError for what is no whole wheel."""
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            names = set(archive.namelist())
            (folder, *more) = {one.split("/")[0] for one in names if _is_metadata(one)} or {""}
            lacks = [part for part in PARTS if f"{folder}/{part}" not in names]
            text = "" if damaged or lacks or more else archive.read(f"{folder}/METADATA").decode(errors="replace")
    except UNREADABLE as wrong:
        raise PackageError(f"{file}: is no wheel, or is cut off: {wrong}") from None
    if damaged:
        raise PackageError(f"{file}: is no whole wheel: {damaged} is damaged")
    if lacks or more:
        said = "several packages' METADATA" if more else f"no {lacks[0]}"
        raise PackageError(f"{file}: is no whole wheel: {said}")
    return text


def _is_metadata(name: str) -> bool:
    return name.endswith(".dist-info/METADATA") and name.count("/") == 1


def _applies(asked: Requirement, python: str) -> bool:
    """Whether a requirement is one on that Python (its newest release) and this machine. Raises what
    packaging.markers raises."""
    facts = {"python_version": python, "python_full_version": f"{python}.99", "extra": ""}
    return asked.marker is None or asked.marker.evaluate(facts)


def _sources(folder: Path) -> Iterator[Path]:
    """The files of a folder of sources, in order, links followed; a link to a folder that it is in leads nowhere."""
    found = []
    above: dict[Path, tuple[str, ...]] = {folder: (os.path.realpath(folder),)}
    for name, folders, files in os.walk(folder, followlinks=True):
        place = Path(name)
        real = above.pop(place)
        for one in list(folders):
            target = os.path.realpath(place / one)
            if target in real or _is_no_source(one, at_the_top=len(real) == 1):
                folders.remove(one)
            else:
                above[place / one] = (*real, target)
        found += [place / one for one in files if one != ".git"]
    return (file for file in sorted(found) if file.is_file())


def _is_no_source(name: str, *, at_the_top: bool) -> bool:
    return name in NO_SOURCES or name.endswith(".egg-info") or (at_the_top and name in NO_SOURCES_AT_THE_TOP)


def _copy(sources: Path, to: Path) -> None:
    """Copy what `digest_of` looks at, and .git, which may tell the version."""
    for file in _sources(sources):
        place = to / file.relative_to(sources)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
    git = sources / ".git"
    if git.is_dir():
        shutil.copytree(git, to / ".git", symlinks=True)
    elif git.is_file():  # of a worktree
        shutil.copy2(git, to / ".git")


def _tagged(sources: Path, run: Runner) -> str:
    """What git tells a build of a folder's version: the commit and the tags that lead to it; empty without git."""
    git = shutil.which("git")
    if git is None or not (sources / ".git").exists():
        return ""
    own = [git, "--no-optional-locks", "-C", str(sources)]
    asked = (
        ["describe", "--always", "--dirty", "--tags", "--long"],
        ["for-each-ref", "--merged", "HEAD", "--format", "%(objectname) %(refname)", "refs/tags"],
    )
    told = [run([*own, *words]) for words in asked]
    return "".join(one.output for one in told if one.status == 0)


def _last(text: str) -> str:
    """The last lines of what a build said."""
    return "\n".join(text.splitlines()[-12:])
