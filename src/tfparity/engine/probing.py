"""Level 2 of a cell that works: every probe's calls, answered by the source side and by the converted artifact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity.engine import bundles, target_side
from tfparity.engine.cell_run import CellRun
from tfparity.engine.source_side import Answered
from tfparity.engine.store import Store, StoredProbe
from tfparity.engine.target_side import TargetSide
from tfparity.engine.worker_client import Answer
from tfparity.errors import MachineFault
from tfparity.planning import keys, probes
from tfparity.planning.probes import Call, Kind, Line, Probe
from tfparity.records.cells import Entry, Failure, Problem, StageReply, coarse, finite
from tfparity.records.fingerprint import normalise
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Stage

if TYPE_CHECKING:
    from tfparity.judging.compare import Arrays
    from tfparity.judging.probed import Called

#: How often the places between a right and a wrong call are looked at.
ROUNDS = 4

#: How many other calls that are wrong a message names.
ALSO = 3

#: Answers the calls of probes: by name their revision and the calls.
Ask = Callable[[Mapping[str, tuple[int, Sequence[Call]]]], Mapping[str, Answered]]


@dataclass
class _Tried:
    """A line of a probe on its way: what came of it, place by place."""

    line: Line
    calls: dict[float, Called]

    @property
    def wrong(self) -> float | None:
        """The nearest place that is wrong."""
        return min((at for at, called in self.calls.items() if called.wrong), default=None)

    def right(self, wrong: float) -> float | None:
        """The farthest place before a wrong one that is right."""
        return max((at for at, called in self.calls.items() if at < wrong and _says(called)), default=None)


#: Places to look at, line by line.
Places = list[tuple[_Tried, float]]


@dataclass
class _Making:
    """A probe on its way; ended: how a limit, or the source side, ended it before every place was looked at."""

    name: str
    probe: Probe
    tried: list[_Tried]
    ended: tuple[Outcome, Problem] | None = None

    @property
    def judged(self) -> list[_Tried]:
        return [one for one in self.tried if one.line.judged]

    @property
    def first(self) -> Places:
        """Every place of every line."""
        return [(one, at) for one in self.tried for at in one.line.at]

    @property
    def next(self) -> Places:
        """The places to look at next: of the first line that is wrong, of all where each is told; those that a crash
        in a line that is not judged left without an answer."""
        found: Places = []
        if self.ended is None and not any(one.calls for one in self.judged):
            found = [(one, at) for one, at in self.first if not one.calls]
            return found if len(found) < len(self.first) else []
        for one in self.judged if self.ended is None else ():
            wrong = one.wrong
            if wrong is None:
                continue
            right = one.right(wrong)
            places = one.line.between(right, wrong) if right is not None else ()
            found += [(one, at) for at in places if at not in one.calls]
            if self.probe.kind is Kind.DECIDES:
                break
        return found


@dataclass(frozen=True)
class Probing:
    """The probes of a cell. key: the cell's; answers: of the source side; artifact: gives the folder of the attempt
    that converted it, made again where it is gone; run: the cell's, which may be alone on the machine."""

    key: str
    store: Store
    target: TargetSide
    answers: Ask
    artifact: Callable[[], Path]
    again: bool = False
    run: CellRun | None = None

    def found(self) -> dict[str, StoredProbe]:
        """What every probe found, by name: from the store, or now. Raises MachineFault."""
        by_key = {name: keys.probe(self.key, name) for name in probes.NAMES}
        stored = {} if self.again else self.store.probes(self.key)
        made = self._tried([name for name, key in by_key.items() if key not in stored])
        new = {key: self._judged(made[name], key) for name, key in by_key.items() if name in made}
        tested = {key: one for key, one in new.items() if one.entry.outcome is not Outcome.UNTESTED}
        if tested:
            self.store.put_probes(self.key, tested)
        return {name: new[key] if key in new else stored[key] for name, key in by_key.items()}

    def _tried(self, names: Sequence[str]) -> dict[str, _Making]:
        """Those probes carried out; where this machine ends them though the cell is alone, one by one, so that the one
        that has no memory is known."""
        try:
            return self._made(names)
        except MachineFault:
            if self.run is None or not self.run.alone:
                raise
        made = {}
        for name in names:
            made.update(self.run.twice(partial(self._made, [name]), partial(self._ended, name)))
        return made

    def _ended(self, name: str, stage: StageReply) -> dict[str, _Making]:
        """A probe that had no more memory at that stage. Raises MachineFault where it was none of the artifact's."""
        problem = stage.error or Problem("OutOfMemory", "")
        if stage.stage not in (Stage.LOAD, Stage.PROBE):
            raise MachineFault(problem.message, stage.stage)
        return {name: _Making(name, probes.load(name), [], (stage.outcome, problem))}

    def _made(self, names: Sequence[str]) -> dict[str, _Making]:
        """Those probes carried out side by side: every line, then between what is right and what is wrong."""
        made = {}
        for name in names:
            probe = probes.load(name)
            made[name] = _Making(name, probe, [_Tried(line, {}) for line in probe.lines(self.target.case)])
        asked = {name: making.first for name, making in made.items()}
        for _ in range(1 + ROUNDS):
            asked = {name: places for name, places in asked.items() if places}
            if not asked:
                break
            self._round(made, asked)
            asked = {name: making.next for name, making in made.items()}
        return made

    def _round(self, made: Mapping[str, _Making], asked: Mapping[str, Places]) -> None:
        """Make calls at those places of those probes' lines on both sides, and keep what came of each."""
        answers = self.answers(
            {
                name: (made[name].probe.revision, [one.line.call(at) for one, at in places])
                for name, places in asked.items()
            }
        )
        waiting: dict[str, list[int]] = {}
        for name, places in asked.items():
            failed = answers[name].failed
            if failed is not None:
                made[name].ended = Outcome.UNTESTED, failed
                continue
            there = [place for place in range(len(places)) if place not in answers[name].unanswered]
            if there:
                waiting[name] = [there[turn] for turn in made[name].probe.order(len(there))]
        while waiting:
            folder = self.artifact()
            parts: dict[Path, Mapping[str, Json]] = {
                _result(folder, name): {"io": str(answers[name].io), "turns": turns} for name, turns in waiting.items()
            }
            answer = self.target.probe(folder, parts)
            changed = self.run.changed(Stage.PROBE, target_side.artifact(folder)) if self.run else None
            if changed:
                for name in waiting:
                    made[name].ended = Outcome.CRASH, changed
                return
            reached = len(parts) if answer.passed else answer.facts.part or 0
            for number, name in enumerate(list(waiting)[: reached + 1]):
                turns = waiting.pop(name)
                ended = number == reached
                _check(answers[name])
                self._keep(made[name], asked[name], answers[name].io, turns, answer, number, ended=ended)

    def _keep(
        self, making: _Making, places: Places, io: Path, turns: Sequence[int], answer: Answer, part: int, *, ended: bool
    ) -> None:
        """What came of a part's calls. `ended`: it did not come to its end."""
        from tfparity.judging import probed  # and numpy, which a run of what is known needs not

        problem = answer.stages[-1].error or Problem("Incomplete", "the worker's reply ends here, without a failure")
        outcome, turn = answer.stages[-1].outcome, answer.facts.turn or 0
        failed = {turn: answer.facts.failed.get(f"{part}/{turn}") for turn in range(len(turns))}
        if ended and outcome in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY):
            making.ended = outcome, problem
            return
        if ended:  # a crash: nothing but the call under way is known
            failed, turns = {turn: problem}, turns[: turn + 1]
        result = _result(self.artifact(), making.name)
        references = target_side.held_against(io)
        most = max(Counter(turns).values(), default=1)
        outputs: Arrays = {}
        try:
            outputs = bundles.read_arrays(result, bundles.room(io, most))
        except bundles.TooLarge as wrong:
            failed = dict.fromkeys(range(len(turns)), Problem("OutputSize", str(wrong)))
        result.unlink(missing_ok=True)
        for place in dict.fromkeys(turns[-1:] if ended else turns):
            one, at = places[place]
            one.calls[at] = probed.called(
                self.target.case.outputs,
                references,
                place,
                outputs,
                [turn] if ended else [turn for turn, asked in enumerate(turns) if asked == place],
                {turn: problem for turn, problem in failed.items() if problem},
                exact_nan=making.probe.exact_nan,
                small=making.probe.small,
            )

    def _judged(self, making: _Making, key: str) -> StoredProbe:
        message = _message(making.probe, [one for one in making.judged if one.wrong is not None])
        if making.ended is not None and message is None:  # what was found wrong before the end stays wrong
            outcome, problem = making.ended
            said = normalise(problem.message, self.target.places)
            return _stored(outcome, Failure(Stage.PROBE, problem.type, said), None, key)
        called = [one for line in making.judged for one in line.calls.values()]
        if not any(_says(one) or one.wrong for one in called):
            return _stored(Outcome.SKIPPED, None, None, key)
        worst = max((one.max_abs for one in called if not one.silent), default=0.0)
        if message is None:
            return _stored(Outcome.PASS, None, worst, key)
        said = normalise(message, self.target.places)
        failure = Failure(Stage.PROBE, f"Probe{making.name.capitalize()}", said)
        return _stored(Outcome.FAIL, failure, worst, key)


def _check(answered: Answered) -> None:
    """Raises MachineFault where torch's answers are no more what they were: what the artifact ran could make any of its
    own right. They are made again by whoever asks next."""
    if not bundles.same_answers(answered.io, answered.sha256):
        raise MachineFault("torch's answers to a probe were changed while the artifact ran", Stage.PROBE)


def _result(folder: Path, name: str) -> Path:
    return folder / f"probe-{name}.npz"


def _says(called: Called) -> bool:
    return called.wrong is None and not called.silent


def _turn(one: _Tried) -> int:
    """In which call in a row a line is wrong; 0 where each is made once."""
    return 0 if one.wrong is None else one.calls[one.wrong].turn or 0


def _message(probe: Probe, wrong: Sequence[_Tried]) -> str | None:
    """What a person is told: the nearest call that is wrong, how, and which others are; None without one."""
    told, first, others = [], "", []
    for one in sorted(wrong, key=_turn):
        at = one.wrong
        assert at is not None
        called, said = one.calls[at], one.line.call(at).said
        if called.turn:
            said = f"call {called.turn + 1} in a row, {said}"
        if one.line.told:
            told.append(one.line.told(at))
        if first:
            others.append(said)
        else:
            first = f"at {said}: {called.wrong}"
    if not first:
        return None
    also = f"; wrong too at {', '.join(others[:ALSO])}" if others and probe.kind is Kind.DECIDES else ""
    more = f" and {len(others) - ALSO} more" if also and len(others) > ALSO else ""
    domain = f"right for {', '.join(told)} (" if told else ""
    return f"{domain}{first}{also}{more}{')' if told else ''}"


def _stored(outcome: Outcome, failure: Failure | None, max_abs: float | None, key: str) -> StoredProbe:
    error = failure.fingerprint if failure else None
    worst = None if max_abs is None else coarse(finite(max_abs))
    return StoredProbe(Entry(outcome, error, worst, None, key), failure)


def entries(found: Mapping[str, StoredProbe]) -> dict[str, Entry]:
    """As the cell keeps them."""
    return {name: one.entry for name, one in found.items()}


def failures(found: Mapping[str, StoredProbe]) -> tuple[Failure, ...]:
    """The failures that the entries name."""
    return tuple(one.failure for one in found.values() if one.failure)
