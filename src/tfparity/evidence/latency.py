"""results/latency/<toolchain>.json: raw samples and the machine they are from. Only ratios are ever compared."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.evidence.ratios import Ratio, ratio
from tfparity.paths import Project
from tfparity.records.keys import Json

SCHEMA = 1


@dataclass(frozen=True)
class Latency:
    """Raw samples in seconds by subject, the reason of each subject that gave none, and at which batch size.

    `why` says why nothing was measured.
    """

    case: str
    route: str
    opset: int | None
    sizes: dict[str, int]
    samples: dict[str, list[float]]
    failed: dict[str, str]
    why: str | None = None

    def compared(self, subject: str, baseline: str) -> Ratio | None:
        """How many times as long as another a subject takes; None where one of them gave no samples."""
        mine, other = self.samples.get(subject), self.samples.get(baseline)
        return ratio(mine, other) if mine and other else None

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Each subject against torch eager."""
        torch = self.samples.get("torch")
        return {} if not torch else {name: ratio(mine, torch) for name, mine in self.samples.items() if name != "torch"}

    def document(self) -> dict[str, Json]:
        """As results/latency/<toolchain>.json keeps it: samples in seconds with four significant digits."""
        return {
            "case": self.case,
            "route": self.route,
            "opset": self.opset,
            "sizes": self.sizes,
            "samples": {name: [float(f"{value:.3e}") for value in values] for name, values in self.samples.items()},
            "failed": self.failed,
            "ratios": {name: _rounded(asdict(found)) for name, found in self.ratios.items()},
        }


def _rounded(found: Mapping[str, Json]) -> dict[str, Json]:
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in found.items()}


def path(project: Project, toolchain: str) -> Path:
    return project.results / "latency" / f"{toolchain}.json"


def save(project: Project, toolchain: str, ran_at: str, measured: Sequence[Latency]) -> Path:
    """Write one measurement run whole: samples of different runs are never mixed."""
    document = {"schema": SCHEMA, "toolchain": toolchain, "ran_at": ran_at, "machine": machine(), "threads": 1}
    lines = [
        json.dumps(cell.document(), separators=(",", ":"))
        for cell in sorted(measured, key=lambda cell: (cell.case, cell.route))
    ]
    text = json.dumps(document, indent=1)[:-2] + ',\n "cells": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    file = path(project, toolchain)
    file.parent.mkdir(parents=True, exist_ok=True)
    paths.write_text(file, text)
    return file


def load(project: Project, toolchain: str) -> dict[str, Json] | None:
    """The recorded measurement, None where there is none. Raises EvidenceError for a file that cannot be read."""
    file = path(project, toolchain)
    if not file.exists():
        return None
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as wrong:
        raise EvidenceError(
            f"cannot be read: {wrong.msg}; record it again: nox -s latency -- --record", file=file, line=wrong.lineno
        ) from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise EvidenceError(f"cannot be read: {wrong}", file=file) from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise EvidenceError(f"is not of schema {SCHEMA}; record it again: nox -s latency -- --record", file=file)
    return value


def cells(project: Project, toolchain: str) -> list[Latency]:
    """The recorded cells with their samples, none where nothing was recorded. Raises EvidenceError."""
    document = load(project, toolchain)
    if document is None:
        return []
    try:
        return TypeAdapter(_Recorded).validate_python(document).cells
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise EvidenceError(
            f"{place}: {first['msg']}; record it again: nox -s latency -- --record", file=path(project, toolchain)
        ) from None


@dataclass(frozen=True)
class _Recorded:
    """The part of a file that is asked for."""

    cells: list[Latency]


def machine() -> dict[str, Json]:
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
