"""The sentences of an upgrade's report, for every output the same. Plain text: each output escapes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tfparity.features.upgrade.kinds import MEANINGS, NO_ANSWER, Kind
from tfparity.features.upgrade.report import Across, Group, Upgrade
from tfparity.report import words

if TYPE_CHECKING:
    from tfparity.features.upgrade.artifact_report import ArtifactUpgrade

#: How the resolver begins to say why there are no such packages.
_RESOLVER = re.compile(r"^error: No solution found when resolving dependencies\W+(?:cause: )?")


def resolver(reason: str) -> str:
    """The resolver's reason without how it begins."""
    return _RESOLVER.sub("", reason)


def rests(report: Upgrade) -> str:
    """What the comparison rests on."""
    on, base, head = report.rests, report.base.label, report.head.label
    ran = f", {on.ran} of them run just now" if on.ran else ""
    left = [
        f"{count} {where}"
        for count, where in (
            (on.base_only, f"without a current result on {head}"),
            (on.head_only, f"without a current result on {base}"),
            (on.neither, "without any"),
        )
        if count
    ]
    stale = f" ({on.stale} of these stale)" if on.stale else ""
    not_compared = f" Not compared: {', '.join(left)}{stale}; --run runs them." if left else ""
    return f"Rests on {words.cells(on.compared)} (a model by a route) known on both sides{ran}.{not_compared}"


def packages(report: Upgrade | ArtifactUpgrade) -> str:
    """The packages whose versions differ: "torch 2.6.0 → 2.15.0, …"; empty where none does."""
    moved = [f"{one.name} {one.base or 'none'} → {one.head or 'none'}" for one in report.packages]
    added = [name for name in report.head.shims if name not in report.base.shims]
    dropped = [name for name in report.base.shims if name not in report.head.shims]
    moved += [f"shim {name} added" for name in added] + [f"shim {name} dropped" for name in dropped]
    if report.base.python != report.head.python:
        moved.insert(0, f"Python {report.base.python} → {report.head.python}")
    return ", ".join(moved)


def models(group: Group) -> str:
    """ "1 model", "42 models by onnx-tf and onnx-tf-dynamo"."""
    routes = list(dict.fromkeys(cell.route for cell in group.cells))
    worked = f", of which {group.worked} {_converts(group.worked)} on BASE" if group.worked < group.models else ""
    return f"{_models(group.models)} by {' and '.join(routes)}{worked if group.kind is Kind.ENVIRONMENT_BROKEN else ''}"


def across(way: Across) -> str:
    """A way by which models get across, and how many."""
    shims = [f"the shim{'s' if len(way.shims) > 1 else ''} {_listed(list(way.shims))}"] if way.shims else []
    brings = [*shims, *way.packages]
    adds = f", which adds {_listed(brings)}" if brings else ""
    apart = " (its two sides are environments of their own)" if way.split else ""
    place = {
        "remedy": f"by {way.name}",
        "route": f"by the route {way.route} on {way.name}",
        "toolchain": f"on {way.name}{apart} by {way.route}{adds}",
    }[way.how]
    if way.likely:
        return f"{place}: {way.models} of {_models(way.of)} that are recorded to fail alike"
    return f"{place}: {way.models} of {_models(way.of)}"


def ending(report: Upgrade) -> str:
    """The exit code in words."""
    if report.exit_code == NO_ANSWER:
        return f"upgrade: exit code {NO_ANSWER}, no answer: no cell is known on both sides"
    if not report.exit_code:
        return "upgrade: exit code 0, nothing is worse"
    worst = next(kind for kind in Kind if kind.exit_code == report.exit_code)
    return f"upgrade: exit code {report.exit_code}, {worst}: {MEANINGS[worst]}"


def _converts(count: int) -> str:
    return "converts" if count == 1 else "convert"


def _models(count: int) -> str:
    return f"{count} model" + ("" if count == 1 else "s")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
