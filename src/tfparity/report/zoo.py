"""The zoo as a list: what each case is, and what recorded runs say of its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from tfparity.evidence.query import Query
from tfparity.records.cells import Model
from tfparity.records.keys import Json
from tfparity.records.vocabulary import HEAVY, Tier
from tfparity.report import words
from tfparity.worker.declare import Case


@dataclass(frozen=True)
class Entry:
    """A case of the list. tier: the smallest that has it, "heavy" for one that is in "all" alone; source: "file:line".

    model: what the source side said of it where it ran: on the default toolchain, else on the first of the matrix that
    has it; None where it never ran.
    """

    case: Case
    tier: str
    source: str
    model: Model | None

    def document(self) -> dict[str, Json]:
        """As JSON values."""
        declared = self.case.declaration()
        return {
            "id": self.case.id,
            "family": self.case.id.split("/")[0],
            "tier": self.tier,
            "tags": declared["tags"],
            "source": self.source,
            "requires": declared["requires"],
            "inputs": declared["inputs"],
            "outputs": declared["outputs"],
            "axes": declared["axes"],
            "insensitive": declared["insensitive"],
            "operators": declared["operators"],
            "model": asdict(self.model) if self.model else None,
        }


def listed(query: Query) -> list[Entry]:
    """The chosen cases, in the zoo's order."""
    selection = query.selection
    models = _models(query)
    chosen = dict.fromkeys(cell.case for cell in selection.planned)
    return [_entry(selection.cases[id], selection.project.root, models.get(id)) for id in chosen]


def _entry(case: Case, root: Path, model: Model | None) -> Entry:
    file = Path(case.file)
    tier = next((tier for tier in (Tier.SMOKE, Tier.CORE, HEAVY) if tier in case.tags), Tier.FULL)
    return Entry(case, tier, f"{file.relative_to(root) if file.is_relative_to(root) else file}:{case.line}", model)


def _models(query: Query) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for name in dict.fromkeys([query.selection.matrix.default, *query.selection.matrix.toolchains]):
        for run in query.runs[name].cells if name in query.runs else ():
            if run.model:
                found.setdefault(run.case, run.model)
    return found


def table(entries: Sequence[Entry]) -> Table:
    """The list: a line for each case, cut where a terminal is too narrow for its inputs or operators."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    made.add_column("case", no_wrap=True)
    made.add_column("tier", no_wrap=True)
    made.add_column("parameters", justify="right", no_wrap=True)
    made.add_column("least weight", justify="right", no_wrap=True)
    made.add_column("inputs", no_wrap=True, overflow="ellipsis", ratio=3)
    made.add_column("operators", no_wrap=True, overflow="ellipsis", ratio=2)
    for entry in entries:
        case, model = entry.case, entry.model
        inputs = "; ".join(f"{given.name} {given.dtype} ({', '.join(map(str, given.shape))})" for given in case.inputs)
        parameters = model.parameters if model else None
        operators = sorted(case.operators) or (model.operators if model else ())
        made.add_row(
            Text(case.id, "bold"),
            entry.tier,
            "–" if parameters is None else f"{parameters:,}",
            words.number(model.change if model else None),
            Text(inputs),
            Text(", ".join(operators)),
        )
    return made
