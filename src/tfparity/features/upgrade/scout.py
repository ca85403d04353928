"""What is new on the index, tried: the newest toolchain with one package moved, held against that toolchain."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tfparity.environments import changed, estimate, lock
from tfparity.environments.changed import Resolver
from tfparity.environments.news import News
from tfparity.errors import AbsentError, LockError, UsageError
from tfparity.features import unnamed
from tfparity.features.session import Session
from tfparity.features.upgrade import sides
from tfparity.features.upgrade.proposal import Proposal, propose
from tfparity.features.upgrade.report import Sides, Upgrade
from tfparity.features.upgrade.upgrade import Carry, to_run, upgrade
from tfparity.inputs import yaml_input
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.records.vocabulary import Tier
from tfparity.report import words

#: What a scout ends with that found something new.
FOUND = 42


@dataclass(frozen=True)
class Candidate:
    """A release over its base, resolved. matrix: that has it; id: there; refusal: the resolver's reason why it does not
    go with the base's other pins."""

    news: News
    matrix: Matrix
    id: str
    refusal: str | None

    @property
    def label(self) -> str:
        return f"{self.news.base} with {self.news.package} {self.news.version}"


@dataclass(frozen=True)
class Trial:
    """What came of a candidate. proposal: None where its packages do not install or import, or this machine cut some of
    its cells short; cut: how many."""

    candidate: Candidate
    report: Upgrade
    proposal: Proposal | None
    cut: int = 0


#: Makes what runs the cells of a session.
Carries = Callable[[Session], Carry]


def chosen(found: Sequence[News], packages: Sequence[str], tracked: Iterable[str]) -> list[News]:
    """What is to be tried: the news of these packages, also where the pins are older on purpose; without names all that
    was not there when the toolchains were made. Raises UsageError for a package that no toolchain pins."""
    known = set(tracked)
    for name in packages:
        if name not in known:
            raise UsageError(f"no toolchain pins {name!r}{yaml_input.did_you_mean(name, known)}")
    return [one for one in found if (one.package in packages if packages else not one.held)]


def candidate(matrix: Matrix, news: News, resolver: Resolver) -> Candidate:
    """The base with that release, resolved as of yesterday; one that does not build, or that is gone again, is none,
    too. Raises as changed.over."""
    try:
        made, id = changed.over(matrix, news.base, [f"{news.package}=={news.version}"], resolver)
    except (LockError, AbsentError) as wrong:
        return Candidate(news, matrix, news.base, str(wrong))
    locks = [lock.status(resolver.project, made.environments[one]) for one in made.toolchains[id].environments()]
    return Candidate(news, made, id, next((one.reason for one in locks if one.unresolvable), None))


class Scout:
    """Tries candidates one after the other, each in a session of its own. carries: runs cells."""

    def __init__(self, session: Session, carries: Carries) -> None:
        self.session, self.carries = session, carries

    def over(self, one: Candidate) -> Session:
        """The session of a candidate and its base."""
        selection = self.session.selection
        asked = replace(self.session.choice, toolchains=(one.news.base, one.id))
        return Session(asked, selection.project, selection.cache, one.matrix)

    def runs(self, one: Candidate) -> list[PlannedCell]:
        """The cells that trying it runs at least."""
        session = self.over(one)
        return to_run(session, _sides(one), self._tier)

    @property
    def _tier(self) -> Tier:
        return sides.tier_to_run(self.session.choice)

    def budget(self, candidates: Sequence[Candidate]) -> str:
        """What trying them takes, in a line."""
        installs: dict[str, tuple[Environment, Session]] = {}
        seconds, cells = 0.0, 0
        for one in candidates:
            session, runs = self.over(one), self.runs(one)
            cells += len(runs)
            seconds += session.estimate(runs) if runs else 0.0
            for environment in session.environments(runs):
                if not session.selection.installed(environment):
                    installs[environment.id] = environment, session
        packages = [session.selection.keys.locked(one).packages for one, session in installs.values()]
        disk = f"{words.environments(len(packages))} to install, {estimate.told(*packages)}; " if packages else ""
        what = words.counted(len(candidates), "candidate")
        if not cells:
            return f"{what}: all has run before"
        return (
            f"{what}: {disk}{words.cells(cells)} to run: about {words.duration(seconds)}, "
            "and both sides again where they differ"
        )

    def tried(self, one: Candidate) -> Trial:
        """Run a candidate and compare it with its base. What only it needed is removed. Raises as the engine does."""
        session = self.over(one)
        carry, last = self.carries(session), dict[CellId, CellRecord]()

        def kept(cells: Sequence[PlannedCell], *, again: bool) -> Sequence[CellRecord]:
            records = carry(cells, again=again)
            last.update({record.place: record for record in records})
            return records

        with unnamed.removed(session):
            report = upgrade(session, _sides(one), kept, self._tier)
        cut = sum(not record.whole for record in last.values())
        adopted = not cut and report.rests.compared > report.rests.no_environment
        locks = {environment.id: session.selection.keys.locked(environment) for environment in _environments(one)}
        proposal = propose(one.matrix, one.news, one.matrix.toolchains[one.id], locks) if adopted else None
        return Trial(one, report, proposal, cut)


def _environments(one: Candidate) -> list[Environment]:
    toolchain, base = one.matrix.toolchains[one.id], one.matrix.toolchains[one.news.base]
    return [one.matrix.environments[id] for id in (*toolchain.environments(), *base.environments())]


def _sides(one: Candidate) -> Sides:
    news = one.news
    command = f"nox -s upgrade -- {shlex.join([news.base, f'{news.package}=={news.version}'])}"
    return Sides(news.base, one.id, news.base, one.label, command, (news.package,))
