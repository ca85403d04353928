"""Wheels of a package under test: read, held against a Python, or built of a folder or an archive of sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from filelock import FileLock
from packaging import tags
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from tfparity import paths
from tfparity.environments import interpreters, uv_command
from tfparity.environments.lock import silent
from tfparity.environments.uv_command import Runner
from tfparity.errors import NetworkError, PackageError
from tfparity.paths import Cache

#: What builds a wheel, one of which a folder of sources has.
PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")

#: Names of folders that are no sources: what tools leave there, so that running them makes no other package.
NO_SOURCES = (
    *(".git", ".hg", ".svn", ".nox", ".tox", ".venv", "venv", "build", "dist", "node_modules"),
    *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".eggs"),
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
            if asked.marker and not asked.marker.evaluate({"python_version": python, "extra": ""}):
                continue
            held = packages.get(canonicalize_name(asked.name))
            if held is None or not asked.specifier.contains(held, prereleases=True):
                found.append(f"{asked.name}{asked.specifier} ({held or 'none'} is there)")
        return found


def of_file(file: Path, name: str, cache: Cache) -> Wheel:
    """That wheel, copied into the cache by its content. Raises PackageError where it is none, or another package's."""
    try:
        data = file.read_bytes()
    except OSError as wrong:
        raise PackageError(f"{file}: cannot be read: {wrong.strerror}") from None
    digest = hashlib.sha256(data).hexdigest()
    found = _read(file, name, digest, "wheel")
    kept = cache.adhoc / "wheels" / digest / file.name
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        paths.write_bytes(kept, data)
    return Wheel(found.name, found.version, kept, digest, "wheel", found.asks)


def digest_of(sources: Path) -> str:
    """sha256 of an archive, or of the files of a folder of sources by name and content. Raises PackageError where it is
    no project."""
    if sources.is_file():
        return paths.digest([sources])
    if not any((sources / name).is_file() for name in PROJECTS):
        raise PackageError(f"{sources}: is no Python project: it has none of {', '.join(PROJECTS)}")
    return paths.digest(_sources(sources), sources)


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
    digest = digest_of(sources)
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
        else:  # what a build leaves beside its sources stays out of a person's own folder; .git may tell the version
            no_sources = [one for one in NO_SOURCES if one != ".git"]
            shutil.copytree(sources, copy, symlinks=True, ignore=shutil.ignore_patterns(*no_sources, "*.egg-info"))
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
    allowed = _metadata(wheel.file)[2]
    if allowed and not allowed.contains(f"{python}.99", prereleases=True):
        raise PackageError(f"{wheel.file.name} is for Python {allowed}, and {environment} is Python {python}")


def _supported(python: str) -> set[tags.Tag]:
    major, minor = map(int, python.split("."))
    platforms = list(tags.platform_tags())
    own = tags.cpython_tags((major, minor), platforms=platforms)
    return {*own, *tags.compatible_tags((major, minor), f"cp{major}{minor}", platforms)}


def _read(file: Path, name: str, digest: str, what: str, shown: Path | None = None) -> Wheel:
    try:
        called, version, _, _ = parse_wheel_filename(file.name)
    except InvalidWheelFilename as wrong:
        raise PackageError(f"{shown or file}: is no wheel's name: {wrong}") from None
    own, asks, _ = _metadata(file)
    if not name == called == own:
        raise PackageError(f"{shown or file}: is the package {own}, not {name}: write --with {own}={shown or file}")
    return Wheel(name, str(version), file, digest, what, asks)


def _metadata(file: Path) -> tuple[str, tuple[Requirement, ...], SpecifierSet | None]:
    """A wheel's name, requirements and Pythons. Raises PackageError for what is no whole wheel.
    https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            named = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA") and one.count("/") == 1]
            if damaged or len(named) != 1:
                raise PackageError(
                    f"{file}: is no whole wheel: {f'{damaged} is damaged' if damaged else 'no METADATA'}"
                )
            head = HeaderParser().parsestr(archive.read(named[0]).decode("utf-8", errors="replace"))
        asks = tuple(Requirement(line) for line in head.get_all("Requires-Dist") or ())
        pythons = head.get("Requires-Python")
        return canonicalize_name(head.get("Name", "")), asks, SpecifierSet(pythons) if pythons else None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as wrong:
        raise PackageError(f"{file}: is no wheel, or is cut off: {wrong}") from None
    except (InvalidRequirement, InvalidSpecifier) as wrong:
        raise PackageError(f"{file}: its METADATA cannot be read: {str(wrong).splitlines()[0]}") from None


def _sources(folder: Path) -> Iterator[Path]:
    """The files of a folder of sources, in order."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if one not in NO_SOURCES and not one.endswith(".egg-info")]
        found += [Path(place, name) for name in names]
    return (file for file in sorted(found) if file.is_file())


def _last(text: str) -> str:
    """The last lines of what a build said."""
    return "\n".join(text.splitlines()[-12:])
