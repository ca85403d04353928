"""What compilers for edge devices make of the targets that they take: a section of docs/targets.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfparity.evidence.query import Standing, Table
from tfparity.inputs.matrix import Runtime
from tfparity.records.cells import Entry, Failure
from tfparity.report import markdown, words


@dataclass(frozen=True)
class Tried:
    """What a compiler made of a cell's target."""

    compiler: Runtime
    cell: Standing
    entry: Entry

    @property
    def error(self) -> Failure | None:
        return self.cell.beside.get(self.entry.error or "")

    @property
    def whole(self) -> bool:
        """Whether nothing is left on the CPU."""
        compiled = self.entry.compiled
        return self.entry.outcome.passed and compiled is not None and not compiled.left

    @property
    def said(self) -> str:
        """ "✓ all 57 operators on ethos-u55-256", "✗ NotCompiled: …"."""
        if self.entry.outcome.passed:
            return f"✓ {self.entry.compiled.text if self.entry.compiled else ''}".rstrip()
        return f"✗ {words.shortened(self.error.text, 300) if self.error else self.entry.outcome}"


def tried(table: Table) -> list[Tried]:
    """All that is recorded, in the order of the matrix and of the zoo."""
    compilers = [one for one in table.selection.matrix.runtimes.values() if one.compiler is not None]
    cells = [cell for mine in table.cells.values() for cell in mine if cell.cell is not None]
    return [
        Tried(compiler, cell, cell.cell.runtimes[compiler.id])
        for compiler in compilers
        for cell in cells
        if cell.cell is not None and compiler.id in cell.cell.runtimes
    ]


def section(table: Table) -> list[str]:
    """Parts of a page: an answer in a sentence for each compiler, then what it leaves on the CPU of each file."""
    found = tried(table)
    if not found:
        return []
    parts = ["## Will an edge compiler take it?"]
    for compiler in dict.fromkeys(one.compiler.id for one in found):
        mine = [one for one in found if one.compiler.id == compiler]
        parts += [answer(mine), _rows(mine)]
    return [*parts, NOTES]


#: How to read the section.
NOTES = """\
An open batch is compiled as a batch of one. What is left on the CPU runs beside the accelerator, by the device's own
interpreter; whether the answers of the device are right is not said: there is none here. A file of your own:
`tfparity runtimes model-int8-io.tflite --runtime compile-vela5.2` ([runtimes.md](runtimes.md#edge-compilers))."""


def answer(found: Sequence[Tried]) -> str:
    """Of one compiler: how many files it takes, how many whole, and what it leaves most often. All of it counted."""
    compiler = found[0].compiler
    named = ", ".join(f"{name} {version}" for name, version in compiler.pins.items())
    taken = [one for one in found if one.entry.outcome.passed]
    made = [one.entry.compiled for one in taken if one.entry.compiled]
    said = (
        f"**{named} takes {len(taken)} of {len(found)} {compiler.target} files"
        f"{f' for {made[0].accelerator}' if made else ''}, {sum(one.whole for one in taken)} of them whole"
    )
    operators = sum(one.operators for one in made)
    if operators:
        on_cpu = sum(one.on_cpu for one in made)
        said += f"; {on_cpu} of their {operators} operators are left on the CPU"
        most = _most(name for one in made for name in one.left)
        said += f", most often {most}" if most else ""
    return said + ".**"


def _most(names: Iterable[str]) -> str:
    """The names that the most files have, three at most: "SOFTMAX (4 files)"."""
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    first = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:3]
    return ", ".join(f"{name} (in {count} {'file' if count == 1 else 'files'})" for name, count in first)


def _rows(found: Sequence[Tried]) -> str:
    rows = [
        [
            markdown.code(one.cell.planned.case),
            markdown.text(one.cell.planned.route),
            one.cell.planned.toolchain,
            markdown.text(one.said),
        ]
        for one in found
    ]
    return markdown.table(["case", "route", "toolchain", found[0].compiler.id], rows)
