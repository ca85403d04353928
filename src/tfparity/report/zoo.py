"""The zoo as a list: what each case is, and what recorded runs say of its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from tfparity.campaign import Campaign
from tfparity.plan import CORE, HEAVY, SMOKE
from tfparity.report import words
from tfparity.worker.declare import Case


def listed(asked: Campaign) -> list[dict[str, Any]]:
    """The chosen cases as JSON values, in the zoo's order.

    `model` is what the source side said of it where it ran: on the default toolchain, else on the first of the matrix
    that has it; None where it never ran.
    """
    models = _models(asked)
    chosen = dict.fromkeys(cell.case for cell in asked.cells)
    return [_entry(asked.cases[id], asked.project.root, models.get(id)) for id in chosen]


def _entry(case: Case, root: Path, model: dict[str, Any] | None) -> dict[str, Any]:
    file = Path(case.file)
    declared = case.declaration()
    return {
        "id": case.id,
        "family": case.id.split("/")[0],
        "tier": next((tier for tier in (SMOKE, CORE, HEAVY) if tier in case.tags), "full"),
        "tags": declared["tags"],
        "source": f"{file.relative_to(root) if file.is_relative_to(root) else file}:{case.line}",
        "requires": declared["requires"],
        "inputs": declared["inputs"],
        "outputs": declared["outputs"],
        "axes": declared["axes"],
        "insensitive": declared["insensitive"],
        "operators": declared["operators"],
        "model": model,
    }


def _models(asked: Campaign) -> dict[str, dict[str, Any]]:
    order = [asked.matrix.default, *asked.matrix.toolchains]
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(order):
        for cell in asked.runs.get(name, {}).get("cells", []):
            if cell["model"]:
                found.setdefault(cell["case"], cell["model"])
    return found


def table(entries: Sequence[dict[str, Any]]) -> Table:
    """The list for a terminal."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head, right in (
        ("case", False),
        ("tier", False),
        ("parameters", True),
        ("inputs", False),
        ("least weight", True),
    ):
        made.add_column(head, justify="right" if right else "left", no_wrap=head == "case")
    made.add_column("operators", overflow="fold", ratio=1)
    for entry in entries:
        model = entry["model"] or {}
        inputs = "; ".join(
            f"{given['name']} {given['dtype']} ({', '.join(map(str, given['shape']))})" for given in entry["inputs"]
        )
        parameters = model.get("parameters")
        made.add_row(
            Text(entry["id"], "bold"),
            entry["tier"],
            "–" if parameters is None else f"{parameters:,}",
            Text(inputs),
            words.number(model.get("change")),
            Text(", ".join(entry["operators"] or model.get("operators", []))),
        )
    return made
