"""The report of changes: the verdict in a sentence, what it rests on, which packages moved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfparity.environments.changed import alike
from tfparity.environments.lock import LockStatus
from tfparity.features.session import Session
from tfparity.features.upgrade import lines
from tfparity.features.upgrade.across import Ways
from tfparity.features.upgrade.answers import Answers
from tfparity.features.upgrade.compare import Answer, Change, Place
from tfparity.features.upgrade.groups import grouped
from tfparity.features.upgrade.kinds import NO_ANSWER, Kind
from tfparity.features.upgrade.report import SCHEMA, Package, Rests, Side, Sides, Upgrade
from tfparity.inputs.matrix import Environment
from tfparity.records.vocabulary import Tier, Verdict
from tfparity.report import words


def report(
    session: Session,
    sides: Sides,
    base: Answers,
    head: Answers,
    changes: Sequence[Change],
    unknown: Sequence[Place],
    ran: Collection[Place],
    tier: Tier,
    runs: Collection[Place],
    lost: Sequence[Place] = (),
) -> Upgrade:
    """The report of those changes. runs: the cells of that tier that --run runs, of those not known; lost: the cells
    that a second run left untested."""
    groups = grouped(changes, Ways(session, sides, head))
    counts = {kind.value: sum(change.kind is kind for change in changes) for kind in Kind}
    worst = next((kind for kind in Kind if kind.exit_code and counts[kind]), Kind.SAME)
    packages = _packages(session, sides)
    asked = [name for one in sides.asked for name in alike(one)]
    was, now = (_side(session, id, label) for id, label in _labelled(sides))
    return Upgrade(
        schema=SCHEMA,
        command=sides.command,
        base=was,
        head=now,
        verdict=sentence(sides, changes, lines.also(asked, was, now, packages)),
        exit_code=worst.exit_code if changes else NO_ANSWER,
        rests=_rests(base, head, changes, unknown, ran, tier, runs),
        counts=counts,
        packages=packages,
        groups=tuple(groups),
        unknown=tuple(" ".join(place) for place in lost),
    )


def _labelled(sides: Sides) -> tuple[tuple[str, str], tuple[str, str]]:
    return (sides.base, sides.base_label), (sides.head, sides.head_label)


def sentence(sides: Sides, changes: Sequence[Change], also: str = "") -> str:
    """The verdict in one sentence. also: what HEAD moves beside what it was asked for, at its end."""
    head = sides.head_label
    if not changes:
        return f"Nothing is known of both {sides.base_label} and {head}, so nothing can be said of this upgrade."
    worse = [change for change in changes if change.kind.exit_code]
    of = f"{words.cells(len(changes))} known on both sides"
    better = [f"{n} {kind}" for kind in (Kind.FIXED, Kind.FASTER, Kind.NEW) if (n := _number(changes, kind))]
    if not worse:
        differ = [change for change in changes if change.kind is not Kind.SAME]
        if not differ:
            same = "the same" if len(changes) == 1 else "all the same"
            return f"Nothing changes on {head}: {of}, {same}{also}."
        others = [f"{n} {kind}" for kind in (Kind.CHANGED_FAILURE, Kind.QUARANTINED) if (n := _number(changes, kind))]
        return f"Nothing is worse on {head}: of {of}, {', '.join([*better, *others])}{also}."
    works = len({change.case for change in worse})
    parts = [f"{n} {kind}" for kind in Kind if kind.exit_code and (n := _number(worse, kind))]
    quarantined = _number(changes, Kind.QUARANTINED)
    aside = [f"{quarantined} {Kind.QUARANTINED}"] if quarantined else []
    tail = "".join(f"; {one}" for one in [*([f"better: {', '.join(better)}"] if better else []), *aside])
    return f"{head} is worse for {words.counted(works, 'model')}: of {of}, {', '.join(parts)}{tail}{also}."


def _number(changes: Iterable[Change], kind: Kind) -> int:
    return sum(change.kind is kind for change in changes)


def _rests(
    base: Answers,
    head: Answers,
    changes: Sequence[Change],
    unknown: Sequence[Place],
    ran: Collection[Place],
    tier: Tier,
    runs: Collection[Place],
) -> Rests:
    nothing = Answer(Verdict.NOT_APPLICABLE)
    both = [(base.get(place, nothing), head.get(place, nothing)) for place in unknown]
    return Rests(
        compared=len(changes),
        ran=sum(change.place in ran for change in changes),
        base_only=sum(was.known and not now.known for was, now in both),
        head_only=sum(now.known and not was.known for was, now in both),
        neither=sum(not was.known and not now.known for was, now in both),
        stale=sum(Verdict.STALE in (was.verdict, now.verdict) for was, now in both),
        tier=tier.value,
        runs=len({*unknown} & {*runs}),
        no_environment=sum(change.head.environment_broken for change in changes),
    )


def _side(session: Session, id: str, label: str) -> Side:
    environments = _environments(session, id)
    pythons = dict.fromkeys(environment.python for environment in environments)
    shims = dict.fromkeys(shim for environment in environments for shim in environment.shims)
    locks = [session.selection.keys.locked(environment) for environment in environments]
    refusal = next((lock.reason for lock in locks if lock.unresolvable), None)
    return Side(id, label, " → ".join(pythons), tuple(shims), refusal)


def _environments(session: Session, id: str) -> list[Environment]:
    matrix = session.selection.matrix
    return [matrix.environments[name] for name in matrix.toolchains[id].environments()]


def _packages(session: Session, sides: Sides) -> tuple[Package, ...]:
    """The packages whose versions differ: those that either side pins, and keras, which TensorFlow brings."""
    base, head = (_environments(session, id) for id in (sides.base, sides.head))
    return moved(base, head, session.selection.keys.locked)


def moved(
    was: Sequence[Environment], now: Sequence[Environment], locked: Callable[[Environment], LockStatus]
) -> tuple[Package, ...]:
    """The packages whose versions differ between two sides: those that either pins, and keras. Of a side that cannot be
    resolved its pins alone are known."""
    held, named, whole = [], dict.fromkeys(["keras"]), []
    for side in (was, now):
        mine: dict[str, str] = {}
        whole.append(not any(locked(environment).unresolvable for environment in side))
        for environment in reversed(side):
            mine.update(locked(environment).packages or environment.pins)
            named.update(dict.fromkeys(canonicalize_name(Requirement(line).name) for line in environment.asked()))
        held.append(mine)
    known = [
        name for name in sorted(named) if all(name in mine or sure for mine, sure in zip(held, whole, strict=True))
    ]
    base, head = held
    return tuple(Package(name, base.get(name), head.get(name)) for name in known if base.get(name) != head.get(name))
