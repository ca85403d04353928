"""Every page of the site: its path, its template, and what that is filled with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfparity.evidence import ranges
from tfparity.evidence.claims import Word
from tfparity.evidence.query import Standing, counted
from tfparity.paths import worker_modules
from tfparity.records.vocabulary import Verdict
from tfparity.report import claims, plots, readme, tflite, words
from tfparity.report import ranges as since
from tfparity.report.site import answers, api, changes, facts, phrases
from tfparity.report.site.collect import Facts
from tfparity.report.site.facts import CaseFacts, LimitationFacts, RouteFacts, ToolchainFacts
from tfparity.report.site.text import plain
from tfparity.worker import remedies

#: Models that stand for their kind on the first screen: what guides convert, and one that is hard.
KINDS = (
    ("An image classifier", "torchvision/resnet50"),
    ("A small image classifier", "torchvision/mobilenet-v2"),
    ("A detector or segmenter", "torchvision/deeplabv3-resnet50"),
    ("BERT", "huggingface/bert"),
    ("GPT-2", "huggingface/gpt2"),
    ("T5", "huggingface/t5"),
    ("ViT", "huggingface/vit"),
    ("An LSTM", "operators/lstm"),
    ("A GRU", "operators/gru"),
)


@dataclass(frozen=True)
class Page:
    """A page below the site's root. values: what its template names beside `page` and `root`."""

    path: str
    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)


def every(found: Facts) -> Iterator[Page]:
    """All of them."""
    yield _home(found)
    yield Page("search.html", "search.html", "Search")
    yield _data(found)
    yield _tflite(found)
    yield _latency(found)
    yield _remedies(found)
    yield _changes(found)
    yield _claims(found)
    yield Page("trends.html", "trends.html", "How much works", {"pictures": pictures(found)})
    yield from _toolchains(found)
    yield from _tensorflow(found)
    yield from _cases(found)
    yield from _operators(found)
    yield from _limitations(found)
    yield from _routes(found)


def _data(found: Facts) -> Page:
    values = {"index": api.index(found), "columns": api.COLUMNS, "client": api.CLIENT}
    return Page("data.html", "data.html", "Data", values)


def _changes(found: Facts) -> Page:
    values = {"changes": [(one, changes.said(one)) for one in found.changes]}
    return Page("changes.html", "changes.html", "What changed", values)


def _claims(found: Facts) -> Page:
    counts = {word: sum(one.answer is word for one in found.claims) for word in Word}
    values = {"claims": found.claims, "counts": counts, "SIGNS": claims.SIGNS}
    return Page("claims.html", "claims.html", "Folklore against measurement", values)


def _home(found: Facts) -> Page:
    families = list(dict.fromkeys(case.family for case in found.cases))
    overview = [(chain, list(_by_family(found, chain, families).values())) for chain in found.toolchains]
    by_id = {case.id: case for case in found.cases}
    chains = {chain.id: chain for chain in found.toolchains}
    kinds = [(name, by_id[case]) for name, case in KINDS if case in by_id]
    return Page(
        "index.html",
        "home.html",
        "Which PyTorch to TensorFlow toolchains convert which models",
        {
            "families": families,
            "overview": overview,
            "kinds": kinds,
            "sets": [(title, chains[one.id]) for title, one in readme.sets(found.table).items()],
            "versions": found.versions,
            "index": found.index,
            "verdicts": words.VERDICTS,
        },
    )


def _by_family(found: Facts, chain: ToolchainFacts, families: Sequence[str]) -> dict[str, Counter[Verdict]]:
    """Family → verdict → cells, of a toolchain."""
    cells: dict[str, list[Standing]] = {family: [] for family in families}
    for cell in found.table.cells[chain.id]:
        cells[cell.planned.case.partition("/")[0]].append(cell)
    return {family: counted(mine) for family, mine in cells.items()}


def _tflite(found: Facts) -> Page:
    recorded: dict[str, Counter[str]] = {}
    for content in found.cells.values():
        for cell in content.cells:
            for name, entry in cell.targets.items():
                recorded.setdefault(name, Counter())[phrases.target(entry)] += 1
    rows = tflite.by_route(found.table)
    values = {"rows": rows, "said": tflite.answer(rows), "recorded": recorded}
    return Page("tflite.html", "tflite.html", "PyTorch to TFLite", values)


def _latency(found: Facts) -> Page:
    rows = [
        (cell, name, ratio)
        for content in found.cells.values()
        for cell in content.cells
        for name, ratio in cell.latency.items()
    ]
    verdicts = Counter(ratio.verdict for _, name, ratio in rows if name == "saved-model")
    return Page("latency.html", "latency.html", "Is it slower?", {"rows": rows, "verdicts": verdicts})


def pictures(found: Facts) -> dict[str, str]:
    """Path below the site's root → picture."""
    return {f"images/{path.name}": text for path, text in plots.contents(found.table).items()}


def _remedies(found: Facts) -> Page:
    described = [(name, plain(" ".join(remedies.described(name).split()), 1200)) for name in worker_modules("remedies")]
    rules: dict[str, list[LimitationFacts]] = {}
    for rule in found.limitations:
        for name in rule.remedies:
            rules.setdefault(name, []).append(rule)
    cured: dict[str, set[str]] = {}
    for content in found.cells.values():
        for cell in content.cells:
            if cell.verdict.works:
                for name in cell.remedies:
                    cured.setdefault(name, set()).add(cell.case)
    values = {"remedies": described, "rules": rules, "cured": cured}
    return Page("remedies.html", "remedies.html", "Remedies", values)


def _toolchains(found: Facts) -> Iterator[Page]:
    yield Page("toolchains/index.html", "toolchains.html", "Toolchains", {"toolchains": found.toolchains})
    rules = {rule.id: rule for rule in found.limitations}
    families = list(dict.fromkeys(case.family for case in found.cases))
    for chain in found.toolchains:
        content = found.cells[chain.id]
        failing: dict[str, list[facts.CellFacts]] = {}
        for cell in content.cells:
            if cell.verdict.failing:
                failing.setdefault(cell.limitation or "", []).append(cell)
        values = {
            "chain": chain,
            "families": _by_family(found, chain, families),
            "change": answers.neighbour(found.table, chain.id),
            "failing": sorted(failing.items(), key=lambda item: -len(item[1])),
            "rules": rules,
            "why_not": _why_not(content),
        }
        yield Page(phrases.toolchain_path(chain.id), "toolchain.html", chain.id, values)


def _why_not(content: facts.CellsFile) -> list[tuple[Verdict, str | None, int]]:
    """The verdicts and reasons of what was not run, and how many cells each has."""
    counts: Counter[tuple[Verdict, str | None]] = Counter()
    for group in content.rest:
        counts[group.verdict, group.reason] += len(group.cases)
    return [(verdict, reason, count) for (verdict, reason), count in counts.most_common()]


def _tensorflow(found: Facts) -> Iterator[Page]:
    for version in found.versions:
        chains = sorted(
            (chain for chain in found.toolchains if chain.tensorflow == version),
            key=lambda chain: -answers.share(chain.counts)[0],
        )
        mine = {chain.id for chain in chains}
        cells = [cell for id in mine for cell in found.table.cells[id]]
        across = {cell.planned.case for cell in cells if cell.verdict.works}
        ran = {cell.planned.case for cell in cells if cell.verdict.ran}
        failed = Counter(
            cell.limitation.id
            for cell in cells
            if cell.limitation and cell.verdict.failing and cell.planned.case not in across
        )
        values = {
            "version": version,
            "chains": chains,
            "across": across,
            "ran": ran,
            "failed": failed.most_common(12),
            "kinds": [(name, id, best_on(found, id, version, mine)) for name, id in KINDS if id in found.cells_of_case],
        }
        yield Page(phrases.tensorflow_path(version), "tensorflow.html", f"TensorFlow {version}", values)


def best_on(found: Facts, case: str, version: str, toolchains: set[str]) -> Standing | None:
    """What is best recorded of a case on the toolchains of a TensorFlow: the recommended cell, else the best verdict;
    None where the plan has none there."""
    works = found.by_version[case].get(version)
    cells = () if works else [cell for cell in found.cells_of_case[case] if cell.planned.toolchain in toolchains]
    return works or min(cells, key=lambda cell: (not cell.verdict.ran, _plain_order(cell.verdict)), default=None)


def _plain_order(verdict: Verdict) -> int:
    """Of verdicts without a run, "untested" says more of a set of cells than "not applicable" does."""
    return -1 if verdict is Verdict.UNTESTED else verdict.position


def _cases(found: Facts) -> Iterator[Page]:
    families: dict[str, list[CaseFacts]] = {}
    for case in found.cases:
        families.setdefault(case.family, []).append(case)
    yield Page("cases/index.html", "cases.html", "Models and operators", {"families": families})
    chains = {chain.id: chain for chain in found.toolchains}
    of_version = {
        version: {chain.id for chain in found.toolchains if chain.tensorflow == version} for version in found.versions
    }
    recorded: dict[str, list[facts.CellFacts]] = {}
    for content in found.cells.values():
        for cell in content.cells:
            recorded.setdefault(cell.case, []).append(cell)
    for case in found.cases:
        by_version = [(version, best_on(found, case.id, version, mine)) for version, mine in of_version.items()]
        rest = Counter(cell.verdict for cell in found.cells_of_case[case.id] if cell.cell is None)
        values = {
            "case": case,
            "best": case.best,
            "chain": chains[case.best.toolchain] if case.best else None,
            "cells": recorded.get(case.id, []),
            "by_version": [(version, cell) for version, cell in by_version if cell is not None],
            "rest": {verdict: rest[verdict] for verdict in Verdict if rest[verdict]},
            "forms": _forms(found, case.id),
            "since": _since(found, case.id),
        }
        yield Page(phrases.case_path(case.id), "case.html", case.id, values)


def _since(found: Facts, case: str) -> dict[str, str]:
    """Route → since when and until when the case works by it, of routes by which it works somewhere."""
    by_route: dict[str, list[Standing]] = {}
    for cell in found.cells_of_case[case]:
        by_route.setdefault(cell.planned.route, []).append(cell)
    found_ranges = {
        route: ranges.of(cells, found.table.selection.matrix)
        for route, cells in by_route.items()
        if any(cell.verdict.works for cell in cells)
    }
    return {route: since.sentence(one) for route, one in found_ranges.items()}


def _forms(found: Facts, case: str) -> list[str]:
    """Cases whose names begin with this one's, or that this one's begins with: other forms of a model."""
    return [
        id
        for id in found.cells_of_case
        if id != case and (id.startswith(f"{case}-") or case.startswith(f"{id}-"))
    ][:12]  # fmt: skip


def _operators(found: Facts) -> Iterator[Page]:
    using: dict[str, list[CaseFacts]] = {}
    for case in found.cases:
        for operator in case.operators:
            using.setdefault(operator, []).append(case)
    counts = {name: _across(cases) for name, cases in sorted(using.items())}
    yield Page("operators/index.html", "operators.html", "ONNX operators", {"counts": counts})
    for name, cases in sorted(using.items()):
        smallest = sorted(cases, key=lambda case: (len(case.operators), case.id))
        rules = [rule for rule in found.limitations if _about(rule, name)]
        values = {"name": name, "cases": smallest, "across": counts[name], "rules": rules}
        yield Page(phrases.operator_path(name), "operator.html", name, values)


def _across(cases: Sequence[CaseFacts]) -> tuple[int, int]:
    """How many of those that were run convert by some way."""
    ran = [case for case in cases if answers.share(case.counts)[1]]
    return sum(case.best is not None for case in ran), len(ran)


def _about(rule: LimitationFacts, operator: str) -> bool:
    """Whether a rule names an operator among those that a file has to have, or as a word of its pattern or cause."""
    return operator in rule.operators or operator in re.findall(r"\w+", " ".join((*rule.matches, rule.cause)))


def _limitations(found: Facts) -> Iterator[Page]:
    seen = sorted(found.limitations, key=lambda rule: -rule.cells)
    yield Page("limitations/index.html", "limitations.html", "Known issues", {"rules": seen})
    failing = answers.by_rule(found.table)
    for rule in found.limitations:
        by_case: dict[tuple[str, str], list[str]] = {}
        for cell in failing.get(rule.id, []):
            by_case.setdefault((cell.planned.case, cell.planned.route), []).append(cell.planned.toolchain)
        shown = next((cell.error for cell in failing.get(rule.id, []) if cell.error), None)
        values = {
            "rule": rule,
            "by_case": by_case,
            "message": plain(words.failure(shown), 2000) if shown else None,
            "count": answers.elsewhere(found.table, rule.id)[0] if rule.cells else 0,
        }
        yield Page(phrases.limitation_path(rule.id), "limitation.html", rule.id, values)


def _routes(found: Facts) -> Iterator[Page]:
    reached = {route.name: answers.reach(found.table, route.name) for route in found.routes}
    yield Page("routes/index.html", "routes.html", "Routes", {"routes": found.routes, "reached": reached})
    for route in found.routes:
        rules = Counter(
            cell.limitation
            for content in found.cells.values()
            for cell in content.cells
            if cell.route == route.name and cell.limitation
        )
        values = {"route": route, "reach": reached[route.name], "rules": rules.most_common(15), **_table(found, route)}
        yield Page(phrases.route_path(route.name), "route.html", route.name, values)


def _table(found: Facts, route: RouteFacts) -> dict[str, Any]:
    """The route's toolchains with the share of cells that work, and the core cases that convert by it nowhere."""
    rows = [
        (id, found.table.counts(id, lambda cell: cell.route == route.name)) for id in route.toolchains
    ]  # fmt: skip
    never = []
    for case, cells in found.table.core.items():
        mine = [cell for cell in cells if cell.planned.route == route.name and cell.verdict.ran]
        if mine and not any(cell.verdict.works for cell in mine):
            never.append(case)
    return {"rows": rows, "never": never}
