"""Why a cell has its verdict, in one line: what was lost, the remedies that it took, or what went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from tfparity.inputs.limitations import NO_LINK, Limitation
from tfparity.records.cells import Cell, CellRecord, Failure
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import words

NOTHING: Mapping[str, str] = {}

#: So much is told of an error where it stands in a line; of what we say ourselves, all.
LONGEST = 300

#: How errors are called of code that asks a package for what this version has not.
IMPORTING = ("ImportError", "ModuleNotFoundError", "AttributeError")

#: Names of modules and packages in such messages: "from 'a.b'", "module 'a.b' has no", "No module named 'a'",
#: "a-b>=1.2,<2 is required", as transformers checks what it needs.
_NAMED = re.compile(
    r"(?:from|module|named) '([A-Za-z][\w.]*)'|\b([A-Za-z][\w-]*)(?=(?:[=<>!~]=?\d[\w.,<>=!~]*)+ is required)"
)


def why(cell: Cell, error: Failure | None, limitation: Limitation | None, packages: Mapping[str, str] = NOTHING) -> str:
    """The line for a cell; `error` is its failure, `limitation` what explains it, `packages` what its environments
    hold, name to version."""
    if cell.verdict is Verdict.WORKS:
        return ""
    if cell.verdict is Verdict.WORKS_WITH_REMEDY:
        return f"by {words.remedies(cell.remedies)}"
    if limitation:
        return explained(limitation)
    if error:
        return failed(error, packages, LONGEST)
    return "; ".join(lost(cell)) or words.verdict(cell.verdict).meaning


def failed(error: Failure, packages: Mapping[str, str], longest: int | None = None) -> str:
    """A failure in one line, its own words cut to so many characters. Of a model that could not be imported, also which
    packages of the environment the message is about: code that a person brings by --path has to go with their
    versions."""
    said = words.failure(error) if longest is None else words.shortened(words.failure(error), longest)
    if error.stage is not Stage.BUILD or error.type not in IMPORTING:
        return said
    named = dict.fromkeys(
        canonicalize_name(name.partition(".")[0]) for pair in _NAMED.findall(error.message) for name in pair if name
    )
    there = [f"{name} {packages[name]}" for name in named if name in packages]
    lacking = [name for name in named if name not in packages] if error.type == "ModuleNotFoundError" else []
    hints = []
    if there:
        hints.append(f"the toolchain holds {', '.join(there)}, with which what --path names has to go")
    if lacking and not there:
        hints.append(f"the toolchain has no {', '.join(lacking)}: name a folder that has it with --path")
    return "; ".join([said, *hints])


def packages(record: CellRecord) -> dict[str, str]:
    """What the environments of a record hold; of what both sides have, the version of the source's, which is first."""
    found: dict[str, str] = {}
    for environment in reversed(list(record.environments.values())):
        found.update(environment.packages)
    return found


def explained(limitation: Limitation) -> str:
    """A limitation as a sentence, its remedy, and where it is told of."""
    cause = limitation.cause.strip().rstrip(".")
    if not limitation.understood:
        cause = f"cause {cause}: {(limitation.investigated or '').strip().rstrip('.')}"
    remedy = limitation.advice.strip().rstrip(".")
    told = f"{cause}. Remedy: {remedy}." if limitation.advises else f"{cause}."
    return f"{told} ({named(limitation)})"


def named(limitation: Limitation) -> str:
    """A limitation's name in docs/limitations.md, and its link."""
    return limitation.id if limitation.link == NO_LINK else f"{limitation.id}, {limitation.link}"


def lost(cell: Cell) -> list[str]:
    """What a partial cell lost."""
    parts = [f"the axis {axis} is lost" for axis, kept in cell.dynamic.items() if not kept]
    if cell.signature is False:
        parts.append("names or their order are lost")
    if cell.grade is Grade.WITHIN_1E3:
        parts.append("numbers agree to 1e-3 only")
    return parts
