"""Workers seen from our side: a parent per environment side that forks a process per request.

The parent is warm (it has imported the frameworks) where forking after that is safe, else bare; both give
the same answer. A process that ends before its time is blamed on the stage it was in.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Annotated

import psutil
from pydantic import FiniteFloat, ValidationError, WrapValidator

from tfparity import paths
from tfparity.engine import orphans, sandbox
from tfparity.engine.process_limits import Limits, Stopwatch, is_stopped, kill, watch
from tfparity.engine.referee import NO_TELEMETRY
from tfparity.engine.sandbox import Inside
from tfparity.engine.store import ImportStep
from tfparity.errors import MachineFault, WorkerError
from tfparity.judging.judge import Signature
from tfparity.records import machine, own_environment, readers
from tfparity.records.cells import Problem, StageReply
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json
from tfparity.records.numbers import Amount, Amounts, Count
from tfparity.records.vocabulary import Outcome
from tfparity.worker import messages

#: Seconds that a warm parent may take to import its frameworks; a cold disk makes them slow.
IMPORT_SECONDS = 600.0

#: Bytes of a reply, and characters of a line, beyond which it is none: reading it would take our own memory.
REPLY_LIMIT = 16 * 2**20

#: Bytes of a reply that is read again and again while its request runs.
LOOKED_AT = 2**18

#: Seconds in which a parent process has to start a request, and after which one that is stopped is killed.
STARTED_SECONDS = 60.0
STOPPED_SECONDS = 3.0

#: The stages of each kind of request, in order.
STAGES = {
    "reference": ("build",),
    "source": ("build", "export", "check"),
    "newest-opset": ("ask",),
    "convert": ("convert",),
    "execute": ("load", "parity", "dynamic-shape", "signature"),
    "answer": ("build", "probe"),
    "probe": ("load", "probe"),
    "selftest": ("selftest",),
    "latency": ("prepare", "load", "warm-up", "measure"),
    "describe": ("load", "describe"),
    "answer-artifact": ("load", "describe", "run"),
    "compile": ("compile",),
    "score": ("load", "score"),
}


@dataclass(frozen=True)
class Side:
    """What a worker process is: an interpreter, its shims, what it imports; variables that it sees beside the usual
    ones."""

    python: Path
    shims: tuple[str, ...]
    imports: tuple[str, ...]
    preload: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def request(self) -> dict[str, Json]:
        """As a worker is told of it."""
        return {
            "shims": list(self.shims),
            "imports": list(self.imports),
            "preload": list(self.preload),
        }


@dataclass(frozen=True)
class Made:
    """How a target was made of a SavedModel. select_tf_ops: needs TensorFlow's operators beside TFLite's; flex: which,
    None where they were not looked for."""

    megabytes: FiniteFloat
    select_tf_ops: bool = False
    flex: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Takes:
    """What an artifact takes and gives: (name, dtype, shape); -1 is an open axis, no shape an unknown rank."""

    inputs: tuple[tuple[str, str, tuple[int, ...] | None], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...] | None], ...]


@dataclass(frozen=True)
class Timing:
    """What a subject's process says beside its samples: see requests.latency. megabytes: of files on disk, memory_mib:
    the peak beyond what the process had before; None where there is none. ran: package and version."""

    load_seconds: Amount
    first_seconds: Amount
    memory_mib: Amount | None = None
    megabytes: Amount | None = None
    ran: str | None = None


@dataclass(frozen=True)
class Account:
    """What a call of a subject is made of, by type of operator: how many there are, seconds of one call in them. Names
    are as the process told them."""

    operators: Mapping[str, Count]
    spent: Mapping[str, Amount]


def _account_or_none(told: object, read: Callable[[object], Account]) -> Account | None:
    """An account that is none takes nothing else of a reply along."""
    try:
        return read(told)
    except ValidationError:
        return None


@dataclass(frozen=True)
class Placed:
    """What a compiler for an edge device says that it made of a file: see records.cells.Compiled."""

    accelerator: str
    operators: int
    parts: int
    left: Mapping[str, int]


@dataclass(frozen=True)
class Facts:
    """What a worker says beside its stages; what a request has nothing to say of stays at its default.

    sensitivity, bounded, unseen, floor, float64_error, parameters, where, file_opset, operators, newest_opset: of the
    source side (requests.source).
    failed: sample index → why it could not run. fork_seconds: from the request to its process. unanswered, part, turn:
    of probes (requests.probe). target: of its making. takes: of an artifact of anybody's (requests.artifact). timing,
    account: of a subject of a latency measurement (requests.latency). score: by a person's own measure
    (requests.score). compiled: by a compiler for an edge device (requests.compile).
    """

    sensitivity: Mapping[str, Amounts] = field(default_factory=dict)
    bounded: tuple[str, ...] = ()
    unseen: Mapping[str, Amount] = field(default_factory=dict)
    floor: str | None = None
    float64_error: str | None = None
    parameters: int | None = None
    where: str | None = None
    file_opset: int | None = None
    operators: tuple[str, ...] = ()
    newest_opset: int | None = None
    failed: Mapping[str, Problem] = field(default_factory=dict)
    signature: Signature | None = None
    fork_seconds: float | None = None
    unanswered: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    part: int | None = None
    turn: int | None = None
    target: Made | None = None
    takes: Takes | None = None
    timing: Timing | None = None
    account: Annotated[Account | None, WrapValidator(_account_or_none)] = None
    score: FiniteFloat | None = None
    compiled: Placed | None = None


@dataclass(frozen=True)
class Answer:
    """What came of a request: its stages in order (the last may be a crash that we saw from outside), facts, and the
    control directory with the log."""

    stages: tuple[StageReply, ...]
    facts: Facts
    folder: Path

    @property
    def passed(self) -> bool:
        return bool(self.stages) and all(stage.passed for stage in self.stages)


@dataclass(frozen=True)
class _Stage:
    """A stage in a reply file; `began` in seconds since the epoch."""

    stage: str
    outcome: Outcome
    began: FiniteFloat
    seconds: FiniteFloat
    error: Problem | None = None


@dataclass(frozen=True)
class _ReplyFile:
    stages: tuple[_Stage, ...] = ()
    facts: Facts = field(default_factory=Facts)
    running: str | None = None
    machine: str | None = None
    done: bool = False


#: A reply that is none, of code under test that wrote it: it says nothing.
_BAD = _ReplyFile()


@dataclass(frozen=True)
class _Said:
    """A line of a worker's parent process: see worker.serve."""

    ready: bool = False
    started: str | None = None
    ended: str | None = None
    pid: int | None = None
    status: int | None = None
    peak_mib: FiniteFloat | None = None
    machine: str | None = None


@dataclass(frozen=True)
class _Ready:
    """What a worker says once."""

    imports: tuple[ImportStep, ...]


@dataclass(frozen=True)
class _ImportsFile:
    imports: tuple[ImportStep, ...]
    importing: str | None


def environment(side: Side, home: Path) -> dict[str, str]:
    """The variables a worker sees: nothing of the caller's but where programs are. One thread each, no
    accelerator, no hub."""
    threads = dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ),
        "1",
    )
    return {
        "PATH": os.pathsep.join([str(side.python.parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        **NO_TELEMETRY,
        **threads,
        **dict(side.variables),
    }


class _Makes:
    """What a request makes, in a folder of its own, until it is taken from there. What stands in the place of that
    folder then is not looked at: the request may write where it lies."""

    def __init__(self, control: Path, places: Mapping[str, Path]) -> None:
        self._control, self._places = control, places
        self.folder, self._home = control / messages.MADE, control / messages.HOME

    def __enter__(self) -> _Makes:
        self._opened: list[int] = []
        for folder in (self._home, self.folder):
            folder.mkdir()
        for folder in (self._control, self.folder):
            self._opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return self

    def open_up(self) -> None:
        """Have the request's folders be ours to enter again, whatever it made of their modes."""
        for opened in self._opened:
            os.fchmod(opened, stat.S_IRWXU)

    def take(self) -> None:
        """Put every file and folder where it belongs, in the place of what stands there; what is neither stays. Raises
        MachineFault where this machine refused."""
        for name, place in self._places.items():
            try:
                paths.discard(place)
                kind = os.stat(name, dir_fd=self._opened[-1], follow_symlinks=False).st_mode
                if stat.S_ISDIR(kind):  # which takes the right to change it, as its parent is another then
                    os.chmod(name, stat.S_IMODE(kind) | stat.S_IRWXU, dir_fd=self._opened[-1])
                if stat.S_ISDIR(kind) or stat.S_ISREG(kind):
                    os.rename(name, place, src_dir_fd=self._opened[-1])
            except OSError as wrong:
                if machine.refused(wrong):
                    raise MachineFault(f"{place.name} cannot be kept: {wrong.strerror}") from None

    def __exit__(self, *_: object) -> None:
        self.open_up()
        for opened in self._opened:
            os.close(opened)
        for folder in (self.folder, self._home):
            paths.discard(folder)


class Worker:
    """One environment's side, warm while it can be. Use as a context manager; `ask` from any thread.

    `folder`, with the requests and their logs, is removed at the end, unless `keep`. `inside`: its sandbox, where it
    has one: the parent is started in it, once, and so are its requests. They write to `folder` alone there, each to its
    own part of it (worker.confinement).
    """

    def __init__(
        self, side: Side, folder: Path, *, fresh: bool = False, keep: bool = False, inside: Inside | None = None
    ) -> None:
        self.side = side
        self.folder = folder
        self.inside = inside
        self.keep = keep
        self.fresh = fresh or sys.platform != "linux"
        self.imports: tuple[ImportStep, ...] = ()
        self.why_fresh: str | None = "asked for" if fresh else None
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._told = threading.Condition()
        self._started: dict[str, int] = {}
        self._pids: dict[str, int] = {}
        self._gone = threading.Event()
        self._killed = threading.Event()
        self._ended: dict[str, int] = {}
        self._peaks: dict[str, float | None] = {}  # the most MiB that requests had
        self._machine: dict[str | None, str] = {}  # why it ended a request; of None, the import
        self._refusal: sandbox.Refusal | None = None
        self._seen: set[int] = set()  # processes of requests
        self._mark = orphans.new_mark()
        self._stopped: Stopwatch | None = None
        self._why_gone = "ended"

    def __enter__(self) -> Worker:
        self.folder.mkdir(parents=True)  # one that is there already, code under test made
        self.home.mkdir()
        try:
            self._come_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _come_up(self) -> None:
        """Start, warm where forking after that is safe, else bare."""
        self._start()
        if not self.fresh and self.failed_import is None:
            answer = self.ask("selftest", {}, Limits(120, 8192))
            if not answer.passed:
                self._stop()
                self.fresh, self.why_fresh = (
                    True,
                    f"a forked process failed its self-test: {answer.stages[-1].error}",
                )
                self._start()

    def __exit__(self, *_: object) -> None:
        self._stop()
        if not self.keep:
            paths.remove_folder(self.folder)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def alive(self) -> bool:
        """Whether requests can be asked; a worker that could not import has none to answer."""
        return not self._gone.is_set() or self.failed_import is not None

    @property
    def failed_import(self) -> ImportStep | None:
        """The first required import that failed."""
        optional = set(self.side.preload)
        return next((step for step in self.imports if not step.outcome.passed and step.module not in optional), None)

    def _start(self) -> None:
        """Start the parent and wait until everything is imported."""
        control = self.place("import")
        request = {
            **self.side.request(),
            "warm": not self.fresh,
            "mark": self._mark,
            "confined": self.inside is not None,
        }
        paths.write_text(control / messages.REQUEST, json.dumps(request))
        orphans.adopt()
        self._process = self._spawn(control)
        if self._killed.is_set():  # before there was a process to end
            kill(self._process.pid)
        assert self._process.stdout is not None
        ready: list[_Ready] = []
        heard = threading.Event()
        self._gone = gone = threading.Event()
        threading.Thread(target=self._listen, args=(self._process.stdout, ready, heard, gone), daemon=True).start()
        if not self._waited(heard):
            kill(self._process.pid)
            self.imports = self._interrupted(control, Outcome.TIMEOUT, f"still importing after {IMPORT_SECONDS:.0f} s")
        elif not ready:
            code = self._process.wait()
            if self.inside is not None:
                code = self.inside.sandbox.status(code)
                if self._refusal is not None and self._refusal.came(code):
                    raise WorkerError(f"no sandbox was made: {sandbox.refusal(control / messages.LOG)}; --sandbox off")
            outside = machine.ended_from_outside(code)
            if outside:
                self._end_orphans()
                raise MachineFault(f"the worker was ended by {outside} while it imported", "import")
            if None in self._machine:
                raise MachineFault(printable(self._machine[None]), "import")
            self.imports = self._interrupted(control, Outcome.CRASH, _ending(code, control / messages.LOG))
        else:
            self.imports = ready[0].imports
        failed = self.failed_import
        caused = machine.caused(failed.error.message) if failed and failed.error else None
        if caused:
            raise MachineFault(caused, "import")

    def _waited(self, heard: threading.Event) -> bool:
        """Wait for the end of the imports; whether it came."""
        waited = Stopwatch()
        while not heard.wait(min(1.0, IMPORT_SECONDS)):
            self._look_after_parent()
            if waited.look() > IMPORT_SECONDS:
                return False
        return True

    def _look_after_parent(self) -> None:
        """End a parent process that is stopped: it answers nobody, and no limit is held where it ends nothing."""
        process = self._process
        if process is None:
            return
        if not is_stopped(process.pid, set(self._running())):
            self._stopped = None
        elif self._stopped is None:
            self._stopped = Stopwatch()
        elif self._stopped.look() > STOPPED_SECONDS:
            self._why_gone = "was stopped from outside, and was killed"
            self.kill()

    def _interrupted(self, control: Path, outcome: Outcome, message: str) -> tuple[ImportStep, ...]:
        try:
            told = _shortened(json.loads(_bounded(control / "imports.json")))
            seen = readers.reader(_ImportsFile).validate_python(told)
        except (OSError, ValueError, RecursionError):
            raise WorkerError(f"the worker did not start with {self.side.python}: {message}") from None
        problem = Problem(outcome.capitalize(), message)
        return (*seen.imports, ImportStep(seen.importing or "?", outcome, 0.0, problem))

    def _spawn(self, control: Path) -> subprocess.Popen[str]:
        command = [str(self.side.python), "-I", str(paths.WORKER), str(control)]
        own_environment.hide()
        if self.inside is not None:
            if not os.access(self.side.python, os.X_OK):
                raise _no_start(self.side, "no program there")
            self._refusal = sandbox.Refusal(self.inside.sandbox)
            command = self.inside.around(command, self.folder, self._refusal.told)
        with (control / messages.LOG).open("w") as log:
            try:
                return subprocess.Popen(
                    command,
                    env=environment(self.side, self.home),
                    cwd=control,
                    text=True,
                    start_new_session=True,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    pass_fds=self._refusal.passed if self._refusal else (),
                )
            except OSError as wrong:
                if machine.refused(wrong):
                    raise MachineFault(f"cannot start {self.side.python}: {wrong.strerror}", "import") from None
                raise _no_start(self.side, wrong.strerror) from None
            finally:
                if self._refusal is not None:
                    self._refusal.started()

    def _listen(self, stream: IO[str], ready: list[_Ready], heard: threading.Event, gone: threading.Event) -> None:
        with stream:
            for line in iter(lambda: stream.readline(REPLY_LIMIT), ""):
                try:
                    told = _shortened(json.loads(line))
                    said = readers.reader(_Said).validate_python(told)
                    if said.ready and not ready:
                        ready.append(readers.reader(_Ready).validate_python(told))
                        heard.set()
                except (ValueError, RecursionError):  # of another's printing, or of a shape that ours has not
                    continue
                with self._told:
                    if said.machine:
                        self._machine[said.ended] = said.machine
                    if said.started and said.pid:
                        self._started[said.started] = self._pids[said.started] = self._outer(said.pid)
                    elif said.ended and said.status is not None:
                        self._peaks[said.ended], self._ended[said.ended] = said.peak_mib, said.status
                        self._pids.pop(said.ended, None)
                    self._told.notify_all()
        heard.set()
        with self._told:
            gone.set()
            self._told.notify_all()  # whoever waits looks again

    def _outer(self, pid: int) -> int:
        """The process that the parent calls by that number, as we call it; NOBODY where it started none: what we end is
        not for code under test to say, which may write where its parent does."""
        if self._process is None:
            return sandbox.NOBODY
        if self.inside is not None:
            return sandbox.outer(self._process.pid, pid)
        with suppress(psutil.Error, ValueError, OverflowError):
            if psutil.Process(pid).ppid() == self._process.pid:
                return pid
        return sandbox.NOBODY

    def kill(self) -> None:
        """End the parent and what it runs at once; requests under way come back as crashed."""
        self._killed.set()
        process = self._process
        if process is not None:
            for child in self._running():
                kill(child)
            kill(process.pid)

    def _end_orphans(self) -> None:
        """End what lost the parent process, of requests that ended too."""
        known, parent = self._seen | set(self._running()), self._process.pid if self._process else None
        orphans.end(self.folder, known, parent, self._mark)

    def _running(self) -> list[int]:
        with self._told:
            return list(self._pids.values())

    def _stop(self) -> None:
        process, self._process = self._process, None
        if self._refusal is not None:
            self._refusal.close()
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it is gone already
                process.stdin.close()
        if is_stopped(process.pid, set(self._running())):
            kill(process.pid)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            kill(process.pid)
            process.wait()
        self._end_orphans()

    def ask(
        self,
        kind: str,
        request: Mapping[str, Json],
        limits: Limits,
        *,
        makes: Mapping[str, Path] | None = None,
        on_stage: Callable[[str], None] | None = None,
        control: Path | None = None,
    ) -> Answer:
        """Run one request to its end and return what came of it; never raises for what the code under test did. makes:
        what it may make, by the names that the request has for it, and where that is put once it has ended; control: a
        `place` for it, None for one that nobody else knows.

        Raises MachineFault for what this machine did to it.
        """
        control = control or self.place(kind)
        with _Makes(control, makes or {}) as made:
            answer = self._asked(control, kind, {**request, "made": str(made.folder)}, limits, on_stage, made.open_up)
            made.take()
            return answer

    def place(self, kind: str) -> Path:
        """A new folder for a request, which it may write to."""
        control = self.folder / f"{kind}-{uuid.uuid4().hex[:12]}"
        control.mkdir(parents=True)
        return control

    def _asked(
        self,
        control: Path,
        kind: str,
        request: Mapping[str, Json],
        limits: Limits,
        on_stage: Callable[[str], None] | None,
        ended: Callable[[], None],
    ) -> Answer:
        """ended: called once nothing of the request runs, before its reply is read."""
        paths.write_text(
            control / messages.REQUEST, json.dumps({"kind": kind, **request})
        )  # which an error of the disk names
        seen: list[str] = []

        def look() -> None:
            self._look_after_parent()
            running = None
            with suppress(MachineFault, OSError):  # when the request has ended is time enough
                if (control / messages.REPLY).lstat().st_size <= LOOKED_AT:
                    running = _reply(control, kind).running
            if running and on_stage and (not seen or seen[-1] != running):
                seen.append(running)
                on_stage(running)

        pid = self._hand_over(control)
        watched = watch(
            pid, lambda wait: self._still_runs(control, wait), limits, log=control / messages.LOG, look=look
        )
        self._seen |= watched.members
        status = self._ended.pop(str(control), None)
        memory_mib = watched.at_end(self._peaks.pop(str(control), None))
        if status is None:  # its parent is gone or does not answer, and nobody else ends it
            kill(pid)
            self.kill()
            self._end_orphans()
        ended()
        reply = _reply(control, kind)
        stages = [
            StageReply(
                stage.stage,
                stage.outcome,
                stage.seconds,
                watched.peak(stage.began, stage.began + stage.seconds),
                stage.error,
            )
            for stage in reply.stages
        ]
        if not _finished(kind, reply):
            reached = _stage_reached(kind, reply)
            if watched.stopped is None or status is None:
                _raise_for_machine(reached, status, memory_mib, self._machine.get(str(control)), self._why_gone)
            last = _unfinished(reached, watched.stopped, status, limits, control, bad=reply is _BAD)
            stages.append(replace(last, peak_mib=watched.peak(0, time.time())))
        caused = reply.machine or next(filter(None, map(machine.caused, _errors(stages, reply.facts))), None)
        if caused == machine.NO_MEMORY and limits.nearly_reached(memory_mib) and not stages[-1].passed:
            stages[-1] = replace(stages[-1], outcome=Outcome.OUT_OF_MEMORY)
        elif caused:
            no_memory = caused == machine.NO_MEMORY
            raise MachineFault(printable(caused), stages[-1].stage, memory_mib, no_memory=no_memory)
        return Answer(tuple(stages), reply.facts, control)

    def _hand_over(self, control: Path) -> int:
        assert self._process is not None and self._process.stdin is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps({"run": str(control)}) + "\n")
                self._process.stdin.flush()
            except OSError:
                raise MachineFault("the worker's parent process is gone") from None
        with self._told:
            waited = Stopwatch()
            while not self._told.wait_for(lambda: str(control) in self._started or self._gone.is_set(), 0.5):
                if waited.look() > STARTED_SECONDS:
                    break
                self._told.release()  # which killing it takes
                try:
                    self._look_after_parent()
                finally:
                    self._told.acquire()
            if str(control) not in self._started:
                gone = self._why_gone if self._gone.is_set() else "does not answer"
                raise MachineFault(f"the worker's parent process {gone}")
            return self._started.pop(str(control))

    def _still_runs(self, control: Path, seconds: float) -> bool:
        with self._told:
            return not self._told.wait_for(lambda: str(control) in self._ended or self._gone.is_set(), seconds)


def _no_start(side: Side, why: str | None) -> WorkerError:
    return WorkerError(f"cannot start {side.python}: {why}; remove the environment to have it made again")


def _errors(stages: Sequence[StageReply], facts: Facts) -> Iterator[str]:
    """What an answer says of errors: of the stage that failed, and of what may fail without failing a stage."""
    if stages and stages[-1].error:
        yield stages[-1].error.message
    yield from (problem.message for problem in facts.failed.values())  # at sizes that were not exported
    if facts.float64_error:
        yield facts.float64_error


def _stages(kind: str) -> Sequence[str]:
    return STAGES.get(kind, (kind,))


def _bounded(file: Path) -> bytes:
    """A file that a worker wrote. Raises OSError, ValueError where it is too long to be one."""
    with os.fdopen(paths.open_untrusted(file), "rb") as opened:
        content = opened.read(REPLY_LIMIT + 1)
    if len(content) > REPLY_LIMIT:
        raise ValueError(f"longer than {REPLY_LIMIT} bytes")
    return content


def _shortened(told: object) -> object:
    """What code under test wrote, no text in it longer than a worker makes it: what is done with a text here takes time
    by its length. Raises RecursionError."""
    if isinstance(told, str):
        return messages.shorten(told)
    if isinstance(told, list):
        return [_shortened(one) for one in told]
    if isinstance(told, dict):
        return {messages.shorten(name): _shortened(one) for name, one in told.items()}
    return told


def _reply(control: Path, kind: str) -> _ReplyFile:
    """What the reply file says so far; _BAD of another shape, which code under test wrote. Raises MachineFault where
    this machine cannot read it."""
    try:  # json reads half a surrogate pair, which the text of an error may hold, and pydantic's own reader does not
        told = _shortened(json.loads(_bounded(control / messages.REPLY)))
        reply = readers.reader(_ReplyFile).validate_python(told)
    except OSError as wrong:
        if machine.refused(wrong):
            raise MachineFault(f"a reply cannot be read: {wrong.strerror}") from None
        return _ReplyFile() if isinstance(wrong, FileNotFoundError) else _BAD
    except (ValueError, RecursionError):
        return _BAD
    past, names = [stage.stage for stage in reply.stages], list(_stages(kind))
    known = past == names[: len(past)] and (reply.running is None or reply.running in names)
    return reply if known else _BAD


def _finished(kind: str, reply: _ReplyFile) -> bool:
    """Whether a reply is whole: it says so, and a stage failed or none is missing."""
    failed = any(not stage.outcome.passed for stage in reply.stages)
    return reply.done and (failed or len(reply.stages) == len(_stages(kind)))


def _stage_reached(kind: str, reply: _ReplyFile) -> str:
    """The stage that a process was in when it ended before its time."""
    past = [stage.stage for stage in reply.stages]
    names = _stages(kind)
    return reply.running or next((name for name in names if name not in past), names[-1])


def _raise_for_machine(
    stage: str, status: int | None, memory_mib: float | None, told: str | None, why_gone: str
) -> None:
    """Raises MachineFault where a process that ended before its time did not end by its own code. told: what it said of
    that with its last words."""
    if status is None:
        raise MachineFault(f"the worker's parent process {why_gone} while it ran", stage, memory_mib)
    if told:
        raise MachineFault(printable(told), stage, memory_mib, no_memory=told == machine.NO_MEMORY)
    outside = machine.ended_from_outside(status)
    if outside:
        raise MachineFault(f"ended by {outside}", stage, memory_mib)


def _unfinished(
    stage: str, stopped: str | None, status: int | None, limits: Limits, control: Path, *, bad: bool
) -> StageReply:
    """The reply for a stage that a limit or a crash ended. `bad`: what stands in the place of its own is none."""
    if stopped == Outcome.TIMEOUT:
        problem = Problem("Timeout", f"still running after {limits.seconds:.0f} s")
    elif stopped == Outcome.OUT_OF_MEMORY:
        problem = Problem("OutOfMemory", f"more than {limits.memory_mib:.0f} MiB")
    elif stopped == Outcome.CRASH:
        problem = Problem("TooManyProcesses", "started processes without end")
    elif bad and not (status or 0) < 0:
        problem = Problem("BadReply", "what it left in the place of its reply is none")
    else:
        assert status is not None  # see _raise_for_machine
        problem = Problem("Signal" if status < 0 else "Exit", _ending(status, control / messages.LOG))
    return StageReply(stage, Outcome(stopped or Outcome.CRASH), None, None, problem)


#: Of a log, how much of its end is looked at.
LAST_BYTES = 65536

#: What a C++ runtime prints before it aborts; anything else in a log is chatter.
_LAST_WORDS = ("Check failed", "Fatal Python error", "terminate called", "what():", "Assertion", "LLVM ERROR")


def _ending(status: int, log: Path) -> str:
    """How a process ended, with the last words of a runtime that gave any."""
    how = f"ended by {machine.signal_name(-status)}" if status < 0 else f"exited with status {status}"
    try:
        with os.fdopen(paths.open_untrusted(log), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
            lines = file.read(LAST_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return how
    words = [line.strip() for line in lines if any(word in line for word in _LAST_WORDS)]
    return f"{how}: {printable(words[-1])[:400]}" if words else how
