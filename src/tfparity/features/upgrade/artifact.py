"""What becomes of an artifact that is served today on the way from one runtime to another."""

from __future__ import annotations

from collections.abc import Callable

from tfparity.engine.artifact_runs import NotImported, Ran, Runs
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.errors import InstallError, LockError
from tfparity.evidence.differences import DRIFT
from tfparity.features.upgrade.artifact_report import NO_ENVIRONMENT, SCHEMA, ArtifactUpgrade, Result
from tfparity.features.upgrade.artifact_sides import ArtifactSide
from tfparity.features.upgrade.kinds import NO_ANSWER, Kind
from tfparity.features.upgrade.report import Side
from tfparity.features.upgrade.summary import moved
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Golden
from tfparity.inputs.matrix import Environment
from tfparity.records.fingerprint import printable
from tfparity.report import words


def compare(
    runs: Runs,
    sides: tuple[ArtifactSide, ArtifactSide],
    artifact: Artifact,
    golden: Golden,
    command: str,
    *,
    with_switches: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> ArtifactUpgrade:
    """Run the artifact on both sides, on both again where they differ, and say what became of it. An environment that
    cannot be made is a result; raises what says nothing of it: NetworkError, DiskError, InterpreterError, MachineFault.
    """

    def ran(side: ArtifactSide) -> Result:
        told(f"{artifact.path.name} on {side.label}")
        return _ran(runs, side, artifact, golden, with_switches=with_switches)

    was, now = (ran(side) for side in sides)
    kind = changed(was, now)
    message = _said(kind, was, now)
    if kind not in (Kind.SAME, Kind.ENVIRONMENT_BROKEN) and not was.broken:
        was_again, now_again = (ran(side) for side in sides)
        second = changed(was_again, now_again)
        if second is not kind:
            message = f"first: {kind} ({message}); again: {second} {_said(second, was_again, now_again)}".rstrip()
            kind = Kind.FLAKY
    base, head = sides
    project = runs.project

    def locked(environment: Environment) -> LockStatus:
        return lock.status(project, environment)

    return ArtifactUpgrade(
        schema=SCHEMA,
        command=command,
        artifact=printable(artifact.path.name),
        kind=artifact.kind,
        megabytes=artifact.megabytes,
        golden=printable(golden.file.name),
        base=_side(base, locked),
        head=_side(head, locked),
        on_base=was,
        on_head=now,
        packages=moved([base.environment], [head.environment], locked),
        change=kind,
        message=message,
        verdict=_sentence(artifact, kind, was, now, head.label),
        exit_code=exit_code(kind, was, now),
    )


def changed(was: Result, now: Result) -> Kind:
    """What became of the artifact, by what came of it on both sides."""
    if now.broken:
        return Kind.SAME if was.broken else Kind.ENVIRONMENT_BROKEN
    if was.right and not now.right:
        return Kind.REGRESSED
    if now.right and not was.right:
        return Kind.FIXED
    if not now.right:
        return Kind.SAME if _reason(was) == _reason(now) else Kind.CHANGED_FAILURE
    return Kind.LESS_EXACT if _drifted(was, now) else Kind.SAME


def exit_code(kind: Kind, was: Result, now: Result) -> int:
    """What the command ends with. Where there is no environment for BASE, a HEAD that is not right is no green light:
    nobody knows whether it was before."""
    if _no_answer(was, now):
        return NO_ANSWER
    loses = kind is not Kind.ENVIRONMENT_BROKEN or was.right
    return kind.exit_code if loses else 0


def _no_answer(was: Result, now: Result) -> bool:
    return was.broken and not now.right


def _reason(result: Result) -> tuple[str, object]:
    """What makes two failures the same: how they ended, with which words, or how wrong the numbers are."""
    return result.state, result.grade if result.max_abs is not None else result.note


def _drifted(was: Result, now: Result) -> bool:
    """Whether the grade fell, and the error grew as much as evidence.differences asks for."""
    if was.grade is None or now.grade is None or now.grade.rank <= was.grade.rank:
        return False
    return was.max_abs is None or now.max_abs is None or now.max_abs > DRIFT * was.max_abs


def _ran(runs: Runs, side: ArtifactSide, artifact: Artifact, golden: Golden, *, with_switches: bool) -> Result:
    locked = lock.status(runs.project, side.environment)
    try:
        ran = runs.tried(side.environment, artifact, golden, with_switches=with_switches)
    except (InstallError, NotImported) as wrong:
        return Result(NO_ENVIRONMENT, False, note=_line(str(wrong)))
    except LockError as wrong:
        if not locked.unresolvable:
            raise
        return Result(NO_ENVIRONMENT, False, note=_line(str(wrong)))
    return result(ran)


def result(ran: Ran) -> Result:
    """What a run came to, as a report tells it."""
    held = ran.held
    return Result(ran.state, ran.right, held.max_abs if held else None, held.grade if held else None, _line(ran.said))


def _line(text: str) -> str:
    return words.shortened(printable(" ".join(text.split())), 600)


def _side(side: ArtifactSide, locked: Callable[[Environment], LockStatus]) -> Side:
    environment = side.environment
    reason = locked(environment)
    refusal = reason.reason if reason.unresolvable else None
    return Side(environment.id, side.label, environment.python, tuple(environment.shims), refusal)


def _said(kind: Kind, was: Result, now: Result) -> str:
    """The reason of a change in a line."""
    if kind is Kind.SAME:
        return "" if now.right else f"not right on either side, for the same reason: {now.state}{_why(now)}"
    if kind is Kind.FIXED:
        return f"on BASE: {was.state}{_why(was)}"
    if kind is Kind.CHANGED_FAILURE:
        return f"on BASE: {was.state}{_why(was)}; on HEAD: {now.state}{_why(now)}"
    if kind is Kind.LESS_EXACT:
        return f"grade {now.grade} instead of {was.grade}"
    return f"{now.state}{_why(now)}"


def _why(result: Result) -> str:
    return f" ({result.note})" if result.note else ""


def _sentence(artifact: Artifact, kind: Kind, was: Result, now: Result, head: str) -> str:
    name = printable(artifact.path.name)
    if _no_answer(was, now):
        other = f"nor for {head}" if now.broken else f"and {name} is not right on {head}"
        return f"No answer: there is no environment for BASE, {other}."
    if kind is Kind.SAME:
        state = "answers right on both sides" if was.right else "is not right on either side, for the same reason"
        return f"Nothing changes on {head}: {name} {state}."
    if kind is Kind.ENVIRONMENT_BROKEN:
        return f"There is no environment for {head}, so {name} does not run there."
    if kind is Kind.FLAKY:
        return f"{name} differed between the sides once, and not again: one of its runs does not repeat."
    said = {
        Kind.REGRESSED: f"{head} is worse: {name} is right on BASE and not there.",
        Kind.LESS_EXACT: f"{head} is less exact: {name} is right there, with a larger error.",
        Kind.FIXED: f"{head} is better: {name} is right there and not on BASE.",
        Kind.CHANGED_FAILURE: f"{name} is not right on either side; on {head} for another reason.",
    }
    return said[kind]
