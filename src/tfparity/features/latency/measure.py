"""Interleaved measurement: every subject is a process of its own on one pinned core, and they take turns."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tfparity.engine.worker_client import Answer
from tfparity.errors import MachineFault, WorkerError
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json

SUBJECTS = ("torch", "saved-model", "saved-model-xla")

#: Calls before the first that counts: XLA compiles in them, allocators settle.
WARM_UP = 10

#: Seconds that a subject may take to load and warm up, and that a call may take.
SETUP_SECONDS = 300.0
CALL_SECONDS = 60.0


class Subject:
    """One way to run a case, in a worker's process that answers call by call. Use as a context manager.

    Raises WorkerError with the subject's own failure where it does not come up or stops answering.
    """

    def __init__(
        self, name: str, ask: Callable[[Mapping[str, Json]], Answer], request: Mapping[str, Json], folder: Path
    ) -> None:
        self.name = name
        self._ask, self._request = ask, request
        self._commands, self._durations = folder / f"{name}.commands", folder / f"{name}.durations"
        self._ended: list[str] = []  # why it ended, once it has
        self._pending = b""

    def __enter__(self) -> Subject:
        for pipe in (self._commands, self._durations):
            os.mkfifo(pipe)
        # Opened for both, so that neither side waits for the other to come up.
        self._out = os.open(self._commands, os.O_RDWR)
        self._in = os.open(self._durations, os.O_RDWR | os.O_NONBLOCK)
        request: dict[str, Json] = {
            **self._request,
            "subject": self.name,
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
        os.write(self._out, b"end\n")
        self._thread.join(10)
        os.close(self._out)
        os.close(self._in)

    def _run(self, request: Mapping[str, Json]) -> str:
        """Run the subject to its end; why it ended."""
        try:
            answer = self._ask(request)
        except (MachineFault, WorkerError) as fault:
            return str(fault)
        error = answer.stages[-1].error
        return f"{error.type}: {printable(error.message)[:300]}" if error else "Exit: the subject ended"

    def seconds(self) -> float:
        """The duration of one call, by the worker's clock."""
        os.write(self._out, b"1\n")
        return float(self._line(CALL_SECONDS))

    def _line(self, patience: float) -> str:
        deadline = time.monotonic() + patience
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._in], [], [], 0.2)
            if readable:
                self._pending += os.read(self._in, 65536)
            elif self._ended:
                raise WorkerError(f"{self.name}: {self._ended[0]}")
            elif time.monotonic() > deadline:
                raise WorkerError(f"{self.name}: no answer within {patience:.0f} s")
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode()


def interleave(
    subjects: Sequence[Subject], rounds: int, seed: int = 0
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds per call and subject: `rounds` rounds, in each every subject once, in a seeded random order, so that what
    drifts on the machine drifts for all. One that stops answering has a reason instead, and no samples."""
    random = Random(seed)
    samples: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        answering = [subject for subject in subjects if subject.name not in failed]
        for subject in random.sample(answering, len(answering)):
            try:
                samples[subject.name].append(subject.seconds())
            except WorkerError as wrong:
                failed[subject.name] = str(wrong)
                del samples[subject.name]
    return samples, failed


def measured(
    subjects: Mapping[str, Callable[[], Subject]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Samples of the subjects that come up and answer to the end, and the reason of each that does not."""
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        up = []
        for name, make in subjects.items():
            try:
                up.append(stack.enter_context(make()))
            except WorkerError as wrong:
                failed[name] = str(wrong)
        samples, stopped = interleave(up, rounds)
    return samples, {**failed, **stopped}
