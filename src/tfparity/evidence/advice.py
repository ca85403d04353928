"""Which toolchain for a set of models and wishes, by what is recorded. Pure.

A toolchain fits where every model works on it by some route that the wishes allow, with every target and runtime that
was wished for. What was never run is said to be untested, and never fits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

from tfparity.evidence import ranges
from tfparity.evidence.operators import Outlook
from tfparity.evidence.query import Standing
from tfparity.evidence.ranges import ReleaseId
from tfparity.evidence.recommend import Way
from tfparity.inputs import specifiers
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.records.cells import Entry
from tfparity.records.vocabulary import Grade, Target

#: What a version may be wished of, with the packages that it is the version of.
VERSIONED: Mapping[str, tuple[str, ...]] = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "torch": ("torch",)}


#: What a target of random weights lacks, which no run of them has.
NOT_JUDGED = "made, its numbers are not judged"


class Fit(IntEnum):
    """Whether something is as wished, from the best."""

    FITS = 0
    UNTESTED = 1
    FAILS = 2


@dataclass(frozen=True)
class Wishes:
    """What is wished for. versions: "tensorflow", "torch", "python" → specifier. routes: only these, all where empty.
    models: files of one's own, of which operators are known. typed: the words of a command line that wished for a
    model, of one that neither `--case` nor `--onnx` names."""

    cases: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    typed: Mapping[str, str] = field(default_factory=dict)

    def without_one(self, models: Collection[str]) -> Iterable[tuple[str, Wishes]]:
        """Each wish that can be dropped, in words, and the wishes that are left; of models only these. One model is
        always left."""
        for name, specifier in self.versions.items():
            left = {other: text for other, text in self.versions.items() if other != name}
            typed = specifier.removeprefix("==").removesuffix(".*")
            yield f"--{name} {typed}", replace(self, versions=left)
        if self.routes:
            yield " ".join(f"--route {name}" for name in self.routes), replace(self, routes=())
        for name in self.targets:
            yield f"--target {name}", replace(self, targets=_less(self.targets, name))
        for name in self.runtimes:
            yield f"--runtime {name}", replace(self, runtimes=_less(self.runtimes, name))
        if len(self.cases) + len(self.models) > 1:
            for name in (one for one in self.cases if one in models):
                yield self.typed.get(name, f"--case {name}"), replace(self, cases=_less(self.cases, name))
            for name in (one for one in self.models if one in models):
                yield self.typed.get(name, f"--onnx {name}"), replace(self, models=_less(self.models, name))


def _less(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


@dataclass(frozen=True)
class Own:
    """How a command line names a model of one's own. source: for --cases; case: for --case beside it, empty where the
    source is one model; options: what else says what the model is, as words (--axis, 'sequence=16,7,24'); results: the
    folder in which its evidence is looked for, empty where none is."""

    source: str
    case: str = ""
    options: tuple[str, ...] = ()
    results: str = ""


@dataclass(frozen=True)
class Known:
    """What is known. cells: case → its cells on every toolchain by every route; gives: route → the targets that it
    makes; outlooks: model of one's own → way → what its operators say, ways that take no such file left out; by_hand:
    routes for which a person writes the model anew, taken where no other works; own: model of one's own → the models
    that stand under that name, none where no command line converts it; barren: toolchains on which nothing is known to
    work."""

    matrix: Matrix
    cells: Mapping[str, Sequence[Standing]]
    gives: Mapping[str, Collection[str]]
    outlooks: Mapping[str, Mapping[Way, Outlook]] = field(default_factory=dict)
    by_hand: Collection[str] = ()
    own: Mapping[str, Sequence[Own]] = field(default_factory=dict)
    barren: Collection[str] = ()

    @cached_property
    def by_place(self) -> Mapping[tuple[str, str], Sequence[Standing]]:
        """Case and toolchain → its cells there."""
        found: dict[tuple[str, str], list[Standing]] = {}
        for case, cells in self.cells.items():
            for cell in cells:
                found.setdefault((case, cell.planned.toolchain), []).append(cell)
        return found


@dataclass(frozen=True)
class Pick:
    """A model by one route of a toolchain. standing: None of a model of one's own, which has an outlook. lacking: what
    of the wishes is not known to hold, in words, with how it is."""

    model: str
    route: str
    standing: Standing | None
    outlook: Outlook | None
    entries: Mapping[str, Entry]
    lacking: tuple[tuple[str, Fit], ...]
    by_hand: bool = False

    @property
    def fit(self) -> Fit:
        return max((how for _, how in self.lacking), default=Fit.FITS)

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """Smaller is better: fits, not by hand, without a remedy and right at level 2 where it was probed, grade; of a
        model of one's own what its operators lack."""
        if self.standing is None:
            return self.fit, False, len(self.lacking), 0
        grade = self.standing.cell.grade if self.standing.cell else None
        return self.fit, self.by_hand, self.standing.checked.position, grade.rank if grade else len(Grade)


@dataclass(frozen=True)
class Plan:
    """A toolchain with a route for each model. missing: models for which it has no route that the wishes allow, and
    why."""

    toolchain: str
    picks: tuple[Pick, ...]
    missing: Mapping[str, str]

    @property
    def fit(self) -> Fit:
        return Fit.FAILS if self.missing else max((pick.fit for pick in self.picks), default=Fit.FAILS)

    @property
    def stands_alone(self) -> str | None:
        """The one model without which the plan fits better; None where there is none, or several hold it back."""
        back = [*self.missing] if self.missing else []
        back += [pick.model for pick in self.picks if pick.fit is self.fit is not Fit.FITS]
        return back[0] if len(back) == 1 else None

    @property
    def fitting(self) -> int:
        return sum(pick.fit is Fit.FITS for pick in self.picks)

    def environments(self, matrix: Matrix) -> list[Environment]:
        """Those that it takes, the source's first, each once."""
        toolchain = matrix.toolchains[self.toolchain]
        ids = dict.fromkeys([toolchain.source, *(toolchain.routes[pick.route] for pick in self.picks)])
        return [matrix.environments[id] for id in ids]

    def release(self, matrix: Matrix) -> ReleaseId | None:
        """The TensorFlow that it ends in, the newest of several."""
        found = {
            ranges.release_of(matrix, (self.toolchain, route)) for route in matrix.toolchains[self.toolchain].routes
        }
        return max((one for one in found if one), key=lambda one: (one.name, one.order), default=None)


@dataclass(frozen=True)
class Drop:
    """A wish without which something fits, or may: what is then untested is said in the plan."""

    wish: str
    gives: Plan


@dataclass(frozen=True)
class Advice:
    """best, second: toolchains that fit. newer: for each newer TensorFlow than that of `best` the one that comes
    nearest. Where nothing fits: `nearest` does best, `drops` are single wishes without which something fits; or, where
    nearest fails, nothing is known to fail."""

    wishes: Wishes
    best: Plan | None
    second: Plan | None
    newer: tuple[Plan, ...]
    nearest: Plan | None
    drops: tuple[Drop, ...]


def advise(known: Known, wishes: Wishes) -> Advice:
    """The best toolchain for the wishes: fewest models with a remedy, then the best grades, then the default toolchain,
    then the newest."""
    ordered = _ordered(known, wishes)
    fitting = [plan for plan in ordered if plan.fit is Fit.FITS]
    if fitting:
        second = fitting[1] if len(fitting) > 1 else None
        return Advice(wishes, fitting[0], second, _newer(known, wishes, fitting[0]), None, ())
    alone = {model for plan in ordered if (model := plan.stands_alone)}
    drops = [Drop(wish, _ordered(known, left)[0]) for wish, left in wishes.without_one(alone)]
    nearest = next((plan for plan in ordered if plan.picks), None)
    so_far = Fit.FAILS if nearest is None else nearest.fit
    useful = sorted((drop for drop in drops if drop.gives.fit < so_far), key=lambda drop: drop.gives.fit)
    return Advice(wishes, None, None, (), nearest, tuple(useful))


def _ordered(known: Known, wishes: Wishes) -> list[Plan]:
    """A plan for each toolchain, the best first."""
    matrix = known.matrix
    ways = [(id, route) for id, toolchain in matrix.toolchains.items() for route in toolchain.routes]
    age = {id: place for place, (id, _) in enumerate(matrix.oldest_first(ways))}
    plans = [plan_of(known, wishes, id) for id in matrix.toolchains]

    def rank(plan: Plan) -> tuple[object, ...]:
        failing = len(plan.missing) + sum(pick.fit is Fit.FAILS for pick in plan.picks)
        by_hand = sum(pick.by_hand for pick in plan.picks)
        verdicts, grades = (sum(pick.rank[place] for pick in plan.picks) for place in (2, 3))
        close = (plan.fit, failing, -plan.fitting, by_hand, verdicts, grades)
        likely = plan.toolchain in known.barren, plan.toolchain != matrix.default
        return *close, *likely, -age[plan.toolchain]

    return sorted(plans, key=rank)


def _newer(known: Known, wishes: Wishes, chosen: Plan) -> tuple[Plan, ...]:
    """For each newer release of the same kind the toolchain that comes nearest, whatever versions are wished; one on
    which nothing works only where there is no other."""
    mine = chosen.release(known.matrix)
    if mine is None:
        return ()
    found: dict[ReleaseId, Plan] = {}
    ordered = _ordered(known, replace(wishes, versions={}))
    for plan in sorted(ordered, key=lambda plan: plan.toolchain in known.barren):
        release = plan.release(known.matrix)
        if release and release.name == mine.name and release.order > mine.order and plan.toolchain != chosen.toolchain:
            found.setdefault(release, plan)
    return tuple(found[release] for release in sorted(found, key=lambda one: one.order))


def plan_of(known: Known, wishes: Wishes, toolchain: str) -> Plan:
    """The best route of a toolchain for each model."""
    declared = known.matrix.toolchains[toolchain]
    allowed = [route for route in declared.routes if not _against(known.matrix, wishes, (toolchain, route))]
    reasons = [_against(known.matrix, wishes, (toolchain, route)) for route in declared.routes]
    against = next((why for why in reasons if why), "")
    picks, missing = [], {}
    for case in wishes.cases:
        mine = known.by_place.get((case, toolchain), ())
        possible = [cell for cell in mine if cell.planned.route in allowed and cell.planned.applicable]
        found = [_pick(known, wishes, cell) for cell in possible]
        if found:
            picks.append(min(found, key=lambda pick: pick.rank))
        else:
            reason = next((cell.reason for cell in mine if cell.planned.route in allowed and cell.reason), None)
            missing[case] = reason or against or "it has no route for it"
    for model in wishes.models:
        outlooks = known.outlooks[model]
        own = [
            _own(model, route, outlooks[toolchain, route], wishes)
            for route in allowed
            if (toolchain, route) in outlooks
        ]
        if own:
            picks.append(min(own, key=lambda pick: pick.rank))
        else:
            missing[model] = against or "it has no route that takes an ONNX file"
    return Plan(toolchain, tuple(picks), missing)


def _against(matrix: Matrix, wishes: Wishes, way: Way) -> str:
    """Which wish a way is against, before any model is looked at; empty where it is against none."""
    toolchain, route = matrix.toolchains[way[0]], way[1]
    source, target = matrix.environments[toolchain.source], matrix.environments[toolchain.routes[route]]
    if wishes.routes and route not in wishes.routes:
        return f"it has no route {' or '.join(wishes.routes)}"
    sides = {"tensorflow": [target], "torch": [source], "python": [source, target]}
    for name, specifier in wishes.versions.items():
        for side in sides[name]:
            has = side.python if name == "python" else _version(side, VERSIONED[name])
            if has is None or not specifiers.allows(specifier, has):
                return f"it has {name} {has}" if has else f"it has no {name}"
    return ""


def _version(environment: Environment, packages: Sequence[str]) -> str | None:
    return next((environment.pins[name] for name in packages if name in environment.pins), None)


def _pick(known: Known, wishes: Wishes, cell: Standing) -> Pick:
    verdict, route = cell.verdict, cell.planned.route
    lacking: list[tuple[str, Fit]] = []
    if not verdict.works:
        lacking.append((verdict.value, Fit.FAILS if verdict.failing else Fit.UNTESTED))
    entries: dict[str, Entry] = {}
    recorded = cell.cell if verdict.ran else None
    for kind, names in (("targets", wishes.targets), ("runtimes", wishes.runtimes)):
        for name in names:
            entry = None if recorded is None else _entry(getattr(recorded, kind), name)
            what = f"{kind.removesuffix('s')} {name}"
            gives = known.gives.get(route, ())
            if entry is not None:
                entries[name] = entry
                if not entry.outcome.passed:
                    lacking.append((f"{what}: {entry.outcome}", Fit.UNTESTED if entry.outcome.cut_off else Fit.FAILS))
                elif entry.deployed is not None and entry.deployed.grade is Grade.FORM:
                    lacking.append((f"{what}: {NOT_JUDGED}", Fit.UNTESTED))
            elif kind == "targets" and name not in gives:
                lacking.append((f"{what}: not made by this route", Fit.FAILS))
            elif kind == "runtimes" or not _itself(gives, name):
                lacking.append((f"{what}: untested", Fit.UNTESTED))
    return Pick(cell.planned.case, route, cell, None, entries, tuple(lacking), route in known.by_hand)


def _entry(entries: Mapping[str, Entry], name: str) -> Entry | None:
    """The entry of that name, or the worst of those that are of it and of something else ("tflite-int8@NAME")."""
    mine = [entry for key, entry in entries.items() if name in (key, *re.split("[@:/ ]", key))]
    return max(mine, key=lambda one: (not one.outcome.passed, not one.outcome.cut_off), default=None)


def _itself(gives: Collection[str], target: str) -> bool:
    """Whether a route's verdict is that of the target: what it makes first, a SavedModel where it makes one."""
    return target == (Target.SAVED_MODEL if Target.SAVED_MODEL in gives else next(iter(gives), None))


def _own(model: str, route: str, outlook: Outlook, wishes: Wishes) -> Pick:
    lacking = [(f"operator {name}: broken", Fit.FAILS) for name in outlook.failing]
    lacking += [(f"operator {name}: partly", Fit.FAILS) for name in outlook.partly]
    lacking += [(f"operator {name}: untested", Fit.UNTESTED) for name in outlook.untested]
    beside = [*(f"target {name}" for name in wishes.targets), *(f"runtime {name}" for name in wishes.runtimes)]
    lacking += [(f"{what}: untested", Fit.UNTESTED) for what in beside]
    return Pick(model, route, None, outlook, {}, tuple(lacking))
