"""What gets models across on HEAD, or at HEAD's versions on another toolchain: ways that evidence has as working."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, partial

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tfparity.environments.changed import alike, held_as
from tfparity.features.session import Session
from tfparity.features.upgrade.compare import Answer, Change, Place
from tfparity.features.upgrade.report import Across, Sides
from tfparity.inputs.matrix import Environment
from tfparity.records.cells import PlannedCell
from tfparity.records.vocabulary import shim_remedy
from tfparity.report import words

#: So many ways of each sort are named of a group.
MOST = 2

#: What another toolchain has to have at all.
CORE = ("torch", "tensorflow")

TENSORFLOW = ("tensorflow", "tensorflow-cpu")


def _minor(version: str) -> tuple[int, ...]:
    """The first two numbers: a release that only mends another has what that has."""
    return Version(version).release[:2]


#: Bounds from which on a version is as new as is asked for.
LOWEST = ("==", "===", ">=", ">", "~=")


def _bounds(asked: Requirement) -> list[Version]:
    return [Version(one.version.removesuffix(".*")) for one in asked.specifier if one.operator in LOWEST]


def _version(asked: Requirement, held: Mapping[str, str]) -> str | None:
    """The version at which packages hold what is asked for, or what has the same modules."""
    return held.get(held_as(canonicalize_name(asked.name), held) or "")


def _within(asked: Requirement, environments: Sequence[Mapping[str, str]], *, beyond: bool) -> bool:
    """Whether environments hold what is asked for, each that holds the package at all; beyond: or, to the minor
    release, a newer one than its bounds."""
    versions = [version for held in environments if (version := _version(asked, held))]
    newest = max((bound.release[:2] for bound in _bounds(asked)), default=None)
    return bool(versions) and all(
        asked.specifier.contains(version, prereleases=True)
        or (beyond and newest is not None and _minor(version) >= newest)
        for version in versions
    )


class Ways:
    """Finds them, by the evidence of all toolchains of the matrix."""

    def __init__(self, session: Session, sides: Sides, answers: Mapping[Place, Answer]) -> None:
        """answers: of HEAD."""
        self.session, self.base, self.head, self.answers = session, sides.base, sides.head, answers
        self.label = sides.head_label
        self._versions: dict[str, dict[str, str]] = {}

    def __call__(self, changes: Sequence[Change]) -> tuple[Across, ...]:
        """Remedies on HEAD, other routes on HEAD, other toolchains at HEAD's versions or beyond; of each sort those of
        most models first."""
        cases = {change.case for change in changes}
        found = [*self._remedies(changes, len(cases)), *self._routes(changes, cases), *self._toolchains(cases)]
        rules = {change.rule.id for change in changes if change.rule}
        if not found and len(rules) == 1:
            return tuple(self._alike(rules.pop()))
        return tuple(found)

    def _remedies(self, changes: Sequence[Change], of: int) -> list[Across]:
        took: dict[tuple[str, ...], set[str]] = {}
        for change in changes:
            if change.head.verdict.works and change.head.cell is not None:
                names = tuple(name for name in change.head.cell.remedies if not name.startswith(shim_remedy("")))
                if names:
                    took.setdefault(names, set()).add(change.case)
        ordered = sorted(took.items(), key=lambda one: (-len(one[1]), one[0]))
        return [Across("remedy", words.remedies(names), None, len(cases), of) for names, cases in ordered]

    def _routes(self, changes: Sequence[Change], cases: set[str]) -> list[Across]:
        failing = {change.route for change in changes}
        works = Counter(
            route
            for (case, route), answer in self.answers.items()
            if case in cases and route not in failing and answer.verdict.works
        )
        return [Across("route", self.label, route, count, len(cases)) for route, count in works.most_common(MOST)]

    def _toolchains(self, cases: set[str]) -> list[Across]:
        works = Counter(
            (planned.toolchain, planned.route)
            for case in cases
            for planned in self._elsewhere.get(case, ())
            if self.session.query.verdict(planned).works
        )
        return self._named(works, len(cases))

    def _alike(self, rule: str) -> list[Across]:
        """By which others that fail by the same rule convert."""
        alike, converting = self.session.query.elsewhere(rule)
        beyond = set(self._beyond)
        return self._named(Counter({way: n for way, n in converting.items() if way[0] in beyond}), alike, likely=True)

    def _named(self, works: Counter[tuple[str, str]], of: int, *, likely: bool = False) -> list[Across]:
        matrix = self.session.selection.matrix
        newest_first = matrix.oldest_first(sorted(works, reverse=True))[::-1]  # of one day by name
        ordered = sorted(newest_first, key=lambda way: (not self._same_tensorflow(way[0]), -works[way]))
        best: dict[str, tuple[str, str]] = {}
        for way in ordered:
            best.setdefault(way[0], way)
        asked = (Requirement(line).name for one in self._environments(self.head) for line in one.asked())
        mine = set(map(canonicalize_name, asked))
        return [
            Across(
                "toolchain",
                id,
                route,
                works[id, route],
                of,
                tuple(name for name in self._shims(id) if name not in self._shims(self.head)),
                tuple(f"{name} {version}" for name, version in self._pins(id).items() if name not in mine),
                split=matrix.toolchains[id].source != matrix.toolchains[id].routes[route],
                likely=likely,
            )
            for id, route in list(best.values())[:MOST]
        ]

    @cached_property
    def _elsewhere(self) -> dict[str, list[PlannedCell]]:
        """Case → its recorded cells on toolchains at HEAD's versions or beyond."""
        places = [place for place in self.session.query.places if place[0] in self._beyond]
        found: dict[str, list[PlannedCell]] = {}
        for planned in self.session.selection.every_cell(self._beyond, places) if places else ():
            if planned.applicable:
                found.setdefault(planned.case, []).append(planned)
        return found

    @cached_property
    def _beyond(self) -> list[str]:
        """The toolchains beside BASE and HEAD that have all that BASE lacks of HEAD: each package that HEAD raises, at
        HEAD's minor version or a newer one."""
        base, head = self._held(self.base), self._held(self.head)
        raised = {name: v for name, v in head.items() if name in base and Version(v) > Version(base[name])}
        asked = self._asked
        return [
            id
            for id in self.session.selection.matrix.toolchains
            if self._reaches(id, raised) and all(self._fulfils(id, one) for one in asked)
        ]

    @cached_property
    def _asked(self) -> list[Requirement]:
        """What a HEAD that no matrix names asks for itself and BASE does not fulfil, and its frameworks, as they are
        or newer: a way across has these, too. Of one that resolves a package that BASE does not hold is no matter of
        the conversion."""
        environments = self._environments(self.head)
        unnamed = [one for one in environments if not one.published]
        resolves = not any(self.session.selection.keys.locked(one).unresolvable for one in environments)
        wanted = [Requirement(line) for one in unnamed for line in one.asked()]
        base = self._locked(self.base)
        moved = [
            one
            for one in wanted
            if not (resolves and not any(map(partial(_version, one), base))) and not _within(one, base, beyond=False)
        ]
        kept = [one for one in wanted if one not in moved and not {*CORE}.isdisjoint(alike(one.name))]
        return [*moved, *(Requirement(f"{one.name}>={max(_bounds(one))}") for one in kept if _bounds(one))]

    def _fulfils(self, id: str, asked: Requirement) -> bool:
        """Whether a toolchain has what is asked for, or a newer one where BASE's is older."""
        was = [Version(version) for held in self._locked(self.base) if (version := _version(asked, held))]
        bounds = _bounds(asked)
        raises = bool(bounds) and (not was or max(was) < max(bounds))
        return _within(asked, self._locked(id), beyond=raises)

    def _locked(self, toolchain: str) -> list[dict[str, str]]:
        """All packages of each environment of a toolchain."""
        return [self.session.selection.keys.locked(one).packages for one in self._environments(toolchain)]

    def _reaches(self, id: str, raised: Mapping[str, str]) -> bool:
        if id in (self.base, self.head) or not (raised or self._asked or self._same_tensorflow(id)):
            return False
        held = self._held(id)
        lacks = any(name in raised and name not in held for name in CORE)
        return not lacks and all(_minor(held[name]) >= _minor(v) for name, v in raised.items() if name in held)

    def _same_tensorflow(self, id: str) -> bool:
        """Whether it has HEAD's TensorFlow, to the minor release."""

        def minor(toolchain: str) -> tuple[int, ...] | None:
            held = self._held(toolchain)
            found = next((held[name] for name in TENSORFLOW if name in held), None)
            return _minor(found) if found else None

        return minor(id) == minor(self.head)

    def _environments(self, toolchain: str) -> list[Environment]:
        matrix = self.session.selection.matrix
        return [matrix.environments[id] for id in matrix.toolchains[toolchain].environments()]

    def _held(self, toolchain: str) -> dict[str, str]:
        """The pinned packages, the newest of those of several environments."""
        if toolchain not in self._versions:
            held: dict[str, str] = {}
            for environment in self._environments(toolchain):
                locked = self.session.selection.keys.locked(environment).packages
                names = [str(canonicalize_name(Requirement(line).name)) for line in environment.asked()]
                known = {name: locked[name] for name in names if name in locked}
                for name, version in {**known, **environment.pins}.items():
                    if name not in held or Version(version) > Version(held[name]):
                        held[name] = version
            self._versions[toolchain] = held
        return self._versions[toolchain]

    def _pins(self, toolchain: str) -> dict[str, str]:
        return dict(sorted(self._held(toolchain).items()))

    def _shims(self, toolchain: str) -> list[str]:
        return list(dict.fromkeys(shim for one in self._environments(toolchain) for shim in one.shims))
