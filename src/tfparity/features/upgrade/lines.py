"""The sentences of an upgrade's report, for every output the same. Plain text: each output escapes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfparity.features.upgrade.kinds import MEANINGS, NO_ANSWER, Kind
from tfparity.features.upgrade.report import Across, Group, Package, Rests, Side, Upgrade
from tfparity.records.vocabulary import Tier
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
    not_compared = f" Not compared: {', '.join(left)}{stale}{_what_runs(on)}." if left else ""
    return f"Rests on {words.cells(on.compared)} (a model by a route) known on both sides{ran}.{not_compared}"


def _what_runs(on: Rests) -> str:
    """What --run does for the cells that were not compared."""
    if on.runs >= on.not_compared:
        return f"; --run runs {'it' if on.not_compared == 1 else 'them'}"
    if on.tier == Tier.ALL:
        return f"; --run runs {on.runs} of them" if on.runs else ""
    if not on.runs:
        return f"; --run --tier all runs them (of the {on.tier} cases, which --run runs, none is missing)"
    return f"; --run runs {on.runs} of them, the {on.tier} cases, --run --tier all the rest, too"


#: What is named first of what moves.
FIRST = ("tensorflow", "tensorflow-cpu", "torch", "onnx", "onnx-tf", "transformers", "keras")

#: So many packages that move along are named in the verdict.
MOST_ALSO = 3


def also(asked: Sequence[str], base: Side, head: Side, packages: Sequence[Package]) -> str:
    """What moves beside what HEAD is about, to the end of a sentence; empty where nothing does: "; beside tensorflow
    2.15.1 → 2.16.1 it also moves torch 2.15.0 → 2.2.2 and 4 more". asked: as of Sides; without, what HEAD's id says and
    BASE's does not ("tf2.16"), else the first framework that moves."""
    moved = sorted(packages, key=lambda one: (FIRST.index(one.name) if one.name in FIRST else len(FIRST), one.name))
    names = [one.name for one in moved]
    about = asked or _about(base.id, head.id, names)
    others = [*[_moved(one) for one in moved if one.name not in about], *_beside_packages(base, head)]
    if not others:
        return ""
    beside = words.listed([_moved(one) for one in moved if one.name in about])
    listed = [*others[:MOST_ALSO], *([f"{len(others) - MOST_ALSO} more"] if len(others) > MOST_ALSO else [])]
    return f"; {f'beside {beside} ' if beside else ''}it also moves {words.listed(listed)}"


def _about(base: str, head: str, moved: Sequence[str]) -> Sequence[str]:
    """Which of the packages that move two ids are about."""
    said = {*head.split("-")} - {*base.split("-")}
    called = [re.sub(r"[0-9.]+$", "", word) for word in head.split("-") if word in said]
    named = [name for name in ("tensorflow" if word == "tf" else word for word in called) if name in moved]
    return [*named, *moved][:1]


def _moved(one: Package) -> str:
    return f"{one.name} {one.base or 'none'} → {one.head or 'none'}"


def _beside_packages(base: Side, head: Side) -> list[str]:
    """Python and shims, where they differ."""
    found = [f"Python {base.python} → {head.python}"] if base.python != head.python else []
    found += [f"shim {name} added" for name in head.shims if name not in base.shims]
    return found + [f"shim {name} dropped" for name in base.shims if name not in head.shims]


def packages(report: Upgrade | ArtifactUpgrade) -> str:
    """The packages whose versions differ: "torch 2.6.0 → 2.15.0, …"; empty where none does."""
    return ", ".join([*map(_moved, report.packages), *_beside_packages(report.base, report.head)])


def models(group: Group) -> str:
    """ "1 model", "42 models by onnx-tf and onnx-tf-dynamo"."""
    routes = list(dict.fromkeys(cell.route for cell in group.cells))
    worked = ""
    if group.kind is Kind.ENVIRONMENT_BROKEN and group.worked < group.models:
        worked = f", of which {group.worked} {'converts' if group.worked == 1 else 'convert'} on BASE"
    return f"{words.counted(group.models, 'model')} by {words.listed(routes)}{worked}"


def across(way: Across) -> str:
    """A way by which models get across, and how many."""
    shims = [f"the shim{'s' if len(way.shims) > 1 else ''} {words.listed(way.shims)}"] if way.shims else []
    brings = [*shims, *way.packages]
    adds = f", which adds {words.listed(brings)}" if brings else ""
    apart = " (its two sides are environments of their own)" if way.split else ""
    place = {
        "remedy": f"by {way.name}",
        "route": f"by the route {way.route} on {way.name}",
        "toolchain": f"on {way.name}{apart} by {way.route}{adds}",
    }[way.how]
    if way.likely:
        return f"{place}: {way.models} of {words.counted(way.of, 'model')} that are recorded to fail alike"
    return f"{place}: {way.models} of {words.counted(way.of, 'model')}"


def ending(report: Upgrade) -> str:
    """The exit code in words."""
    if report.exit_code == NO_ANSWER:
        hint = "; --run runs what is missing" if report.rests.runs else ""
        return f"upgrade: exit code {NO_ANSWER}, no answer: no cell is known on both sides{hint}"
    if not report.exit_code:
        return "upgrade: exit code 0, nothing is worse"
    worst = next(kind for kind in Kind if kind.exit_code == report.exit_code)
    return f"upgrade: exit code {report.exit_code}, {worst}: {MEANINGS[worst]}"
