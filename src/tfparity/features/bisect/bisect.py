"""Bisecting two toolchains: mixtures of both are resolved, installed and run until one package is to blame.

What was resolved is in the cache and what ran in the store, so that the same command goes on where it was stopped.
"""

from __future__ import annotations

import math
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from packaging.version import Version

from tfparity.environments import adhoc, changed, estimate, install, mixed
from tfparity.environments.changed import Resolver
from tfparity.environments.lock import LockStatus
from tfparity.errors import LockError, MachineFault, UsageError
from tfparity.features.bisect.search import Outcome, Smallest, first_bad, smallest
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.planning.estimate import INSTALL_SECONDS, WARM_SECONDS
from tfparity.records.cells import Cell, CellRecord, Failure, PlannedCell
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

#: So many of the packages that a blamed one brings are named.
MOST_BROUGHT = 3


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


class Run(Protocol):
    """Runs cells of a session."""

    def __call__(self, session: Session, cells: Sequence[PlannedCell]) -> Sequence[CellRecord]: ...


class Bisection:
    """One case by one route between two toolchains. `run` runs cells, `say` tells a person how it goes."""

    def __init__(
        self, session: Session, good: str, bad: str, resolver: Resolver, run: Run, say: Callable[[str], None]
    ) -> None:
        """session: of both toolchains, and of the case by the route alone. Raises UsageError where there is nothing to
        bisect."""
        self.session, self.good, self.bad = session, good, bad
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
        self._failing: tuple[Cell, Failure] | None = None
        self._conflict: frozenset[str] | None = None

    @property
    def pairs(self) -> list[Pair]:
        """The environments that are mixed: one pair, or one for each side."""
        good, bad = (self.matrix.toolchains[id] for id in (self.good, self.bad))
        environments = self.matrix.environments
        ways = [(one.source, one.routes[self.route]) for one in (good, bad)]
        if all(source == target for source, target in ways):
            return [Pair("", environments[ways[0][0]], environments[ways[1][0]])]
        sides = zip(("torch", "TensorFlow"), *ways, strict=True)
        return [Pair(side, environments[one], environments[other]) for side, one, other in sides]

    def changes(self) -> list[Change]:
        """All that differs."""
        return [Change(name, pair.side) for pair in self.pairs for name in mixed.differing(pair.good, pair.bad)]

    def budget(self) -> str:
        """What it may cost, in a line."""
        count = len(self.changes())
        least, most = max(1, math.ceil(math.log2(max(count, 2)))), 2 * count
        if self._conflict is not None:
            return f"{count} differ: {least} to {most} mixtures to resolve, and none to install"
        gb = max(estimate.installed_gb(lock.packages) for lock in self._locks(self.bad))
        each = self.session.cost(self._planned[self.bad]) + INSTALL_SECONDS + WARM_SECONDS
        return (
            f"{count} differ: {least} to {most} mixtures, each an environment of about {gb} GB, "
            f"{words.duration(least * each)} to {words.duration(most * each)}; stopped, the same command goes on"
        )

    def _locks(self, toolchain: str) -> list[LockStatus]:
        ids = self.matrix.toolchains[toolchain].environments()
        return [self.session.selection.keys.locked(self.matrix.environments[id]) for id in ids]

    # The two ends

    def begin(self) -> None:
        """Learn how both toolchains do, from evidence or by a run. Raises UsageError where GOOD does not work, or BAD
        does."""
        good = self._answer(self.good)
        if good[0] is None or not good[0].verdict.works:
            raise UsageError(f"{self.case} by {self.route} does not work on {self.good}: there is nothing to bisect")
        planned = self._planned[self.bad]
        if planned.verdict is Verdict.UNRESOLVABLE:
            self._conflict = mixed.conflict(planned.reason or "")
            return
        cell, failure = self._answer(self.bad)
        if cell is None or not cell.verdict.failing or failure is None:
            how = cell.verdict if cell else planned.verdict or Verdict.UNTESTED
            raise UsageError(
                f"{self.case} by {self.route} is not broken on {self.bad} but {how}: there is nothing to bisect"
            )
        self._failing = cell, failure

    def _answer(self, toolchain: str) -> tuple[Cell | None, Failure | None]:
        planned = self._planned[toolchain]
        standing = self.session.query.standing(planned)
        # Mixtures try every remedy: a recorded failure that has not tells nothing of them.
        if standing.verdict.ran and not standing.untried:
            return standing.cell, standing.error
        return self._ran(self.session, planned) if planned.applicable else (None, None)

    def _ran(self, session: Session, planned: PlannedCell) -> tuple[Cell | None, Failure | None]:
        """The cell that a run makes, explained, and its failure. Raises MachineFault."""
        (record,) = self.run(session, [planned])
        if record.interrupted:
            raise MachineFault(f"{planned.id}: {record.reason}; the same command goes on")
        if record.cell is None:
            return None, None
        content = session.recorder.found([record])[planned.toolchain]
        (cell,) = content.cells
        return cell, content.error_of(cell)

    # Mixtures

    def mixture(self, chosen: Sequence[Change], versions: dict[str, str] | None = None) -> Mixture:
        """GOOD with these changes of BAD. Raises LockError where one does not build."""
        made = [
            mixed.mixed(
                pair.good,
                pair.bad,
                [change.name for change in chosen if change.side == pair.side],
                self.resolver,
                versions,
            )
            for pair in self.pairs
        ]
        environments = [environment for environment, _ in made]
        base = self.matrix.toolchains[self.good]
        toolchain = base.model_copy(
            update={
                "id": changed.name_of([environment.id for environment in environments]),
                "source": environments[0].id,
                "routes": {self.route: environments[-1].id},
                "cases": (),
            }
        )
        known = self.matrix if toolchain.id in self.matrix.toolchains else None
        matrix = known or adhoc.extended(self.matrix, toolchain, environments)
        return Mixture(matrix, toolchain.id, tuple(lock for _, lock in made))

    def test(self, chosen: Sequence[Change], versions: dict[str, str] | None = None) -> Outcome:
        """What comes of a mixture."""
        try:
            mixture = self.mixture(chosen, versions)
        except LockError as wrong:
            outcome, why = Outcome.UNKNOWN, f"does not build: {wrong}"
        else:
            outcome, why = self._of(mixture)
        named = ", ".join(f"{change} {(versions or {}).get(change.name, '')}".strip() for change in chosen)
        self.say(f"{named}: {outcome.value}{f' ({words.shortened(why, 160)})' if why else ''}")
        return outcome

    def _of(self, mixture: Mixture) -> tuple[Outcome, str]:
        refusal = mixture.refusal
        if self._conflict is not None:
            if refusal is None:
                return Outcome.GOOD, "resolves"
            same = mixed.conflict(refusal) == self._conflict
            return (
                (Outcome.BAD, "does not resolve") if same else (Outcome.UNKNOWN, "does not resolve, for another reason")
            )
        if refusal is not None:
            return Outcome.UNKNOWN, "does not resolve"
        selection = self.session.selection
        asked = replace(self.session.choice, toolchains=(mixture.id,), results=None)
        session = Session(asked, selection.project, selection.cache, mixture.matrix)
        (planned,) = [cell for cell in session.selection.planned if (cell.case, cell.route) == (self.case, self.route)]
        if not planned.applicable:
            return Outcome.UNKNOWN, planned.reason or "not applicable"
        self._make_room(session)
        return self._judged(*self._ran(session, planned))

    def _judged(self, cell: Cell | None, failure: Failure | None) -> tuple[Outcome, str]:
        assert self._failing is not None
        if cell is None:
            return Outcome.UNKNOWN, "not applicable"
        if not cell.verdict.failing or failure is None:
            return Outcome.GOOD, cell.verdict.value
        mine, expected = self._failing
        alike = failure.stage is expected.stage or cell.limitation == mine.limitation is not None
        return (Outcome.BAD if alike else Outcome.UNKNOWN), words.failure(failure)

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
        self._mine += [one for one in missing if not one.published]

    def remove(self, environment: Environment) -> None:
        """Remove the environment of a mixture."""
        selection = self.session.selection
        install.remove(environment, selection.keys.locked(environment), selection.cache)

    def clear(self) -> None:
        """Remove the environments of all mixtures: their results stay in the store."""
        while self._mine:
            self.remove(self._mine.pop())

    # The answer

    def found(self) -> Found:
        """Search for the smallest set of changes, then for the first release of a package that alone is to blame."""
        changes = self.changes()
        if not changes:
            raise UsageError(f"{self.good} and {self.bad} have the same pins, Python and shims")
        blamed = smallest(changes, lambda chosen: self.test(list(chosen)), self._suspects(changes))
        versions: dict[str, str] = {}
        before: str | None = None
        if len(blamed.changes) == 1:
            before, versions = self._release(blamed.changes[0])
        own = before is None or before in self._pins(self.good, blamed.changes[0])
        good = (
            self.mixture(blamed.good) if own else self.mixture(blamed.changes, {blamed.changes[0].name: before or ""})
        )
        bad = self.mixture(blamed.changes, versions)
        return Found(
            self._sentence(blamed, versions, before, good, bad),
            _files(good),
            _files(bad),
            self._command(blamed.changes, versions),
            blamed.tests,
        )

    def _pins(self, toolchain: str, change: Change) -> list[str]:
        """The version at which a toolchain pins what changes; none where it does not."""
        pairs = [pair for pair in self.pairs if pair.side == change.side]
        pins = [(pair.good if toolchain == self.good else pair.bad).pins.get(change.name) for pair in pairs]
        return [version for version in pins if version is not None]

    def _suspects(self, changes: Sequence[Change]) -> list[Change]:
        """What most likely is to blame: the framework of the side that fails, or the packages of the conflict."""
        if self._conflict is not None:
            return [change for change in changes if change.name in self._conflict]
        assert self._failing is not None
        _, failure = self._failing
        name = "torch" if failure.stage.of_source else "tensorflow"
        return [change for change in changes if change.name == name]

    def _release(self, blamed: Change) -> tuple[str | None, dict[str, str]]:
        """Of a package that is pinned on both toolchains, the last release that works and the first that fails."""
        (pair,) = [pair for pair in self.pairs if pair.side == blamed.side]
        good, bad = pair.good.pins.get(blamed.name), pair.bad.pins.get(blamed.name)
        if good is None or bad is None or good == bad:
            return None, {}
        newest = pair.bad if pair.bad.as_of >= pair.good.as_of else pair.good
        low, high = sorted((good, bad), key=Version)
        listed = mixed.releases(blamed.name, low, high, newest, self.resolver)
        if listed[0] != good:
            listed.reverse()
        self.say(f"{blamed}: {len(listed)} releases from {good} to {bad}")
        first = first_bad(listed, lambda release: self.test([blamed], {blamed.name: release}))
        return first.good, {blamed.name: first.bad}

    def _sentence(
        self, blamed: Smallest[Change], versions: dict[str, str], before: str | None, good: Mixture, bad: Mixture
    ) -> str:
        names = [self._named(change, versions) for change in blamed.changes]
        listed = " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
        asked = [change.name for change in blamed.changes]
        moved = mixed.brought(good.packages, bad.packages, asked) if bad.refusal is None else []
        brings = f", which brings {', '.join(map(str, moved[:MOST_BROUGHT]))}" if moved else ""
        together = (
            ", which cannot be told apart: of mixtures without one of them nothing can be told"
            if blamed.together
            else ""
        )
        until = f" ({blamed.changes[0]} {before} is the last that works)" if before else ""
        what = "cannot be resolved" if self._conflict is not None else "fails"
        with_what = ""
        if self._conflict is not None:
            others = sorted(self._conflict - set(asked))
            with_what = f": it does not go with {' and '.join(others)}" if others else ""
        return f"{self.case} by {self.route} {what} from {listed} on{brings}{together}{until}{with_what}."

    def _named(self, change: Change, versions: dict[str, str]) -> str:
        (pair,) = [pair for pair in self.pairs if pair.side == change.side]
        if change.name == mixed.PYTHON:
            return f"Python {pair.bad.python}"
        if change.name.startswith(mixed.SHIM):
            added = change.name.removeprefix(mixed.SHIM) in pair.bad.shims
            return f"{change} {'added' if added else 'dropped'}"
        version = versions.get(change.name, pair.bad.pins.get(change.name))
        return f"{change.name} {version}" if version else f"{change} dropped"

    def _command(self, blamed: Sequence[Change], versions: dict[str, str]) -> str:
        pins = []
        for change in blamed:
            (pair,) = [pair for pair in self.pairs if pair.side == change.side]
            version = versions.get(change.name, pair.bad.pins.get(change.name))
            if version:
                pins.append(f"{change.name}=={version}")
        head = [self.good, *pins] if len(pins) == len(blamed) else [self.good, self.bad]
        return f"nox -s upgrade -- {shlex.join([*head, '--case', self.case, '--route', self.route])}"


def _files(mixture: Mixture) -> str:
    return ", ".join(str(lock.path) for lock in mixture.locks)
