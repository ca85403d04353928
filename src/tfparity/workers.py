"""Workers seen from our side: a parent per environment side that forks a process per request.

The parent is warm (it has imported the frameworks) where forking after that is safe, else bare; both give
the same answer. A process that ends before its time is blamed on the stage it was in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tfparity import machine, paths
from tfparity.errors import MachineFault, WorkerError
from tfparity.processes import Limits, kill, watch
from tfparity.worker import messages

#: Seconds that a warm parent may take to import its frameworks; a cold disk makes them slow.
IMPORT_SECONDS = 600.0

STAGES = {
    "source": ("build", "export", "check"),
    "convert": ("convert",),
    "execute": ("load", "parity", "dynamic-shape", "signature"),
    "selftest": ("selftest",),
    "latency": ("load", "warm-up", "measure"),
}


@dataclass(frozen=True)
class Side:
    """What a worker process is: an interpreter, its shims, what it imports."""

    python: Path
    shims: tuple[str, ...]
    imports: tuple[str, ...]
    preload: tuple[str, ...] = ()
    newest_opset: str | None = None

    def request(self) -> dict[str, Any]:
        return {
            "shims": list(self.shims),
            "imports": list(self.imports),
            "preload": list(self.preload),
            "newest_opset": self.newest_opset,
        }


@dataclass(frozen=True)
class Answer:
    """What came of a request: its stages in order (the last may be a crash that we saw from outside),
    facts, and the control directory with the log."""

    stages: list[dict[str, Any]]
    facts: dict[str, Any]
    folder: Path

    @property
    def passed(self) -> bool:
        return bool(self.stages) and all(stage["outcome"] == "pass" for stage in self.stages)


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
        **threads,
    }


class Worker:
    """One environment's side, warm while it can be. Use as a context manager; `ask` from any thread."""

    def __init__(self, side: Side, folder: Path, *, fresh: bool = False) -> None:
        self.side = side
        self.folder = folder
        self.fresh = fresh or sys.platform != "linux"
        self.imports: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self.why_fresh: str | None = "asked for" if fresh else None
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._told = threading.Condition()
        self._started: dict[str, int] = {}
        self._pids: dict[str, int] = {}
        self._gone = threading.Event()
        self._ended: dict[str, int] = {}

    def __enter__(self) -> Worker:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(exist_ok=True)
        self._start()
        if not self.fresh and self.failed_import is None:
            answer = self.ask("selftest", {}, Limits(120, 8192))
            if not answer.passed:
                self._stop()
                self.fresh, self.why_fresh = (
                    True,
                    f"a forked process failed its self-test: {answer.stages[-1]['error']}",
                )
                self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def alive(self) -> bool:
        """Whether requests can be asked; a worker that could not import has none to answer."""
        return not self._gone.is_set() or self.failed_import is not None

    @property
    def failed_import(self) -> dict[str, Any] | None:
        """The first required import that failed: {"module", "outcome", "seconds", "error"}."""
        optional = set(self.side.preload)
        return next(
            (step for step in self.imports if step["outcome"] != "pass" and step["module"] not in optional), None
        )

    def _start(self) -> None:
        """Start the parent and wait until everything is imported."""
        control = self._request_folder("import")
        messages.write_json(str(control / messages.REQUEST), {**self.side.request(), "warm": not self.fresh})
        self._process = self._spawn(control)
        assert self._process.stdout is not None
        ready: list[dict[str, Any]] = []
        heard = threading.Event()
        self._gone = gone = threading.Event()
        threading.Thread(target=self._listen, args=(self._process.stdout, ready, heard, gone), daemon=True).start()
        if not heard.wait(IMPORT_SECONDS):
            kill(self._process.pid)
            self.imports = self._interrupted(control, "timeout", f"still importing after {IMPORT_SECONDS:.0f} s")
        elif not ready:
            code = self._process.wait()
            outside = machine.ended_from_outside(code)
            if outside:
                raise MachineFault(f"the worker was ended by {outside} while it imported", "import")
            self.imports = self._interrupted(control, "crash", _ending(code, control / messages.LOG))
        else:
            self.imports, self.facts = ready[0]["imports"], ready[0]["facts"]
        failed = self.failed_import
        caused = machine.caused(failed["error"]["message"]) if failed else None
        if caused:
            raise MachineFault(caused, "import")

    def _interrupted(self, control: Path, outcome: str, message: str) -> list[dict[str, Any]]:
        try:
            seen = messages.read_json(str(control / "imports.json"))
        except (OSError, ValueError):
            raise WorkerError(f"the worker did not start with {self.side.python}: {message}") from None
        failure = {"type": outcome.capitalize(), "message": message}
        return [*seen["imports"], {"module": seen["importing"], "outcome": outcome, "seconds": 0.0, "error": failure}]

    def _spawn(self, control: Path) -> subprocess.Popen[str]:
        with (control / messages.LOG).open("w") as log:
            try:
                return subprocess.Popen(
                    [str(self.side.python), "-I", str(paths.WORKER), str(control)],
                    env=environment(self.side, self.home),
                    cwd=control,
                    text=True,
                    start_new_session=True,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                )
            except OSError as wrong:
                raise WorkerError(
                    f"cannot start {self.side.python}: {wrong.strerror}; remove the environment to have it made again"
                ) from None

    def _listen(
        self, stream: IO[str], ready: list[dict[str, Any]], heard: threading.Event, gone: threading.Event
    ) -> None:
        with stream:
            for line in stream:
                try:
                    said = json.loads(line)
                except ValueError:
                    continue
                if "ready" in said:
                    ready.append(said)
                    heard.set()
                with self._told:
                    if "started" in said:
                        self._started[said["started"]] = self._pids[said["started"]] = said["pid"]
                    elif "ended" in said:
                        self._ended[said["ended"]] = said["status"]
                        self._pids.pop(said["ended"], None)
                    self._told.notify_all()
        heard.set()
        with self._told:
            gone.set()
            self._told.notify_all()  # whoever waits looks again

    def kill(self) -> None:
        """End the parent and what it runs at once; requests under way come back as crashed."""
        process = self._process
        if process is not None:
            for child in self._running():
                kill(child)
            kill(process.pid)

    def _running(self) -> list[int]:
        with self._told:
            return list(self._pids.values())

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it is gone already
                process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            kill(process.pid)
            process.wait()

    def _request_folder(self, kind: str) -> Path:
        control = self.folder / f"{kind}-{uuid.uuid4().hex[:12]}"
        control.mkdir(parents=True)
        return control

    def ask(
        self, kind: str, request: dict[str, Any], limits: Limits, *, on_stage: Callable[[str], None] | None = None
    ) -> Answer:
        """Run one request to its end and return what came of it; never raises for what the code under test did.

        Raises MachineFault for what this machine did to it.
        """
        control = self._request_folder(kind)
        messages.write_json(str(control / messages.REQUEST), {"kind": kind, **request})
        seen: list[str] = []

        def look() -> None:
            running = _reply(control).get("running")
            if running and on_stage and (not seen or seen[-1] != running):
                seen.append(running)
                on_stage(running)

        pid = self._hand_over(control)
        watched = watch(
            pid, lambda wait: self._still_runs(control, wait), limits, log=control / messages.LOG, look=look
        )
        if str(control) not in self._ended:
            kill(pid)  # its parent is gone, and nobody else ends it
        status = self._ended.pop(str(control), None)
        reply = _reply(control)
        stages = reply.get("stages", [])
        for stage in stages:
            stage["peak_mib"] = watched.peak(stage["began"], stage["began"] + stage["seconds"])
        if not reply.get("done"):
            stage = _stage_reached(kind, reply)
            if watched.stopped is None:
                _raise_for_machine(stage, status, watched.last)
            peak = watched.peak(0, time.time())
            stages.append(_unfinished(stage, watched.stopped, status, limits, peak, control))
        error = stages[-1]["error"] if stages else None
        caused = machine.caused(error["message"]) if error else None
        if caused:
            raise MachineFault(caused, stages[-1]["stage"], watched.last)
        return Answer(stages, reply.get("facts", {}), control)

    def _hand_over(self, control: Path) -> int:
        assert self._process is not None and self._process.stdin is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps({"run": str(control)}) + "\n")
                self._process.stdin.flush()
            except OSError:
                raise MachineFault("the worker's parent process is gone") from None
        with self._told:
            self._told.wait_for(lambda: str(control) in self._started or self._gone.is_set(), 60)
            if str(control) not in self._started:
                raise MachineFault("the worker's parent process ended or does not answer")
            return self._started.pop(str(control))

    def _still_runs(self, control: Path, seconds: float) -> bool:
        with self._told:
            return not self._told.wait_for(lambda: str(control) in self._ended or self._gone.is_set(), seconds)


def _reply(control: Path) -> dict[str, Any]:
    try:
        value = messages.read_json(str(control / messages.REPLY))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _stage_reached(kind: str, reply: dict[str, Any]) -> str:
    """The stage that a process was in when it ended before its time."""
    past = [stage["stage"] for stage in reply.get("stages", [])]
    names: Sequence[str] = STAGES.get(kind, (kind,))
    return str(reply.get("running") or next((name for name in names if name not in past), names[-1]))


def _raise_for_machine(stage: str, status: int | None, memory_mib: float | None) -> None:
    """Raises MachineFault where a process that ended before its time did not end by its own code."""
    if status is None:
        raise MachineFault("the worker's parent process ended while it ran", stage, memory_mib)
    if status == messages.DISK_FAILED:
        raise MachineFault("the disk is full or failing", stage, memory_mib)
    outside = machine.ended_from_outside(status)
    if outside:
        raise MachineFault(f"ended by {outside}", stage, memory_mib)


def _unfinished(
    stage: str, stopped: str | None, status: int | None, limits: Limits, peak: float | None, control: Path
) -> dict[str, Any]:
    """The reply for a stage that a limit or a crash ended."""
    if stopped == "timeout":
        error = {"type": "Timeout", "message": f"still running after {limits.seconds:.0f} s"}
    elif stopped == "out-of-memory":
        error = {"type": "OutOfMemory", "message": f"more than {limits.memory_mib:.0f} MiB"}
    elif stopped == "crash":
        error = {"type": "TooManyProcesses", "message": "started processes without end"}
    else:
        assert status is not None  # see _raise_for_machine
        error = {"type": "Signal" if status < 0 else "Exit", "message": _ending(status, control / messages.LOG)}
    return {"stage": stage, "outcome": stopped or "crash", "seconds": None, "peak_mib": peak, "error": error}


#: What a C++ runtime prints before it aborts; anything else in a log is chatter.
_LAST_WORDS = ("Check failed", "Fatal Python error", "terminate called", "what():", "Assertion", "LLVM ERROR")


def _ending(status: int, log: Path) -> str:
    """How a process ended, with the last words of a runtime that gave any."""
    how = f"ended by {machine.signal_name(-status)}" if status < 0 else f"exited with status {status}"
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65536))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return how
    words = [line.strip() for line in lines if any(word in line for word in _LAST_WORDS)]
    return f"{how}: {words[-1][:400]}" if words else how
