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
from typing import Any

from tfparity.errors import WorkerError
from tfparity.fingerprint import printable
from tfparity.processes import Limits
from tfparity.workers import Answer

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
        self, name: str, ask: Callable[[dict[str, Any]], Answer], request: Mapping[str, Any], folder: Path
    ) -> None:
        self.name = name
        self._ask, self._request = ask, request
        self._commands, self._durations = folder / f"{name}.commands", folder / f"{name}.durations"
        self._answer: list[Answer] = []
        self._pending = b""

    def __enter__(self) -> Subject:
        for pipe in (self._commands, self._durations):
            os.mkfifo(pipe)
        # Opened for both, so that neither side waits for the other to come up.
        self._out = os.open(self._commands, os.O_RDWR)
        self._in = os.open(self._durations, os.O_RDWR | os.O_NONBLOCK)
        request = {
            **self._request,
            "subject": self.name,
            "commands": str(self._commands),
            "durations": str(self._durations),
            "warm_up": WARM_UP,
        }
        self._thread = threading.Thread(target=lambda: self._answer.append(self._ask(request)), daemon=True)
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
            elif self._answer:
                error = self._answer[0].stages[-1]["error"] or {"type": "Exit", "message": "the subject ended"}
                raise WorkerError(f"{self.name}: {error['type']}: {printable(error['message'])[:300]}")
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


#: A subject lives as long as its measurement; its memory is that of a cell.
LIMITS = Limits(3600, 8192)


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
