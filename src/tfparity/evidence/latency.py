"""results/latency/<toolchain>.json: raw samples and the machine they are from. Only ratios are ever compared."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter, ValidationError

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.evidence.ratios import Ratio, across
from tfparity.paths import Project
from tfparity.records.keys import Json

SCHEMA = 2

#: A machine is loaded where the middle call of a subject's middle process spent more of its time without a core.
LOADED = 0.05

#: The first of the subjects, which the others are held against.
BASELINE = "torch"


@dataclass(frozen=True)
class Process:
    """One process of a subject: its samples in seconds, in the order in which they were taken; None for what is not
    known.

    load_seconds: from what lies on disk to what can be called; first_seconds: of the first call; memory_mib: the peak
    beyond what the process had before. waited: of the middle call, the share of its time in which none of the process's
    threads had the core.
    """

    samples: list[float]
    load_seconds: float | None = None
    first_seconds: float | None = None
    memory_mib: float | None = None
    waited: float | None = None


@dataclass(frozen=True)
class Series:
    """A subject: its processes, each beside the torch's of the same place. megabytes: on disk; ran: package and
    version. operators: how many there are of each type; spent: seconds of one call in operators of each type, as the
    runtime ran them, one call traced; None where it cannot tell."""

    processes: list[Process]
    megabytes: float | None = None
    ran: str | None = None
    operators: dict[str, int] | None = None
    spent: dict[str, float] | None = None

    @property
    def waited(self) -> float:
        """The share of a call's time without a core: the median over processes, 0 where it was not measured."""
        return median(process.waited or 0.0 for process in self.processes)


@dataclass(frozen=True)
class Latency:
    """What was measured of a cell by subject, the reason of each subject that gave nothing, and at which sizes.

    `why` says why nothing was measured.
    """

    case: str
    route: str
    opset: int | None
    sizes: dict[str, int]
    subjects: dict[str, Series]
    failed: dict[str, str]
    why: str | None = None

    @property
    def samples(self) -> dict[str, list[list[float]]]:
        """By subject, the samples of each of its processes."""
        return {name: [one.samples for one in series.processes] for name, series in self.subjects.items()}

    def compared(self, subject: str, baseline: str) -> Ratio | None:
        """How many times as long as another a subject takes; None where one of them gave no samples. On a loaded
        machine the figures say too little, whatever their interval."""
        samples = self.samples
        mine, other = samples.get(subject), samples.get(baseline)
        if not mine or not other:
            return None
        found = across(mine, other)
        loaded = max(self.subjects[name].waited for name in (subject, baseline)) > LOADED
        return replace(found, verdict="insufficient data") if loaded else found

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Each subject against torch eager."""
        found = {name: self.compared(name, BASELINE) for name in self.subjects if name != BASELINE}
        return {name: ratio for name, ratio in found.items() if ratio is not None}

    def document(self) -> dict[str, Json]:
        """As results/latency/<toolchain>.json keeps it: seconds with four significant digits."""
        return {
            "case": self.case,
            "route": self.route,
            "opset": self.opset,
            "sizes": dict(self.sizes),
            "subjects": {name: _series(series) for name, series in self.subjects.items()},
            "failed": dict(self.failed),
            "ratios": {name: _rounded(asdict(found), 3) for name, found in self.ratios.items()},
        }


def of_samples(samples: Mapping[str, list[float]]) -> dict[str, Series]:
    """Subjects of one process each."""
    return {name: Series([Process(values)]) for name, values in samples.items()}


def _series(series: Series) -> dict[str, Json]:
    processes: list[Json] = [
        {
            **_rounded({name: value for name, value in asdict(one).items() if name != "samples"}, 3),
            "samples": [_digits(value, 4) for value in one.samples],
        }
        for one in series.processes
    ]
    told = _rounded({"megabytes": series.megabytes, "ran": series.ran}, 3)
    if series.operators is not None and series.spent is not None:
        told |= {"operators": dict(series.operators), "spent": _rounded(series.spent, 3)}
    return {**told, "processes": processes}


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(found: Mapping[str, Json], digits: int) -> dict[str, Json]:
    return {name: _digits(value, digits) if isinstance(value, float) else value for name, value in found.items()}


def path(project: Project, toolchain: str) -> Path:
    return project.results / "latency" / f"{toolchain}.json"


def save(project: Project, toolchain: str, ran_at: str, measured: Sequence[Latency]) -> Path:
    """Write one measurement run whole: samples of different runs are never mixed."""
    document = {"schema": SCHEMA, "toolchain": toolchain, "ran_at": ran_at, "machine": machine(), "threads": 1}
    lines = [
        json.dumps(cell.document(), separators=(",", ":"), allow_nan=False)
        for cell in sorted(measured, key=lambda cell: (cell.case, cell.route))
    ]
    text = json.dumps(document, indent=1)[:-2] + ',\n "cells": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    file = path(project, toolchain)
    file.parent.mkdir(parents=True, exist_ok=True)
    paths.write_text(file, text)
    return file


@dataclass(frozen=True)
class Recording:
    """One measurement run. machine: what the samples depend on."""

    toolchain: str
    ran_at: str
    machine: dict[str, str | int | float | None]
    cells: list[Latency]


@dataclass(frozen=True)
class _Old:
    """A cell of schema 1: one process of each subject, and nothing told beside the samples."""

    case: str
    route: str
    opset: int | None
    sizes: dict[str, int]
    samples: dict[str, list[float]]
    failed: dict[str, str]


@dataclass(frozen=True)
class _OldRecording:
    toolchain: str
    ran_at: str
    machine: dict[str, str | int | float | None]
    cells: list[_Old]


def load(project: Project, toolchain: str) -> Recording | None:
    """The recorded measurement, None where there is none. Raises EvidenceError for a file that cannot be read."""
    file = path(project, toolchain)
    return read(file) if paths.stands(file) else None


def read(file: Path) -> Recording:
    """A measurement, of schema 1 or 2. Raises EvidenceError with the place for a file that cannot be read."""
    again = "record it again: nox -s latency -- --record"
    try:
        value = json.loads(paths.read_text(file))
    except json.JSONDecodeError as wrong:
        raise EvidenceError(f"cannot be read: {wrong.msg}; {again}", file=file, line=wrong.lineno) from None
    except (OSError, ValueError, RecursionError) as wrong:
        raise EvidenceError(f"cannot be read: {wrong}", file=file) from None
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema not in (1, SCHEMA):
        raise EvidenceError(f"is not of schema 1 or {SCHEMA}; {again}", file=file)
    try:
        if schema == SCHEMA:
            return _paired(TypeAdapter(Recording).validate_python(value), file)
        old = TypeAdapter(_OldRecording).validate_python(value)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise EvidenceError(f"{place}: {first['msg']}; {again}", file=file) from None
    cells = [
        Latency(one.case, one.route, one.opset, one.sizes, of_samples(one.samples), one.failed) for one in old.cells
    ]
    return _paired(Recording(old.toolchain, old.ran_at, old.machine, cells), file)


def _paired(found: Recording, file: Path) -> Recording:
    """Itself, whose subjects took turns. Raises EvidenceError where one has more samples than another."""
    for cell in found.cells:
        if len({tuple(map(len, samples)) for samples in cell.samples.values()}) > 1:
            raise EvidenceError(
                f"{cell.case} by {cell.route}: its subjects have more and fewer samples, which took turns; "
                "record it again: nox -s latency -- --record",
                file=file,
            )
    return found


def cells(project: Project, toolchain: str) -> list[Latency]:
    """The recorded cells with their samples, none where nothing was recorded. Raises EvidenceError."""
    recording = load(project, toolchain)
    return recording.cells if recording else []


def machine() -> dict[str, str | int | float | None]:
    """What the samples depend on, without a name of the machine."""
    import psutil

    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
    }
