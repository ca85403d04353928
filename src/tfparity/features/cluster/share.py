"""A share of a run on a worker of a Dask cluster: the task that Dask runs there, and the process that the task starts.

The process has its own Python, so that a worker that is up for days runs the code and the cases that are there now. It
lives as long as its stdin is open: where the worker dies, or nobody waits for the share any more, it ends what runs.
"""

from __future__ import annotations

import os
import pickle
import platform
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from tfparity import paths
from tfparity.errors import SchedulerError, TfparityError
from tfparity.features import shards
from tfparity.features.session import Session
from tfparity.planning.options import Choice
from tfparity.records import machine
from tfparity.records.cells import CellId, CellRecord, PlannedCell

#: Seconds between two looks at whether a share is still wanted.
LOOKS = 1.0

#: Seconds in which a share that nobody waits for any more has to end, and after which one that says nothing is told of.
ENDING = 30.0
SILENT = 1800.0


@dataclass(frozen=True)
class Share:
    """The cells of one toolchain at those places. digest: of what they are run of (shards.run_digest); revision:
    of the code that they are run by; topic: where the cluster's events of this run go."""

    choice: Choice
    places: tuple[CellId, ...]
    digest: str
    revision: str
    topic: str


@dataclass(frozen=True)
class Told:
    """What a share tells while it runs: an environment's line, a cell that begins, a record, or what ends it."""

    environment: tuple[str, str] | None = None
    began: PlannedCell | None = None
    record: CellRecord | None = None
    wrong: TfparityError | None = None


class ShareKilled(Exception):
    """The process of a share was killed from outside, as the kernel does where memory runs out. address: of the worker;
    by: what killed it, in words."""

    def __init__(self, address: str, by: str) -> None:
        super().__init__(address, by)
        self.address, self.by = address, by


def revision() -> str:
    """A digest of tfparity's own code: machines that work together have the same."""
    return paths.digest(sorted(paths.PACKAGE.rglob("*.py")), paths.PACKAGE)


def run(share: Share) -> list[CellRecord]:
    """The task: the records of a share, each of which the client hears of as it ends.

    Raises SchedulerError where this machine's project, cases or packages are not those of the share, or the process
    breaks; ShareKilled where that is killed; what the engine raises. A share that is not wanted any more and does not
    end is killed; of one that says nothing for long the client hears.
    """
    from distributed import get_worker

    worker = get_worker()
    task, records = worker.get_current_task(), []
    command = [sys.executable, "-m", "tfparity.features.cluster.process"]
    heard = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def watch() -> None:
            told_at = heard
            while process.poll() is None:
                state = worker.state.tasks.get(task)
                if state is None or state.state != "executing":  # cancelled, or its client is gone
                    _end(process)
                    return
                if time.monotonic() - max(heard, told_at) > SILENT:
                    told_at = time.monotonic()
                    worker.log_event(share.topic, pickle.dumps(_silent(share, told_at - heard)))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOKS)

        threading.Thread(target=watch, daemon=True).start()
        try:
            try:
                pickle.dump(share, stdin)
                stdin.flush()
            except BrokenPipeError:  # it has ended: how is seen below
                with suppress(BrokenPipeError):
                    stdin.close()
            while True:
                try:
                    told: Told = pickle.load(stdout)  # nosec B301 # noqa: S301 - of our own process
                except (EOFError, pickle.UnpicklingError):  # it ended, maybe in the middle of a word
                    break
                heard = time.monotonic()
                if told.wrong is not None:
                    raise told.wrong
                if told.record is not None:
                    records.append(told.record)
                worker.log_event(share.topic, pickle.dumps(told))
        finally:
            _end(process, ended=True)
    killed = machine.ended_from_outside(process.returncode)
    if killed:
        raise ShareKilled(worker.address, killed)
    if process.returncode:
        raise SchedulerError(f"worker {worker.name}: the process of a share ended with {process.returncode}")
    return records


def _end(process: subprocess.Popen[bytes], *, ended: bool = False) -> None:
    """End a share as Ctrl-C does, unless it has said that it `ended`; kill it, and what is of its group, where it does
    not."""
    for number in (0 if ended else signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING)


def _silent(share: Share, seconds: float) -> Told:
    """What is told of a share that says nothing."""
    (toolchain, *_) = share.choice.toolchains
    return Told(environment=(toolchain, f"its share on {platform.node()} has said nothing for {seconds / 60:.0f} min"))


class _Teller:
    """An observer that tells the task."""

    def __init__(self) -> None:
        self._out, self._lock = os.fdopen(os.dup(1), "wb"), threading.Lock()
        os.dup2(2, 1)  # what else is printed goes to the worker's log

    def tell(self, told: Told) -> None:
        with self._lock:
            pickle.dump(told, self._out)
            self._out.flush()

    def note(self, text: str) -> None:
        self.tell(Told(environment=(platform.node(), text)))

    def environment(self, id: str, text: str) -> None:
        self.tell(Told(environment=(id, text)))

    def cell_started(self, cell: PlannedCell) -> None:
        self.tell(Told(began=cell))

    def cell_stage(self, cell: PlannedCell, stage: str) -> None: ...

    def cell_finished(self, record: CellRecord) -> None:
        self.tell(Told(record=record))


def process() -> None:
    """The process of a share, which comes on stdin."""
    teller = _Teller()
    share: Share = pickle.load(sys.stdin.buffer)  # nosec B301 # noqa: S301 - of the task that started this

    over = threading.Event()

    def end_with_the_task() -> None:
        while os.read(0, 1):  # unbuffered: what waits in a buffer at its end, Python ends with an abort
            pass
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=end_with_the_task, daemon=True).start()
    try:
        _run(share, teller)
    except TfparityError as wrong:
        teller.tell(Told(wrong=wrong))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        over.set()  # the task closes stdin, too, where it has read all


def _run(share: Share, teller: _Teller) -> None:
    if share.revision != revision():  # of a worker that joined later
        raise SchedulerError(f"worker at {paths.PACKAGE}: its tfparity is another one: bring it to the same commit")
    session = Session(share.choice)
    cells = session.selection.every_cell(share.choice.toolchains, share.places)
    if len(cells) != len(share.places) or shards.run_digest(session.selection, cells) != share.digest:
        raise SchedulerError(
            f"worker at {session.selection.project.root}: its project, cases or packages are others than where the run "
            "was begun: bring it to the same commit"
        )
    with session.engine(teller) as engine:
        for _ in engine.run(cells):
            pass  # the teller has told of it
