"""Where everything stands: every planned cell with its recorded verdict, so that totals add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tfparity import evidence
from tfparity.campaign import Campaign
from tfparity.evidence import Evidence
from tfparity.judge import VERDICTS
from tfparity.limitations import Limitation
from tfparity.matrix import Toolchain
from tfparity.options import Choice
from tfparity.paths import Project
from tfparity.plan import CORE, SMOKE, PlannedCell, in_tier
from tfparity.recommend import Way


@dataclass(frozen=True)
class Standing:
    """One planned cell: its verdict, the recorded cell and error where there are any, and what explains them."""

    planned: PlannedCell
    verdict: str
    cell: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    limitation: Limitation | None
    answer: Mapping[str, str | None] | None = None
    artifact: Mapping[str, float] | None = None

    @property
    def reason(self) -> str | None:
        """Why nothing was run, where that is known from the plan."""
        return self.planned.reason


class Standings:
    """Every toolchain's cells, in the order of the matrix and of the zoo."""

    def __init__(self, project: Project) -> None:
        self._campaign = Campaign(Choice(toolchains=("all",), tier="all"), project)
        self.project = project

    @property
    def toolchains(self) -> list[Toolchain]:
        return list(self._campaign.matrix.toolchains.values())

    @property
    def default(self) -> str:
        return self._campaign.matrix.default

    def oldest_first(self, ways: Iterable[Way]) -> list[Way]:
        """Ways by the day of their target environments."""
        return self._campaign.matrix.oldest_first(ways)

    @property
    def limitations(self) -> list[Limitation]:
        return self._campaign.limitations

    def packages(self, toolchain: Toolchain) -> dict[str, str]:
        """Pinned versions over the toolchain's environments; the source's torch, the targets' TensorFlow."""
        merged: dict[str, str] = {}
        for id in (*dict.fromkeys(toolchain.routes.values()), toolchain.source):
            pins = self._campaign.matrix.environments[id].pins
            merged = {**merged, **pins} if id == toolchain.source else {**pins, **merged}
        for id in toolchain.routes.values():
            pins = self._campaign.matrix.environments[id].pins
            merged.update({name: pins[name] for name in ("onnx-tf", "tensorflow", "tensorflow-cpu") if name in pins})
        return merged

    def pins(self, toolchain: str, route: str) -> dict[str, str]:
        """Pinned versions of one way: those of the target's environment, and the source's own."""
        chosen = self._campaign.matrix.toolchains[toolchain]
        source, target = (self._campaign.matrix.environments[id] for id in (chosen.source, chosen.routes[route]))
        mine = {name: version for name, version in source.pins.items() if name not in ("tensorflow", "onnx-tf")}
        return {**source.pins, **target.pins, **mine}

    def pythons(self, toolchain: Toolchain) -> str:
        """Its Python versions: "3.10", or "3.13 → 3.11" where the two sides differ."""
        environments = [self._campaign.matrix.environments[id].python for id in toolchain.environments()]
        return " → ".join(dict.fromkeys(environments))

    def shims(self, toolchain: Toolchain) -> list[str]:
        ids = toolchain.environments()
        return list(dict.fromkeys(shim for id in ids for shim in self._campaign.matrix.environments[id].shims))

    @cached_property
    def explained(self) -> dict[str, Evidence]:
        """The recorded evidence, its errors explained by limitations.yaml as it is now."""
        return {id: evidence.explain(content, self.limitations) for id, content in self._campaign.recorded.items()}

    @cached_property
    def cells(self) -> dict[str, list[Standing]]:
        """Toolchain id → its cells."""
        by_id = {limitation.id: limitation for limitation in self.limitations}
        found: dict[str, list[Standing]] = {toolchain.id: [] for toolchain in self.toolchains}
        verdicts = self._campaign.verdicts(self._campaign.cells)
        runs = {
            (id, run["case"], run["route"]): run for id, found in self._campaign.runs.items() for run in found["cells"]
        }
        for planned in self._campaign.cells:
            verdict = verdicts[(planned.toolchain, planned.case, planned.route)]
            standing = _standing(planned, verdict, self.explained.get(planned.toolchain), by_id)
            run = runs.get((planned.toolchain, planned.case, planned.route)) if standing.cell else None
            if run is not None:
                standing = replace(standing, answer=run["answer"], artifact=run["artifact"])
            found[planned.toolchain].append(standing)
        return found

    @cached_property
    def case_files(self) -> dict[str, dict[str, list[Standing]]]:
        """File of cases, without its ending → case id → the case's cells."""
        found: dict[str, dict[str, list[Standing]]] = {}
        for cells in self.cells.values():
            for cell in cells:
                file = Path(self._campaign.cases[cell.planned.case].file).stem
                found.setdefault(file, {}).setdefault(cell.planned.case, []).append(cell)
        return found

    @cached_property
    def core(self) -> dict[str, list[Standing]]:
        """Case of the core tier → its cells, on every toolchain by every route."""
        found: dict[str, list[Standing]] = {}
        for cells in self.cells.values():
            for cell in cells:
                if in_tier(self._campaign.cases[cell.planned.case], CORE):
                    found.setdefault(cell.planned.case, []).append(cell)
        return found

    def leading(self, toolchain: str) -> str:
        """The route by which a toolchain is held beside others: onnx-tf where it has it, else its first."""
        routes = self._campaign.matrix.toolchains[toolchain].routes
        return "onnx-tf" if "onnx-tf" in routes else next(iter(routes))

    def smoke(self, planned: PlannedCell) -> bool:
        """Whether it is a smoke case by the toolchain's leading route."""
        leads = planned.route == self.leading(planned.toolchain)
        return leads and in_tier(self._campaign.cases[planned.case], SMOKE)

    def counts(self, toolchain: str | None = None, chosen: Callable[[PlannedCell], bool] | None = None) -> Counter[str]:
        """Verdict → number of cells, of one toolchain or of all, of those chosen; verdicts that do not occur are left
        out."""
        cells = self.cells[toolchain] if toolchain else [cell for cells in self.cells.values() for cell in cells]
        cells = [cell for cell in cells if chosen is None or chosen(cell.planned)]
        counted = Counter(cell.verdict for cell in cells)
        return Counter({name: counted[name] for name in VERDICTS if counted[name]})

    def verdict(self, toolchain: str, case: str) -> Standing | None:
        """One cell of a toolchain by its leading route, None where the plan has none."""
        route = self.leading(toolchain)
        return next(
            (cell for cell in self.cells[toolchain] if cell.planned.case == case and cell.planned.route == route), None
        )


def _standing(
    planned: PlannedCell, verdict: str, recorded: Evidence | None, limitations: Mapping[str, Limitation]
) -> Standing:
    cell = recorded.cell(planned.case, planned.route) if recorded and planned.applicable else None
    if cell is None or recorded is None:
        return Standing(planned, verdict, None, None, None)
    error = recorded.errors.get(cell["error"]) if cell["error"] else None
    limitation = limitations.get((error or {}).get("limitation") or "")
    return Standing(planned, verdict, cell, error, limitation)
