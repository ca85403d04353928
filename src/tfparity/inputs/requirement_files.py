"""A user's own set of packages: requirements.txt, pyproject.toml, uv.lock, poetry.lock or pylock.toml, as requirements.

Only what the index can resolve: no folder, no address, no index of one's own. Markers are left to the resolver.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from tfparity import paths
from tfparity.errors import RequirementsError

#: What a file of requirements may be called.
ENDINGS = (".txt", ".in", ".toml", ".lock")


@dataclass(frozen=True)
class Asked:
    """The requirements of a file, each once, and the Pythons that it is for, as a specifier; None for any."""

    lines: tuple[str, ...]
    pythons: str | None = None


def read(path: Path) -> Asked:
    """What that file asks for. Raises RequirementsError with file and line."""
    try:
        text = paths.read_text(path)
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "it is no text in UTF-8"
        raise RequirementsError(f"cannot be read: {reason}", file=path) from None
    if path.suffix in (".toml", ".lock"):
        asked = _of_toml(path, text)
    else:
        asked = Asked(tuple(dict.fromkeys(_of_text(path, text, (paths.real(path),)))))
    if not asked.lines:
        raise RequirementsError("asks for no package", file=path)
    return asked


def line_of(path: Path, name: str) -> int | None:
    """The first line of that file that names a package, as far as that can be told; None where none does, as where it
    stands in another that this one names."""
    plain = r"[-_.]+".join(map(re.escape, name.split("-")))
    named = re.compile(
        rf"(?:^|[\s\"'\[,]){plain}(?![A-Za-z0-9_.-]*[A-Za-z0-9])|(?:^|[\s\"'\[,]){plain}(?=[<>=!~])", re.IGNORECASE
    )
    lines = paths.read_text(path).splitlines()
    return next((number for number, line in enumerate(lines, 1) if named.search(line.partition("#")[0])), None)


def _of_text(path: Path, text: str, within: tuple[Path, ...]) -> Iterator[str]:
    """The lines of a requirements.txt, those of files that it names (-r) among them."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        first, joined = number + 1, lines[number].rstrip("\r")
        while joined.endswith("\\") and number + 1 < len(lines):
            number += 1
            joined = joined[:-1] + lines[number].rstrip("\r")
        number += 1
        line = re.sub(r"(?:^|\s)#.*$", "", joined).strip()
        line = re.sub(r"\s+--hash[= ]\S+", "", line).strip()
        if not line:
            continue
        other = re.fullmatch(r"(?:-r|--requirement)[= ]?\s*(\S+)", line)
        if other:
            yield from _included(path, first, path.parent / other[1], within)
        elif line.startswith("-"):
            option = line.split()[0].partition("=")[0]
            raise RequirementsError(f"{option} is not taken: list packages of the index alone", file=path, line=first)
        else:
            yield _checked(path, line, first)


def _included(path: Path, line: int, other: Path, within: tuple[Path, ...]) -> Iterator[str]:
    if paths.real(other) in within:
        raise RequirementsError(f"names {other.name}, which names it", file=path, line=line)
    try:
        text = paths.read_text(other)
    except (OSError, UnicodeDecodeError):
        raise RequirementsError(f"names {other}, which cannot be read", file=path, line=line) from None
    yield from _of_text(other, text, (*within, paths.real(other)))


def _checked(path: Path, text: str, line: int | None = None) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as wrong:
        said = f"{text!r} is no requirement such as torch>=2.4: {str(wrong).splitlines()[0]}"
        raise RequirementsError(said, file=path, line=line) from None
    if requirement.url:
        raise RequirementsError(f"{requirement.name} is at an address: name a version", file=path, line=line)
    return str(requirement)


def _of_toml(path: Path, text: str) -> Asked:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        place = re.search(r"line (\d+)", str(wrong))
        raise RequirementsError(f"is not TOML: {wrong}", file=path, line=int(place[1]) if place else None) from None
    if isinstance(content.get("project"), dict):
        return _of_project(path, content["project"])
    locked = content.get("package", content.get("packages"))
    if isinstance(locked, list):
        return Asked(tuple(_of_lock(path, locked)))
    raise RequirementsError("has neither [project] dependencies nor locked packages", file=path)


def _of_project(path: Path, project: Mapping[str, Any]) -> Asked:
    lines, pythons = project.get("dependencies", []), project.get("requires-python")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise RequirementsError("[project] dependencies is no list of requirements", file=path)
    try:
        SpecifierSet(pythons or "")
    except (InvalidSpecifier, TypeError, AttributeError):
        raise RequirementsError(f"requires-python {pythons!r} is no version specifier", file=path) from None
    return Asked(tuple(dict.fromkeys(_checked(path, line) for line in lines)), pythons)


def _of_lock(path: Path, packages: list[Any]) -> Iterator[str]:
    """The packages of a lock at their versions; the project itself, which is no package of the index, is left out."""
    seen: dict[str, str] = {}
    for package in packages:
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            raise RequirementsError("has a locked package without a name", file=path)
        name = str(canonicalize_name(package["name"]))
        version, source = package.get("version"), package.get("source")
        own = isinstance(source, dict) and {"virtual", "editable", "directory"} & set(source)
        if own or "directory" in package:
            continue
        if not isinstance(version, str):
            raise RequirementsError(f"locks {name} at no version", file=path)
        if seen.setdefault(name, version) != version:
            said = f"locks {name} at {seen[name]} and {version}, for several platforms: export it for one"
            raise RequirementsError(said, file=path)
    for name, version in seen.items():
        yield _checked(path, f"{name}=={version}")
