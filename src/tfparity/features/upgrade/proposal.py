"""A toolchain that was tried, as matrix.yaml would name it: the text to paste, or put there with the lock it ran on."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from packaging.version import Version

from tfparity import paths
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.environments.news import News
from tfparity.errors import MatrixError, UsageError
from tfparity.inputs import matrix as matrices
from tfparity.inputs import yaml_input
from tfparity.inputs.matrix import DEFAULT_ROUTES, Environment, Matrix, Toolchain
from tfparity.paths import Project

#: What packages are called in ids.
SHORT = {"tensorflow": "tf"}

_Entry: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Proposal:
    """A toolchain for matrix.yaml. environments: those that it needs beside the ones there, with the lock of what was
    tried; texts: top-level key of matrix.yaml to the entries that go below it."""

    id: str
    environments: tuple[tuple[Environment, LockStatus], ...]
    texts: Mapping[str, str]

    @property
    def text(self) -> str:
        """To paste: each entry below its key."""
        return "".join(f"{key}:\n{text}" for key, text in self.texts.items())


def propose(matrix: Matrix, news: News, tried: Toolchain, locks: Mapping[str, LockStatus]) -> Proposal:
    """The base of the news with what was tried in place of its own environments. matrix: that has both; locks: by id of
    an environment."""
    base = matrix.toolchains[news.base]
    pairs = zip((base.source, *base.routes.values()), (tried.source, *tried.routes.values()), strict=True)
    moved = {was: now for was, now in pairs if was != now}
    inline = base.source == base.id  # an environment of the same id, which stands in the toolchain's entry
    if inline:
        moved.setdefault(base.id, base.id)
    taken = {*matrix.environments, *matrix.toolchains}
    id = _named(base.id, news, taken)
    names = {was: id if was == base.id else _named(was, news, taken) for was in moved}
    made = {
        was: _environment(names[was], matrix.environments[was], matrix.environments[now], locks[now])
        for was, now in moved.items()
    }
    routes = {route: names.get(target, target) for route, target in base.routes.items()}
    note = f"{base.id} with {news.package} {news.version}."
    toolchain: _Entry = {"id": id, **(_fields(made[base.id]) if inline else {}), "note": note}
    if inline:
        toolchain["routes"] = {
            route: target for route, target in routes.items() if route not in DEFAULT_ROUTES or target != id
        }
    else:
        toolchain |= {"source": names.get(base.source, base.source), "routes": routes}
    toolchain["cases"] = list(base.cases)
    entry = {key: value for key, value in toolchain.items() if value}
    if base.remedies != ("*",):
        entry["remedies"] = list(base.remedies)
    beside = [{"id": one.id, **_fields(one)} for was, one in made.items() if was != base.id]
    texts = {"environments": yaml_input.dumped(beside, 2)} if beside else {}
    return Proposal(
        id,
        tuple((made[was], locks[now]) for was, now in moved.items()),
        {**texts, "toolchains": yaml_input.dumped([entry], 2)},
    )


def put(project: Project, proposal: Proposal) -> list[Path]:
    """Put it into matrix.yaml, whose comments stay, and what it was tried with into lockfiles/; the files written.

    Raises UsageError where matrix.yaml has a form into which nothing can be put.
    """
    text = paths.read_text(project.matrix)
    for key, entry in proposal.texts.items():
        text = _with_entry(text, key, entry)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "matrix.yaml"
        trial.write_text(text, encoding="utf-8")
        try:
            known = matrices.load(trial).toolchains
        except MatrixError as wrong:
            raise UsageError(f"{project.matrix}: put the entry there by hand: {wrong.message}") from None
    assert proposal.id in known
    project.lockfiles.mkdir(exist_ok=True)
    written = []
    for environment, locked in proposal.environments:
        lock.write(project.lockfiles, environment, lock.Resolved(lock.requirements(locked), None))
        written.append(lock.status_in(project.lockfiles, environment).path)
    paths.write_text(project.matrix, text)
    return [*written, project.matrix]


def _environment(id: str, base: Environment, tried: Environment, locked: LockStatus) -> Environment:
    """What was tried under a name: the pins of its base in their order, at the versions that were locked."""
    names = [*(name for name in base.pins if name in locked.packages), *tried.pins]
    pins = {name: locked.packages.get(name, tried.pins.get(name, "")) for name in names}
    return Environment(
        id=id, python=tried.python, as_of=tried.as_of, pins=pins, overrides=tried.overrides, shims=tried.shims
    )


def _fields(environment: Environment) -> _Entry:
    fields: _Entry = {
        "python": environment.python,
        "as-of": environment.as_of,
        "shims": list(environment.shims),
        "pins": dict(environment.pins),
        "overrides": list(environment.overrides),
    }
    return {key: value for key, value in fields.items() if value}


def _named(id: str, news: News, taken: set[str]) -> str:
    """The id with the new version in it, where it has the old one, else behind it."""
    short = SHORT.get(news.package, news.package)
    was, now = (".".join(map(str, Version(version).release[:2])) for version in (news.pinned, news.version))
    replaced = re.sub(rf"(?<![a-z0-9]){re.escape(short)}{re.escape(was)}(?![0-9.])", f"{short}{now}", id)
    name = replaced if replaced != id and replaced not in taken else f"{id}-{short}{news.version}"
    name = re.sub(r"[^a-z0-9.-]", "-", name)
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    taken.add(unique)
    return unique


def _with_entry(text: str, key: str, entry: str) -> str:
    """matrix.yaml with an entry more at the end of a top-level list, a new list before the toolchains."""
    lines = text.rstrip("\n").split("\n")
    begins = next((number for number, line in enumerate(lines) if re.match(rf"{key}:\s*(#.*)?$", line)), None)
    if begins is None:
        first = next((number for number, line in enumerate(lines) if line.startswith("toolchains:")), len(lines))
        return "\n".join([*lines[:first], f"{key}:", *entry.rstrip("\n").split("\n"), "", *lines[first:]]) + "\n"
    ends = next((number for number in range(begins + 1, len(lines)) if re.match(r"[^\s#-]", lines[number])), len(lines))
    while ends > begins + 1 and (not lines[ends - 1].strip() or lines[ends - 1].startswith("#")):
        ends -= 1  # what stands before the next key is of that
    between = [""] if ends - begins > 1 else []
    return "\n".join([*lines[:ends], *between, *entry.rstrip("\n").split("\n"), *lines[ends:]]) + "\n"
