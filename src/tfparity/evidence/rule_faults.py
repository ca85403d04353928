"""What a rule of limitations.yaml may not say: a line for each that denies its own remedies, tells people to wait for
what will not come, matches no reason, explains two errors, or claims a cause that nothing shows."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_name

from tfparity import paths
from tfparity.evidence.explain import BESIDE, Explainer, failing_entries
from tfparity.evidence.schema import Evidence
from tfparity.inputs import specifiers
from tfparity.inputs.limitations import NO_LINK, SPECIAL, Limitation, Rules
from tfparity.inputs.reasons import reason
from tfparity.records.cells import AttemptLine, Cell

_DENIES = re.compile(r"\bnone (?:known|tried)\b|^none\b", re.IGNORECASE)

#: "a later torch", "TensorFlow 2.13 or later"; what comes "yet" or is waited for.
_LATER = re.compile(
    r"\b(?:later|newer) (?:release of )?(?P<any>[A-Za-z][\w-]*)"
    r"|(?P<named>[A-Za-z][\w-]*) (?P<version>\d[\d.]*\d|\d) (?:or|and) (?:later|newer)"
)
_WAIT = re.compile(r"\byet\b|\bwait for\b", re.IGNORECASE)

#: A version that every upper bound excludes.
_SOME_DAY = "99999"


class _Explained(NamedTuple):
    """A failed attempt that a rule is the first to explain."""

    content: Evidence
    cell: Cell
    attempt: AttemptLine
    text: str


def faults(rules: Sequence[Limitation], evidence: Iterable[Evidence], root: Path) -> list[str]:
    """The faults of rules, a line each, by what the evidence has. `root`: the folder that tests are named from."""
    evidence = list(evidence)
    explained = _explained(rules, evidence)
    found = []
    for rule in rules:
        of_rule = explained[rule.id]
        for fault in (
            *_denies(rule),
            *_waits(rule),
            *_without_reason(rule),
            *_two_errors(rule, of_rule),
            *_unshown(rule, of_rule, root),
        ):
            found.append(f"limitations.yaml: {rule.id} {fault}")
    return found


def _explained(rules: Sequence[Limitation], evidence: Iterable[Evidence]) -> Mapping[str, list[_Explained]]:
    found: dict[str, list[_Explained]] = defaultdict(list)
    ready = Rules.of(rules)
    for content in evidence:
        explainer = Explainer(content, ready)
        for cell in content.cells:
            beside = (failing_entries(cell, stage).values() for stage in BESIDE)
            for attempt in itertools.chain(cell.attempts, *beside):
                if attempt.error is not None and (first := explainer.first(cell, attempt)):
                    found[first].append(_Explained(content, cell, attempt, content.errors[attempt.error].text))
    return found


def _denies(rule: Limitation) -> Iterator[str]:
    if rule.remedies and _DENIES.search(rule.remedy):
        yield f"says {rule.remedy!r} beside its remedies {', '.join(rule.remedies)}"


def _waits(rule: Limitation) -> Iterator[str]:
    """A later version is an advice only below a bound that it passes."""
    bounded = [name for name in rule.when if _excluded(rule, name, _SOME_DAY)]
    if _WAIT.search(f"{rule.cause} {rule.remedy}") and not bounded:
        yield "tells people to wait, and holds for every version to come: bound a package in `when`"
    for advice in _LATER.finditer(rule.remedy):
        name = canonicalize_name(advice["any"] or advice["named"])
        version = advice["version"] or _SOME_DAY
        if name in _packages(rule) and not _excluded(rule, name, version):
            yield f"advises {advice.group()!r} where that is installed already: bound {name} in `when`"


def _packages(rule: Limitation) -> set[str]:
    """The packages that a rule's remedy may name: those under `when`, and the ones that every toolchain has."""
    return {*rule.when, "torch", "onnx", "onnx-tf", "tensorflow", "transformers", "torchvision", "jax"}


def _excluded(rule: Limitation, name: str, version: str) -> bool:
    special = name in (*SPECIAL, "opset")
    return not special and name in rule.when and not specifiers.allows(rule.when[name], version)


def _without_reason(rule: Limitation) -> Iterator[str]:
    """A pattern that any failure of a kind meets needs something else that is the cause: what a remedy does, an
    operator, or one zoo case after the other by its name."""
    if "remedy" in rule.when or rule.operators or not any("*" in case or "?" in case for case in rule.cases):
        return
    for pattern in rule.matches:
        if not reason(pattern):
            yield f"matches {pattern!r}, which says no reason: name the cases, the operators or the remedy"


def _two_errors(rule: Limitation, explained: Sequence[_Explained]) -> Iterator[str]:
    """Where no pattern says the reason, the errors and the cures of the cases have to be of one kind."""
    if "remedy" in rule.when or all(map(reason, rule.matches)) or not rule.understood:
        return
    cures = {one.cell.case: set(one.cell.named) & set(rule.remedies) for one in explained if one.cell.verdict.works}
    kept = [cure for cure in cures.values() if cure]
    if kept and set.intersection(*kept):
        return
    if kept:
        yield f"explains cases that different remedies cure: {', '.join(sorted(cures))}"
    reasons: dict[str, set[frozenset[str]]] = defaultdict(set)
    for one in explained:
        if len(rule.cases) > 1 and not any(reason(pattern) and _has(pattern, one.text) for pattern in rule.matches):
            reasons[one.cell.route].add(reason(one.text))
    for route, kinds in reasons.items():
        if len(kinds) > 1:
            shown = " and ".join(sorted(" ".join(sorted(words)) or "nothing" for words in kinds)[:2])
            yield f"explains different errors by {route}: {shown}"


def _has(pattern: str, text: str) -> bool:
    return re.search(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _unshown(rule: Limitation, explained: Sequence[_Explained], root: Path) -> Iterator[str]:
    """A known cause is cited by a link, or reproduced: by a change of ours that causes it, a remedy that cures a
    recorded cell, a case that lacks the cause and works, or a test."""
    missing = [shown for shown in rule.shown if not _is_shown(shown, explained, root)]
    for shown in missing:
        yield f"is not shown by {shown}: no such test, or no such case that works where the rule's fail"
    cured = any(one.cell.verdict.works and set(one.cell.named) & set(rule.remedies) for one in explained)
    reproduced = "remedy" in rule.when or cured or bool(rule.shown)
    if rule.understood and rule.link == NO_LINK and not reproduced:
        yield "claims a cause without a link, and nothing shows it: cite it, reproduce it (`shown`), or say unknown"


def _is_shown(shown: str, explained: Sequence[_Explained], root: Path) -> bool:
    if shown.startswith("tests/"):
        file, _, name = shown.partition("::")
        path = root / file
        return path.is_file() and f"\ndef {name}(" in paths.read_text(path)
    beside = (one.content.cell(shown, one.cell.route) for one in explained if one.cell.verdict.failing)
    return any(cell is not None and cell.verdict.works for cell in beside)
