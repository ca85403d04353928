"""The latency of a cell that works: its model in torch, as SavedModel and under XLA, from the same bundle."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfparity import judge, plan
from tfparity.crossing import Crossing
from tfparity.errors import TfparityError
from tfparity.fingerprint import normalise
from tfparity.latency.measure import LIMITS, SUBJECTS, Subject, measured
from tfparity.latency.ratios import Ratio, ratio
from tfparity.plan import PlannedCell
from tfparity.setting import Setting
from tfparity.sides import Sides

ROUNDS = 40


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

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Each subject against torch eager."""
        torch = self.samples.get("torch")
        return {} if not torch else {name: ratio(mine, torch) for name, mine in self.samples.items() if name != "torch"}

    def document(self) -> dict[str, Any]:
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


def _rounded(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: float(f"{value:.3g}") if isinstance(value, float) else value for name, value in found.items()}


def bench(setting: Setting, planned: PlannedCell, sides: Sides, rounds: int = ROUNDS) -> Latency:
    """Measure a cell; one that does not work (or is no longer there) gives a Latency that says why.

    The smallest declared batch is timed, on one thread and one core; nothing else should run meanwhile.
    """
    crossing = Crossing(setting, planned, sides)
    right = next((attempt for attempt in crossing.attempts() if judge.verdict(attempt) == "works"), None)
    if right is None:
        return Latency(
            planned.case, planned.route, None, {}, {}, {}, "the cell does not work, see the compatibility table"
        )
    opset = int(right["opset"])
    exported = crossing.export(opset, right["remedies"])
    folder = setting.folder / f"latency-{uuid.uuid4().hex[:12]}"
    folder.mkdir()
    try:
        converted = crossing.arrival.convert(opset, exported, folder / "artifact", right["remedies"])
        if not (exported.passed and converted.passed):
            raise TfparityError(f"{planned.id}: worked before and does not now; run it with --again")
        return _measure(crossing, opset, exported.io, folder, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(crossing: Crossing, opset: int, io: Path, folder: Path, rounds: int) -> Latency:
    case, sides = crossing.case, crossing.sides
    smallest = min(case.samples(), key=lambda sample: (sample.sizes.get("batch", 1), sample.index))
    request = {
        "cpu": max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "sample": smallest.index,
        "inputs": [declared.name for declared in case.inputs],
        "io": str(io),
        "artifact": str(folder / "artifact"),
        "case": case.id,
        "case_file": case.file,
        "framework": plan.locate(crossing.way.framework, crossing.setting.project),
    }
    workers = {name: sides.worker(crossing.source if name == "torch" else crossing.target) for name in SUBJECTS}

    def subject(name: str) -> Subject:
        return Subject(name, lambda asked: workers[name].ask("latency", asked, LIMITS), request, folder)

    samples, failed = measured({name: lambda name=name: subject(name) for name in SUBJECTS}, rounds)  # type: ignore[misc]
    reasons = {name: normalise(reason, sides.places) for name, reason in failed.items()}
    return Latency(case.id, crossing.planned.route, opset, smallest.sizes, samples, reasons)
