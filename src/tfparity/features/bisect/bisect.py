"""Bisecting two toolchains: mixtures of both are resolved, installed and run until one package is to blame.

What was resolved is in the cache and what ran in the store, so that the same command goes on where it was stopped.
"""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from packaging.version import Version

from tfparity.environments import adhoc, changed, estimate, in_use, install, mixed
from tfparity.environments.changed import Resolver
from tfparity.environments.lock import LockStatus
from tfparity.errors import AbsentError, LockError, MachineFault, UsageError
from tfparity.evidence import differences
from tfparity.evidence.schema import Evidence
from tfparity.features.bisect.search import First, Outcome, Smallest, first_bad, smallest
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.planning.estimate import INSTALL_SECONDS, WARM_SECONDS
from tfparity.records import called
from tfparity.records.cells import Cell, CellRecord, Failure, PlannedCell
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

#: So many of the packages that a blamed one brings are named.
MOST_BROUGHT = 3

#: So many mixtures at most find a release: half of those that are listed is left by each.
FOR_RELEASE = math.ceil(math.log2(mixed.MOST_RELEASES))


class Said(NamedTuple):
    """What a toolchain says of the case: its cell, None where it has none, the failure that decided, and that of the
    first attempt, which a plain conversion meets."""

    cell: Cell | None
    failure: Failure | None = None
    first: Failure | None = None

    @property
    def remedies(self) -> tuple[str, ...]:
        """Those that it works with; shims are part of a toolchain."""
        works = self.cell is not None and self.cell.verdict.works
        return differences.without_shims(self.cell).remedies if self.cell is not None and works else ()


class Change(NamedTuple):
    """What differs: a package, "python" or a shim. side: "torch" or "TensorFlow" where those are two environments."""

    name: str
    side: str = ""

    def __str__(self) -> str:
        return f"{self.name} on {self.side}'s side" if self.side else self.name


class Pair(NamedTuple):
    """The environments of one side, on both toolchains."""

    side: str
    good: Environment
    bad: Environment


@dataclass(frozen=True)
class Mixture:
    """A toolchain between the two: the matrix that has it, its id, and its locks."""

    matrix: Matrix
    id: str
    locks: tuple[LockStatus, ...]

    @property
    def refusal(self) -> str | None:
        """Why its packages don't go together."""
        return next((lock.reason for lock in self.locks if lock.unresolvable), None)

    @property
    def packages(self) -> dict[str, str]:
        return {name: version for lock in reversed(self.locks) for name, version in lock.packages.items()}


@dataclass(frozen=True)
class Found:
    """What a bisection came to. sentence: who is to blame; works, fails: the locks of the neighbouring mixtures, or why
    there is none; command: what shows it; tests: mixtures that were asked."""

    sentence: str
    works: str
    fails: str
    command: str
    tests: int


@dataclass(frozen=True)
class Lead:
    """The package whose releases were searched. good, bad: the last that works and the first that fails; between: of so
    many releases between these nothing can be told; None where there are too many to list. along: what moved with it,
    see mixed.mixed."""

    change: Change
    good: str
    bad: str
    between: int | None
    along: tuple[Change, ...]


class Run(Protocol):
    """Runs cells of a session."""

    def __call__(self, session: Session, cells: Sequence[PlannedCell]) -> Sequence[CellRecord]: ...


class Bisection:
    """One case by one route between two toolchains. `run` runs cells, `say` tells a person how it goes."""

    def __init__(
        self,
        session: Session,
        good: str,
        bad: str,
        resolver: Resolver,
        run: Run,
        say: Callable[[str], None],
        word: str | None = None,
    ) -> None:
        """session: of both toolchains, and of the case by the route alone. word: what was typed for BAD, where that is
        no id. Raises UsageError where there is nothing to bisect."""
        self.session, self.good, self.bad = session, good, bad
        self._word = word or bad
        self.resolver, self.run, self.say = resolver, run, say
        self.matrix = session.selection.matrix
        cells = {cell.toolchain: cell for cell in session.selection.planned}
        if len(session.selection.planned) != len(cells) or {good, bad} != set(cells):
            raise UsageError(
                "bisect takes one case by one route that both toolchains have: name them with --case, --route"
            )
        self.case, self.route = cells[good].case, cells[good].route
        self._planned = cells
        self._mine: list[Environment] = []
        self._working = self._failing = Said(None)
        #: Where both convert: the remedies that BAD needs and GOOD does not.
        self.needed: tuple[str, ...] = ()
        planned = cells[bad]
        unresolvable = planned.verdict is Verdict.UNRESOLVABLE
        self._conflict = mixed.conflict(planned.reason or "") if unresolvable else None

    @property
    def pairs(self) -> list[Pair]:
        """The environments that are mixed: one pair, or one for each side."""
        good, bad = (self.matrix.toolchains[id] for id in (self.good, self.bad))
        environments = self.matrix.environments

        def pinned(id: str) -> Environment:
            return mixed.pinned(environments[id], self.session.selection.keys.locked(environments[id]))

        ways = [(one.source, one.routes[self.route]) for one in (good, bad)]
        if all(source == target for source, target in ways):
            return [Pair("", environments[ways[0][0]], pinned(ways[1][0]))]
        sides = zip(("torch", "TensorFlow"), *ways, strict=True)
        return [Pair(side, environments[one], pinned(other)) for side, one, other in sides]

    def changes(self) -> list[Change]:
        """All that differs."""
        return [Change(name, pair.side) for pair in self.pairs for name in mixed.differing(pair.good, pair.bad)]

    def budget(self) -> str:
        """What it may cost, in a line; nothing runs for that."""
        changes = self.changes()
        count = len(changes)
        least, most = max(1, math.ceil(math.log2(max(count, 2)))), 2 * count
        ends = self._unknown()
        first = f"{self.session.forecast(ends, ends)} first, to know how both do; " if ends else ""
        releases = ""
        if any(map(self._moves, changes)):
            most += FOR_RELEASE
            releases = f" ({FOR_RELEASE} of them for the release at which it begins)"
        differ = f"{first}{count} {'differs' if count == 1 else 'differ'}: {least} to {most} mixtures"
        if self._conflict is not None:
            return f"{differ} to resolve{releases}, and none to install"
        gb = max(estimate.installed_gb(lock.packages) for lock in self._locks(self.bad))
        each = self.session.cost(self._planned[self.bad]) + INSTALL_SECONDS + WARM_SECONDS
        return (
            f"{differ}{releases}, each an environment of about {gb} GB, "
            f"{words.duration(least * each)} to {words.duration(most * each)}; stopped, the same command goes on"
        )

    def _locks(self, toolchain: str) -> list[LockStatus]:
        ids = self.matrix.toolchains[toolchain].environments()
        return [self.session.selection.keys.locked(self.matrix.environments[id]) for id in ids]

    # The two ends

    def look(self) -> None:
        """Learn how both toolchains do as far as that is recorded. Raises UsageError where they do not differ, where
        GOOD does not work, or BAD does."""
        if not self.changes():
            raise UsageError(f"{self.good} and {self.bad} have the same pins, Python and shims")
        for toolchain in (self.good, self.bad):
            if self._recorded(toolchain):
                standing = self.session.query.standing(self._planned[toolchain])
                self._take(toolchain, _said(self.session.query.explained[toolchain], standing.cell))
            elif not self._planned[toolchain].applicable:
                self._take(toolchain, Said(None))

    def begin(self) -> None:
        """Run what is not recorded of both toolchains. Raises as `look`."""
        self.look()
        for planned in self._unknown():
            self._take(planned.toolchain, self._ran(self.session, planned))

    def _recorded(self, toolchain: str) -> bool:
        standing = self.session.query.standing(self._planned[toolchain])
        # Mixtures try every remedy: a recorded failure that has not tells nothing of them.
        return standing.verdict.ran and not standing.untried

    def _unknown(self) -> list[PlannedCell]:
        """The cells of both toolchains that have to run."""
        return [cell for id, cell in self._ends() if cell.applicable and not self._recorded(id)]

    def _ends(self) -> list[tuple[str, PlannedCell]]:
        return [(id, self._planned[id]) for id in (self.good, self.bad)]

    def _take(self, toolchain: str, said: Said) -> None:
        """Take down how one of them does, GOOD first. Raises UsageError where there is nothing to bisect."""
        cell = said.cell
        if toolchain == self.good:
            if cell is None or not cell.verdict.works:
                raise UsageError(
                    f"{self.case} by {self.route} does not work on {self.good}: there is nothing to bisect"
                )
            self._working = said
        elif self._conflict is None:
            self.needed = self._beyond(said)
            if cell is None or not (self.needed or (cell.verdict.failing and said.failure)):
                how = cell.verdict if cell else self._planned[self.bad].verdict or Verdict.UNTESTED
                raise UsageError(
                    f"{self.case} by {self.route} is not broken on {self.bad} but {how}, by no remedy that it does not "
                    f"need on {self.good}, too: there is nothing to bisect"
                )
            self._failing = said

    def _beyond(self, said: Said) -> tuple[str, ...]:
        """The remedies that it works with and GOOD does without."""
        return tuple(name for name in said.remedies if name not in self._working.remedies)

    def _ran(self, session: Session, planned: PlannedCell) -> Said:
        """What a run says, explained. Raises MachineFault."""
        (record,) = self.run(session, [planned])
        if record.interrupted:
            raise MachineFault(f"{planned.id}: {record.reason}; the same command goes on")
        if record.cell is None:
            return Said(None)
        content = session.recorder.found([record])[planned.toolchain]
        (cell,) = content.cells
        return _said(content, cell)

    # Mixtures

    def mixture(
        self, chosen: Sequence[Change], versions: Mapping[str, str] | None = None, along: Collection[Change] = ()
    ) -> Mixture:
        """GOOD with these changes of BAD; versions, along: see mixed.mixed. Raises LockError where one does not
        build."""
        made = [
            mixed.mixed(
                pair.good,
                pair.bad,
                [change.name for change in chosen if change.side == pair.side],
                self.resolver,
                versions,
                [change.name for change in along if change.side == pair.side],
            )
            for pair in self.pairs
        ]
        environments = [environment for environment, _ in made]
        base = self.matrix.toolchains[self.good]
        id = changed.name_of([environment.id for environment in environments])
        called.call(id, f"{self.good} with {', '.join(map(str, chosen))}")
        toolchain = base.model_copy(
            update={
                "id": id,
                "source": environments[0].id,
                "routes": {self.route: environments[-1].id},
                "cases": (),
            }
        )
        known = self.matrix if toolchain.id in self.matrix.toolchains else None
        matrix = known or adhoc.extended(self.matrix, toolchain, environments)
        return Mixture(matrix, toolchain.id, tuple(lock for _, lock in made))

    def test(
        self, chosen: Sequence[Change], versions: Mapping[str, str] | None = None, along: Collection[Change] = ()
    ) -> Outcome:
        """What comes of a mixture."""
        try:
            mixture = self.mixture(chosen, versions, along)
        except LockError as wrong:
            outcome, why = Outcome.UNKNOWN, f"does not build: {wrong}"
        except AbsentError as absent:
            outcome, why = Outcome.UNKNOWN, str(absent)
        else:
            outcome, why = self._of(mixture)
        named = ", ".join(f"{change} {(versions or {}).get(change.name, '')}".strip() for change in chosen)
        self.say(f"{named}: {self._words(outcome)}{f' ({words.shortened(why, 160)})' if why else ''}")
        return outcome

    def _words(self, outcome: Outcome) -> str:
        """An outcome, of what is searched for."""
        if outcome is Outcome.UNKNOWN or not (self.needed or self._conflict is not None):
            return outcome.value
        if self._conflict is not None:
            return "resolves" if outcome is Outcome.GOOD else "does not resolve"
        return "needs no remedy that GOOD does without" if outcome is Outcome.GOOD else "needs a remedy"

    def _of(self, mixture: Mixture) -> tuple[Outcome, str]:
        refusal = mixture.refusal
        if self._conflict is not None:
            if refusal is None:
                return Outcome.GOOD, ""
            same = mixed.conflict(refusal) == self._conflict
            return (Outcome.BAD, "") if same else (Outcome.UNKNOWN, "does not resolve, for another reason")
        if refusal is not None:
            return Outcome.UNKNOWN, "does not resolve"
        selection = self.session.selection
        asked = replace(self.session.choice, toolchains=(mixture.id,), results=None)
        session = Session(asked, selection.project, selection.cache, mixture.matrix)
        (planned,) = [cell for cell in session.selection.planned if (cell.case, cell.route) == (self.case, self.route)]
        if not planned.applicable:
            return Outcome.UNKNOWN, planned.reason or "not applicable"
        self._make_room(session)
        return self._judged(self._ran(session, planned))

    def _judged(self, said: Said) -> tuple[Outcome, str]:
        cell, mine = said.cell, self._failing
        if cell is None:
            return Outcome.UNKNOWN, "not applicable"
        if self.needed:
            return self._needs(said, cell)
        if not cell.verdict.failing or said.failure is None:
            return Outcome.GOOD, cell.verdict.value
        alike = _same_stage(said.failure, mine.failure) or (
            mine.cell is not None and cell.limitation == mine.cell.limitation is not None
        )
        return (Outcome.BAD if alike else Outcome.UNKNOWN), words.failure(said.failure)

    def _needs(self, said: Said, cell: Cell) -> tuple[Outcome, str]:
        """Whether a mixture needs a remedy that GOOD does without: one of BAD's, or for a failure at the same stage."""
        beyond = self._beyond(said)
        if cell.verdict.works and not beyond:
            return Outcome.GOOD, cell.verdict.value
        alike = not self._working.remedies and _same_stage(said.first, self._failing.first)
        if not (alike or {*beyond} & {*self.needed}):
            why = words.failure(said.failure) if said.failure else words.remedies(beyond)
            return Outcome.UNKNOWN, why
        return Outcome.BAD, words.remedies(beyond) or cell.verdict.value

    def _make_room(self, session: Session) -> None:
        """Where the disk has no room for a mixture, remove the ones made before."""
        selection = session.selection
        missing = [one for one in selection.environments if not selection.installed(one)]
        needed = sum(estimate.installed_gb(selection.keys.locked(one).packages) for one in missing)
        selection.cache.root.mkdir(parents=True, exist_ok=True)
        while (
            missing
            and self._mine
            and shutil.disk_usage(selection.cache.root).free / 1e9 < needed + install.LEFT_FREE_GB
        ):
            self.remove(self._mine.pop(0))
        self._mine += [one for one in selection.environments if not one.published and self._leaves(one, missing)]

    def _leaves(self, environment: Environment, missing: Collection[Environment]) -> bool:
        """Whether this search is to remove it: it made it, or else another command that runs, which may end first."""
        selection = self.session.selection
        folder = install.place(environment, selection.keys.locked(environment), selection.cache)
        return environment not in self._mine and (environment in missing or in_use.elsewhere(folder))

    def remove(self, environment: Environment) -> None:
        """Remove the environment of a mixture, unless another command that runs has it in use."""
        selection = self.session.selection
        install.remove(environment, selection.keys.locked(environment), selection.cache)

    def clear(self) -> None:
        """Remove the environments of all mixtures: their results stay in the store."""
        while self._mine:
            self.remove(self._mine.pop())

    # The answer

    def found(self) -> Found:
        """Search for the smallest set of changes, then for the first release of the package that is to blame, or that
        leads those that only move together."""
        changes = self.changes()
        blamed = smallest(changes, lambda chosen: self.test(list(chosen)), self._suspects(changes))
        lead = self._lead(blamed)
        good, bad = self.mixture(blamed.good), self.mixture(blamed.changes)
        if lead is not None and lead.good not in self._pins(self.good, lead.change):
            good = self._at(blamed, lead, lead.good)
        if lead is not None and lead.bad not in self._pins(self.bad, lead.change):
            bad = self._at(blamed, lead, lead.bad)
        named = {change: self._version(change, lead, bad) for change in blamed.changes}
        return Found(
            self._sentence(blamed, named, lead, good, bad),
            _files(good),
            _files(bad),
            self._command(named),
            blamed.tests,
        )

    def _at(self, blamed: Smallest[Change], lead: Lead, release: str) -> Mixture:
        return self.mixture(blamed.changes, {lead.change.name: release}, lead.along)

    def _pins(self, toolchain: str, change: Change) -> list[str]:
        """The version at which a toolchain pins what changes; none where it does not."""
        pairs = [pair for pair in self.pairs if pair.side == change.side]
        pins = [(pair.good if toolchain == self.good else pair.bad).pins.get(change.name) for pair in pairs]
        return [version for version in pins if version is not None]

    def _suspects(self, changes: Sequence[Change]) -> list[Change]:
        """What most likely is to blame: the framework of the side that fails, or the packages of the conflict."""
        if self._conflict is not None:
            return [change for change in changes if change.name in self._conflict]
        failure = self._failing.first if self.needed else self._failing.failure
        name = "torch" if failure is not None and failure.stage.of_source else "tensorflow"
        return [change for change in changes if change.name == name]

    def _lead(self, blamed: Smallest[Change]) -> Lead | None:
        """Of a package that is pinned on both toolchains, the last release that works and the first that fails. Of
        several that only move together it is the one that most likely is to blame, or that others follow; what moves
        with it is resolved along."""
        alone = len(blamed.changes) == 1
        if not alone and (not blamed.together or self._conflict is not None):
            return None
        pinned = [change for change in blamed.changes if self._moves(change)]
        suspects = self._suspects(pinned)
        followed = [
            change for change in pinned if any(one.name in changed.FOLLOWERS.get(change.name, ()) for one in pinned)
        ]
        first = next(iter([*suspects, *followed, *pinned]), None)
        if first is None:
            return None
        low, high = (self._pins(id, first)[0] for id in (self.good, self.bad))
        along = tuple(change for change in pinned if change != first)
        (pair,) = [pair for pair in self.pairs if pair.side == first.side]
        newest = pair.bad if pair.bad.as_of >= pair.good.as_of else pair.good
        listed = mixed.releases(
            first.name, min(low, high, key=Version), max(low, high, key=Version), newest, self.resolver
        )
        if listed is None:
            return Lead(first, low, high, None, along)
        if listed[0] != low:
            listed.reverse()
        self.say(f"{first}: {words.counted(len(listed), 'release')} from {low} to {high}")
        found: First[str] = first_bad(listed, lambda release: self.test(blamed.changes, {first.name: release}, along))
        return Lead(first, found.good, found.bad, len(found.between), along)

    def _moves(self, change: Change) -> bool:
        """Whether GOOD and BAD pin what changes, at different versions."""
        good, bad = self._pins(self.good, change), self._pins(self.bad, change)
        return bool(good and bad) and good != bad

    def _sentence(
        self,
        blamed: Smallest[Change],
        named: Mapping[Change, str | None],
        lead: Lead | None,
        good: Mixture,
        bad: Mixture,
    ) -> str:
        names = [self._named(change, version) for change, version in named.items()]
        listed = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
        asked = [change.name for change in blamed.changes]
        moved = mixed.brought(good.packages, bad.packages, asked) if bad.refusal is None else []
        brings = f", which brings {', '.join(map(str, moved[:MOST_BROUGHT]))}" if moved else ""
        together = (
            ", which cannot be told apart: of mixtures without one of them nothing can be told"
            if blamed.together
            else ""
        )
        until = f" ({_until(lead, self._good_verb)})" if lead else ""
        what = f"needs {words.remedies(self.needed)}" if self.needed else "fails"
        if self._conflict is not None:
            what = "cannot be resolved"
        with_what = ""
        if self._conflict is not None:
            others = sorted(self._conflict - set(asked))
            with_what = f": it does not go with {' and '.join(others)}" if others else ""
        return f"{self.case} by {self.route} {what} from {listed} on{brings}{together}{until}{with_what}."

    @property
    def _good_verb(self) -> str:
        """What good releases do: of sets that do not resolve nothing was run."""
        if self._conflict is not None:
            return "resolve"
        return "do without" if self.needed else "work"

    def _version(self, change: Change, lead: Lead | None, bad: Mixture) -> str | None:
        """The version of a package in the mixture that fails; None of what is no package, or is dropped there."""
        if lead is not None and change == lead.change:
            return lead.bad
        (place,) = [place for place, pair in enumerate(self.pairs) if pair.side == change.side]
        pin = self.pairs[place].bad.pins.get(change.name)
        moves = lead is not None and change in lead.along and bad.refusal is None
        return bad.locks[place].packages.get(change.name, pin) if moves else pin

    def _named(self, change: Change, version: str | None) -> str:
        (pair,) = [pair for pair in self.pairs if pair.side == change.side]
        if change.name == mixed.PYTHON:
            return f"Python {pair.bad.python}"
        if change.name.startswith(mixed.SHIM):
            added = change.name.removeprefix(mixed.SHIM) in pair.bad.shims
            return f"{change} {'added' if added else 'dropped'}"
        return f"{change.name} {version}" if version else f"{change} dropped"

    def _command(self, named: Mapping[Change, str | None]) -> str:
        pins = [f"{change.name}=={version}" for change, version in named.items() if version]
        head = [self.good, *pins] if len(pins) == len(named) else [self.good, self._word]
        return f"nox -s upgrade -- {shlex.join([*head, '--case', self.case, '--route', self.route])}"


def _until(lead: Lead, verb: str) -> str:
    """What is known of the releases before the first that fails; verb: what those do."""
    last, does = f"{lead.change} {lead.good}", "does without" if verb == "do without" else f"{verb}s"
    if lead.between is None:
        return f"{last} {does}; more than {mixed.MOST_RELEASES} releases lie between, and none of them was tried"
    if lead.between:
        between = "the release" if lead.between == 1 else f"{lead.between} releases"
        return f"{last} is the last known to {verb}: of {between} after it nothing can be told"
    return f"{last} is the last that {does}"


def _same_stage(one: Failure | None, other: Failure | None) -> bool:
    return one is not None and other is not None and one.stage is other.stage


def _said(content: Evidence, cell: Cell | None) -> Said:
    """What explained evidence says of a cell of it."""
    if cell is None:
        return Said(None)
    first = next((attempt.error for attempt in cell.attempts if attempt.error is not None), None)
    return Said(cell, content.error_of(cell), content.errors.get(first or ""))


def _files(mixture: Mixture) -> str:
    return ", ".join(str(lock.path) for lock in mixture.locks)
