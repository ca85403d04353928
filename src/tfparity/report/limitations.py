"""docs/limitations.md and docs/limitations/: every rule, with how many cells fail by it and what works instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tfparity.evidence.query import Standing, Table
from tfparity.inputs.limitations import NO_LINK, Limitation
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown, targets, words

#: How many cases or targets a rule's block names.
NAMED = 3


def pages(table: Table) -> dict[str, str]:
    """By path below docs/: the list of all rules, and a page for those of each stage, in the order of
    limitations.yaml."""
    every = [cell for cells in table.cells.values() for cell in cells]
    found = _Found(every)
    by_page: dict[str, list[Limitation]] = {}
    for rule in table.limitations:
        by_page.setdefault(_page(rule), []).append(rule)
    made = {"limitations.md": _index(table.limitations, every, found)}
    for path, rules in by_page.items():
        blocks = (found.block(rule) for rule in rules)
        made[path] = "\n\n".join([f"# Limitations: {rules[0].stage[0]}", *blocks]) + "\n"
    return made


def _page(rule: Limitation) -> str:
    return f"limitations/{rule.stage[0]}.md"


def _index(rules: Sequence[Limitation], every: Sequence[Standing], found: _Found) -> str:
    stale = sum(cell.verdict is Verdict.STALE for cell in every)
    understood = [cell for cell in found.failing if cell.limitation and cell.limitation.understood]
    parts = [
        "# Limitations",
        (
            f"{len(found.failing)} of {len(every)} cells are broken or partial; {len(understood)} of them are "
            f"understood, {len(found.failing) - len(understood)} are not."
            + (f" {stale} more were recorded under an older revision." if stale else "")
        ),
        (
            "The known issues, each with a link to its cause and remedies. [The site](site.md) has a page for each, "
            "with all of its cells, and finds it by the text of an error."
        ),
        markdown.table(
            ["issue", "where", "stage", "cells"],
            [
                [
                    f'<a id="{rule.id}"></a>[{rule.id}]({_page(rule)}#{rule.id})',
                    markdown.text(_where(rule)),
                    " or ".join(rule.stage),
                    str(found.count(rule)),
                ]
                for rule in rules
            ],
            align="lllr",
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _where(rule: Limitation) -> str:
    return ", ".join(f"{name} {specifier}" for name, specifier in rule.when.items()) or "everywhere"


class _Found:
    """What is recorded of each rule. every: all planned cells."""

    def __init__(self, every: Sequence[Standing]) -> None:
        self.failing = [cell for cell in every if cell.verdict.failing]
        self.cured, self._made = _cured(every), targets.made(every)
        self._probed = [cell for cell in every if cell.probed]

    def count(self, rule: Limitation) -> int:
        """How many cells the rule explains: those that fail by it, of which a probe finds it, that have such a
        target."""
        return len(self._by(rule)) + len(self._of_probes(rule)) + len(targets.explained(self._made, rule))

    def _by(self, rule: Limitation) -> list[Standing]:
        return [cell for cell in self.failing if cell.limitation == rule]

    def _of_probes(self, rule: Limitation) -> list[Standing]:
        return [cell for cell in self._probed if rule in cell.probed.values()]

    def block(self, rule: Limitation) -> str:
        """What a rule says, and some of the cells that fail by it, of which a probe finds it, of the targets."""
        link = markdown.text(rule.link) if rule.link == NO_LINK else f"<{rule.link}>"
        named = " and ".join(map(markdown.code, rule.operators))
        of_own = f", of a model of your own with {named} in its file" if named else ""
        lines = [
            f"- where: {markdown.text(_where(rule))}, stage {' or '.join(rule.stage)}{of_own}",
            f"- the error has: {' or '.join(map(markdown.code, rule.matches))}",
            f"- cause: {markdown.text(rule.cause)}",
            f"- link: {link}",
            f"- remedy: {markdown.text(rule.remedy)}",
        ]
        if rule.remedies:
            tried = (
                f"[{name}](../remedies.md#{name}) (cases that work by it: {self.cured[name]})" for name in rule.remedies
            )
            how = "remedies" if rule.stage == ("probe",) else "remedies that are tried automatically"
            lines.append(f"- {how}: {', '.join(tried)}")
        if rule.shown:
            lines.append(f"- shown by: {', '.join(map(markdown.code, rule.shown))}")
        if rule.investigated:
            lines.append(f"- investigated: {markdown.text(rule.investigated)}")
        met = [
            _cases(self._by(rule), ""),
            _cases(self._of_probes(rule), " at level 2"),
            _some(targets.explained(self._made, rule), "targets"),
        ]
        lines += [f"- recorded: {said}" for said in met if said] or ["- recorded: no cell"]
        return f'## <a id="{rule.id}"></a>{rule.id}\n\n' + "\n".join(lines)


def _cases(cells: Sequence[Standing], how: str) -> str:
    """How many cells, and some of their cases."""
    by_case = Counter((cell.planned.case, cell.planned.route) for cell in cells)
    named = [f"{markdown.code(case)} ({route}, {count})" for (case, route), count in by_case.items()]
    return f"{words.cells(len(cells))}{how}: {_first(named)}" if cells else ""


def _some(found: Sequence[str], what: str) -> str:
    return f"{len(found)} {what}: {_first([one.removeprefix('- ') for one in found])}" if found else ""


def _first(named: Sequence[str]) -> str:
    more = len(named) - NAMED
    return ", ".join(named[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _cured(cells: Sequence[Standing]) -> Counter[str]:
    """Remedy → number of cases that work with it on some toolchain."""
    working = {
        (name, cell.planned.case)
        for cell in cells
        if cell.cell is not None and cell.verdict is Verdict.WORKS_WITH_REMEDY
        for name in cell.cell.named
    }
    return Counter(name for name, _ in working)
