"""results/gate/latency.json: how often the latency gate found a planted slowdown, and how often it raised a false alarm
(benchmarks/latency_gate.py)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.paths import Project

SCHEMA = 1

#: A cell whose processes differ by less where nothing changed is quiet: of such the gate promises something.
QUIET = 0.05


@dataclass(frozen=True)
class Trials:
    """Trials of one kind. load: "idle" or "busy" (a busy process a core); slowdown: 0.1 for 10 %, 0 where nothing was
    changed (A/A). all, quiet: how many there were, and of how many cells that were quiet; slower, insufficient: how
    many of the quiet ones came out so; untold: how many of all came out as insufficient data."""

    load: str
    slowdown: float
    all: int
    quiet: int
    slower: int
    insufficient: int
    untold: int


@dataclass(frozen=True)
class Rates:
    """One run of the benchmark. among: the comparisons that each was corrected for."""

    ran_at: str
    machine: dict[str, str | int | float | None]
    processes: int
    rounds: int
    among: int
    trials: list[Trials]


def path(project: Project) -> Path:
    return project.results / "gate" / "latency.json"


def save(file: Path, rates: Rates) -> None:
    """Write the file whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    paths.write_text(file, json.dumps({"schema": SCHEMA, **asdict(rates)}, indent=1) + "\n")


def load(project: Project) -> Rates | None:
    """What is recorded, None where nothing is. Raises EvidenceError for a file that cannot be read."""
    file = path(project)
    if not paths.stands(file):
        return None
    try:
        value = json.loads(paths.read_text(file))
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            raise EvidenceError(f"is not of schema {SCHEMA}; run benchmarks/latency_gate.py again", file=file)
        return TypeAdapter(Rates).validate_python(value)
    except (OSError, ValueError, RecursionError, ValidationError) as wrong:
        raise EvidenceError(f"cannot be read: {wrong}; run benchmarks/latency_gate.py again", file=file) from None
