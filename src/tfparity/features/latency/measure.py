"""Interleaved measurement: every subject is a process of its own on one pinned core, and they take turns; then the same
again with new processes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import TypeVar

from tfparity import paths
from tfparity.engine.worker_client import Account, Answer, Timing
from tfparity.errors import MachineFault, WorkerError
from tfparity.evidence.latency import Process, Series
from tfparity.evidence.ratios import FEWEST
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json

#: Calls before the first that counts: XLA compiles in them, allocators settle.
WARM_UP = 10

#: A call this long or longer, in seconds, counts at once. Before a shorter one another is made: whoever had the core
#: in between has left its caches full of something else.
LONG = 0.02

#: Seconds of taking turns, after which as few calls do as say something.
ENOUGH = 30.0

#: Seconds that a subject may take to load and warm up, and that a call may take.
SETUP_SECONDS = 300.0
CALL_SECONDS = 60.0

#: Seconds in which it takes the command to end.
END_SECONDS = 5.0

#: Types of operators that an account has, and characters of a name: a process may tell anything.
MOST_TYPES = 100
NAME_LENGTH = 60

T = TypeVar("T", int, float)

#: Seconds that no call takes.
LONGEST = 10.0**6

#: Bytes of a line, beyond which what answers is no subject.
LINE_BYTES = 4096


@dataclass(frozen=True)
class Call:
    """One call: its seconds, and the processor's seconds in it."""

    seconds: float
    busy: float

    @property
    def waited(self) -> float:
        """The share of the time in which no thread of the process had a core."""
        return max(0.0, 1 - self.busy / self.seconds) if self.seconds > 0 else 0.0


class Subject:
    """One way to run a case, in a worker's process that answers call by call. Use as a context manager.

    Raises WorkerError with the subject's own failure where it does not come up or stops answering. `timing` and
    `account` are what the process told when it ended, None before.
    """

    def __init__(
        self, name: str, ask: Callable[[Mapping[str, Json]], Answer], request: Mapping[str, Json], folder: Path
    ) -> None:
        self.name = name
        self.timing: Timing | None = None
        self.account: Account | None = None
        self._ask, self._request, self._folder = ask, request, folder
        self._commands, self._durations = folder / "commands", folder / "durations"
        self._ended: list[str] = []  # why it ended, once it has
        self._pending = b""
        self._last = 0.0

    def __enter__(self) -> Subject:
        self._folder.mkdir(parents=True, exist_ok=True)
        for pipe in (self._commands, self._durations):
            os.mkfifo(pipe)
        # Opened for both, so that neither side waits for the other to come up.
        self._out = os.open(self._commands, os.O_RDWR | os.O_NONBLOCK)
        self._in = os.open(self._durations, os.O_RDWR | os.O_NONBLOCK)
        request: dict[str, Json] = {
            **self._request,
            "folder": str(self._folder),
            "commands": str(self._commands),
            "durations": str(self._durations),
            "warm_up": WARM_UP,
        }
        self._thread = threading.Thread(target=lambda: self._ended.append(self._run(request)), daemon=True)
        self._thread.start()
        try:
            self._line(SETUP_SECONDS)
        except WorkerError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(WorkerError):
            self._say(b"end\n", END_SECONDS)
        self._thread.join(SETUP_SECONDS if self._request.get("account") else 10)
        os.close(self._out)
        os.close(self._in)
        paths.remove_folder(self._folder)  # a copy of the weights may be in it

    def _run(self, request: Mapping[str, Json]) -> str:
        """Run the subject to its end; why it ended."""
        try:
            answer = self._ask(request)
        except (MachineFault, WorkerError) as fault:
            return str(fault)
        self.timing, self.account = answer.facts.timing, answer.facts.account
        error = answer.stages[-1].error
        return f"{error.type}: {printable(error.message)[:300]}" if error else "Exit: the subject ended"

    def turn(self) -> Call:
        """The call that counts of one turn, by the worker's clock."""
        calls = 1 if self._last >= LONG else 2
        self._say(b"%d\n" % calls, CALL_SECONDS)
        lines = [self._line(CALL_SECONDS) for _ in range(calls)]
        call = _call(lines[-1])
        if call is None:
            raise WorkerError(f"{self.name}: its answer is no time: {printable(lines[-1])[:80]!r}")
        self._last = call.seconds
        return call

    def _say(self, line: bytes, patience: float) -> None:
        """Write a line, shorter than a pipe writes at once. A subject could fill the pipe, and not read it."""
        deadline = time.monotonic() + patience
        while True:
            try:
                os.write(self._out, line)
                return
            except BlockingIOError:
                if self._ended:
                    raise WorkerError(f"{self.name}: {self._ended[0]}") from None
                if time.monotonic() > deadline:
                    raise WorkerError(f"{self.name}: takes no command within {patience:.0f} s") from None
                select.select([], [self._out], [], 0.2)

    def _line(self, patience: float) -> str:
        deadline = time.monotonic() + patience
        while b"\n" not in self._pending:
            if len(self._pending) > LINE_BYTES:
                raise WorkerError(f"{self.name}: its answer is no time, and has no end")
            readable, _, _ = select.select([self._in], [], [], 0.2)
            if readable:
                self._pending += os.read(self._in, 65536)
            elif self._ended:
                raise WorkerError(f"{self.name}: {self._ended[0]}")
            elif time.monotonic() > deadline:
                raise WorkerError(f"{self.name}: no answer within {patience:.0f} s")
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode("utf-8", "replace")


def _call(line: str) -> Call | None:
    """What a subject says of a call; None of a line that it cannot have said."""
    try:
        seconds, busy = map(float, line.split())
    except ValueError:
        return None
    return Call(seconds, busy) if 0 <= seconds <= LONGEST and 0 <= busy <= LONGEST else None


def interleave(subjects: Sequence[Subject], rounds: int, seed: int = 0) -> tuple[dict[str, list[Call]], dict[str, str]]:
    """The calls of each subject: `rounds` rounds, in each every subject once. Every second round has the order of the
    one before it backwards (A B B A), so that what drifts on the machine falls on all alike; the orders are seeded.
    After ENOUGH seconds as few rounds do as say something. One that stops answering has a reason instead, and no
    calls."""
    random = Random(seed)
    calls: dict[str, list[Call]] = {subject.name: [] for subject in subjects}
    failed: dict[str, str] = {}
    order: list[Subject] = []
    until = time.monotonic() + ENOUGH
    for number in range(rounds):
        if number % 2 == 0 and number >= FEWEST and time.monotonic() > until:
            break
        order = order[::-1] if number % 2 else random.sample(subjects, len(subjects))
        for subject in order:
            if subject.name in failed:
                continue
            try:
                calls[subject.name].append(subject.turn())
            except WorkerError as wrong:
                failed[subject.name] = str(wrong)
                del calls[subject.name]
    return calls, failed


def beside(
    subjects: Mapping[str, Callable[[], Subject]], rounds: int, seed: int = 0
) -> tuple[dict[str, tuple[Process, Subject]], dict[str, str]]:
    """One process of each subject, all up at once and taking turns; of those that come up and answer to the end what
    was measured, with the subject as it ended, and the reason of each that does not."""
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        up = []
        for name, make in subjects.items():
            try:
                up.append(stack.enter_context(make()))
            except WorkerError as wrong:
                failed[name] = str(wrong)
        calls, stopped = interleave(up, rounds, seed)
    ended = {subject.name: subject for subject in up}
    found = {name: (_process(mine, ended[name].timing), ended[name]) for name, mine in calls.items()}
    return found, {**failed, **stopped}


def _process(calls: Sequence[Call], timing: Timing | None) -> Process:
    return Process(
        [call.seconds for call in calls],
        timing.load_seconds if timing else None,
        timing.first_seconds if timing else None,
        timing.memory_mib if timing else None,
        median(call.waited for call in calls) if calls else None,
    )


def measured(
    make: Callable[[str, int], Subject], names: Sequence[str], rounds: int, processes: int
) -> tuple[dict[str, Series], dict[str, str]]:
    """So many processes of each subject, made by name and number, `beside` those of the others. One that fails in any
    of them has a reason and no samples: what it left out would fall on it alone."""
    found: dict[str, list[Process]] = {name: [] for name in names}
    last: dict[str, Timing] = {}
    accounts: dict[str, Account] = {}
    failed: dict[str, str] = {}
    for number in range(processes):
        makers = {name: partial(make, name, number) for name in names if name not in failed}
        told, wrong = beside(makers, rounds, seed=number)
        failed.update(wrong)
        for name, (process, subject) in told.items():
            found[name].append(process)
            if subject.timing is not None:
                last[name] = subject.timing
            if subject.account is not None:
                accounts[name] = subject.account
    series = {
        name: _series(mine, last.get(name), accounts.get(name)) for name, mine in found.items() if name not in failed
    }
    return series, failed


def _series(processes: list[Process], timing: Timing | None, account: Account | None) -> Series:
    told = (timing.megabytes, timing.ran) if timing else (None, None)
    return Series(processes, *told, *((_listed(account.operators), _listed(account.spent)) if account else ()))


def _listed(by_type: Mapping[str, T]) -> dict[str, T]:
    """Types of operators, what there is most of first, as a file may hold them."""
    most = sorted(by_type.items(), key=lambda one: (-one[1], one[0]))[:MOST_TYPES]
    return {printable(name)[:NAME_LENGTH]: value for name, value in most}


@contextmanager
def off_core(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts meanwhile, off a core that something is timed on; where there is another."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, usual - {core} or usual)
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)
