"""api/v1/: the facts as JSON with a schema, recorded cells as CSV, badges, and llms.txt."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from tfparity.records.vocabulary import Verdict
from tfparity.report import words
from tfparity.report.site import answers, changes
from tfparity.report.site.collect import Facts
from tfparity.report.site.facts import (
    VERSION,
    CaseFacts,
    CellFacts,
    CellsFile,
    ClaimFacts,
    Index,
    LimitationFacts,
    Recommendation,
    Recorded,
    RouteFacts,
    ToolchainFacts,
)

ROOT = f"api/v{VERSION}"


@dataclass(frozen=True)
class ToolchainsFile:
    """api/v1/toolchains.json, in the order of the matrix."""

    version: int
    toolchains: tuple[ToolchainFacts, ...]


@dataclass(frozen=True)
class CasesFile:
    """api/v1/cases.json, in the zoo's order."""

    version: int
    cases: tuple[CaseFacts, ...]


@dataclass(frozen=True)
class LimitationsFile:
    """api/v1/limitations.json."""

    version: int
    limitations: tuple[LimitationFacts, ...]


@dataclass(frozen=True)
class RoutesFile:
    """api/v1/routes.json."""

    version: int
    routes: tuple[RouteFacts, ...]


@dataclass(frozen=True)
class RecommendFile:
    """api/v1/recommend.json: by case and TensorFlow, what `tfparity recommend` answers for them alone."""

    version: int
    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True)
class ChangesFile:
    """api/v1/changes.json, the newest first; empty where the site was built without the git log of results/."""

    version: int
    changes: tuple[Recorded, ...]


@dataclass(frozen=True)
class ClaimsFile:
    """api/v1/claims.json: what guides and pages say, and what recorded cells show of it."""

    version: int
    claims: tuple[ClaimFacts, ...]


#: The files that are one, with what each holds.
FILES: dict[str, tuple[type, str]] = {
    "toolchains": (ToolchainsFile, "what a person would adopt: pins, lockfiles, routes, counts"),
    "cases": (CasesFile, "models and operators, with the recommended way of each"),
    "limitations": (LimitationsFile, "known issues: cause, link, remedies that are recorded to work"),
    "routes": (RoutesFile, "the ways across"),
    "recommend": (
        RecommendFile,
        "for each case, on any TensorFlow and on each: what to take",
    ),
    "claims": (ClaimsFile, "what guides say of these tools, and what recorded cells show of it"),
    "changes": (ChangesFile, "what changed in the evidence, by commit and toolchain"),
}

#: The pages that list others, by name.
LISTS = {
    "Toolchains": "toolchains",
    "Models": "cases",
    "Routes": "routes",
    "Known issues": "limitations",
    "Operators": "operators",
}

ABOUT = (
    "Which PyTorch to TensorFlow toolchains convert which models, how exactly, and why not, with evidence that can be "
    "run again."
)

#: A program that asks the data, beside a built site; the data's page shows it.
CLIENT = """\
import json, pathlib

cells = [c for f in pathlib.Path("build/site/api/v1/cells").glob("*.json") for c in json.loads(f.read_text())["cells"]]
print(sorted((c["toolchain"], c["route"], c["verdict"]) for c in cells if c["case"] == "torchvision/resnet50"))
"""

WORDS = (
    "A cell is a toolchain (exact versions) x a case (a model) x a route (a converter). Verdicts: works, "
    "works-with-remedy, partial, broken; not-applicable, unresolvable, untested and stale say nothing."
)

#: The columns of cells.csv.
COLUMNS = (
    "toolchain",
    "case",
    "route",
    "verdict",
    "grade",
    "opset",
    "max_abs",
    "remedies",
    "limitation",
    "ran_at",
    "why",
)


def files(found: Facts) -> Iterator[tuple[str, bytes]]:
    """Path below the site's root, content."""
    made = {
        "toolchains": ToolchainsFile(VERSION, tuple(found.toolchains)),
        "cases": CasesFile(VERSION, tuple(found.cases)),
        "limitations": LimitationsFile(VERSION, tuple(found.limitations)),
        "routes": RoutesFile(VERSION, tuple(found.routes)),
        "recommend": RecommendFile(VERSION, tuple(found.recommendations)),
        "claims": ClaimsFile(VERSION, tuple(found.claims)),
        "changes": ChangesFile(VERSION, found.changes),
    }
    for name, (kind, _) in FILES.items():
        yield f"{ROOT}/{name}.json", TypeAdapter[object](kind).dump_json(made[name])
    cells = TypeAdapter(CellsFile)
    for id, content in found.cells.items():
        yield f"{ROOT}/cells/{id}.json", cells.dump_json(content)
    yield f"{ROOT}/cells.csv", table(found).encode()
    yield f"{ROOT}/schema.json", schema()
    yield f"{ROOT}/index.json", TypeAdapter(Index).dump_json(index(found))
    yield from badges(found)
    yield "llms.txt", llms(found).encode()
    yield "feed.xml", changes.feed(found.changes)


def index(found: Facts) -> Index:
    """What there is, by path from api/v1/."""
    listed = {f"{name}.json": about for name, (_, about) in FILES.items()}
    listed |= {f"cells/{id}.json": f"every planned cell of {id}" for id in found.cells}
    listed |= {"cells.csv": "every recorded cell", "schema.json": "JSON Schema of all of these, by file"}
    listed |= {
        "badges/toolchains/<id>.json": "a badge of a toolchain",
        "badges/cases/<family>/<name>.json": "a badge of a model",
    }
    return Index(VERSION, found.index.newest_run, found.index.default_toolchain, found.index.counts, listed)


def schema() -> bytes:
    """JSON Schema: `$defs`, and by the name of a file in `properties`, which of them it is."""
    kinds = {**{name: kind for name, (kind, _) in FILES.items()}, "cells": CellsFile, "index": Index}
    schemas, shared = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(kind)) for name, kind in kinds.items()], ref_template="#/$defs/{model}"
    )
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"tfparity {ROOT}",
        "version": VERSION,
        "properties": {name: schemas[name, "serialization"] for name in kinds},
        "$defs": shared.get("$defs", {}),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def table(found: Facts) -> str:
    """Every recorded cell as a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for content in found.cells.values():
        for cell in content.cells:
            writer.writerow([_column(cell, name) for name in COLUMNS])
    return out.getvalue()


def _column(cell: CellFacts, name: str) -> str:
    """A value as a spreadsheet takes it: a text that one would take for a formula begins with an apostrophe."""
    value = getattr(cell, name)
    text = "" if value is None else " ".join(value) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text[:1] in "=+-@" and text else text


def badges(found: Facts) -> Iterator[tuple[str, bytes]]:
    """One per toolchain and case, as shields.io's endpoint badges are written."""
    for chain in found.toolchains:
        yield f"{ROOT}/badges/toolchains/{chain.id}.json", _badge(chain.id, chain.counts)
    for case in found.cases:
        yield f"{ROOT}/badges/cases/{case.id}.json", _badge(case.id, case.counts)


def _badge(label: str, counts: Mapping[Verdict, int]) -> bytes:
    works, ran = answers.share(counts)
    colour = "lightgrey" if not ran else "brightgreen" if works == ran else "yellow" if works else "red"
    message = f"{works} of {ran} cells work" if ran else words.verdict(Verdict.UNTESTED).words
    return json.dumps({"schemaVersion": 1, "label": label, "message": message, "color": colour}).encode()


def llms(found: Facts) -> str:
    """What there is, for a program that reads text."""
    works, ran = answers.share(found.index.counts)
    planned = sum(found.index.counts.values())
    counted = (
        f"{works} of {ran} cells that were run work; the rest of {planned} planned ones is not applicable, cannot be "
        "installed or is untested, which is no failure."
    )
    lines = [
        "# tfparity",
        "",
        f"> {ABOUT} {counted}",
        "",
        WORDS,
        "",
        "## Data",
        "",
        *(f"- [{name}]({ROOT}/{name}.json): {about}" for name, (_, about) in FILES.items()),
        f"- [recorded cells]({ROOT}/cells.csv): as CSV",
        f"- [schema]({ROOT}/schema.json): JSON Schema",
        f"- [index]({ROOT}/index.json): all files",
        "",
        "## Pages",
        "",
        *(f"- [TensorFlow {version}](tensorflow/{version}.html)" for version in found.versions),
        "- [To TFLite](tflite.html)",
        "- [Is it slower?](latency.html)",
        "- [What changed](changes.html), [as a feed](feed.xml)",
        *(f"- [{name}]({folder}/index.html)" for name, folder in LISTS.items()),
    ]
    return "\n".join(lines) + "\n"
