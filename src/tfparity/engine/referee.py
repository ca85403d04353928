"""The referee: one modern ONNX Runtime on our side, in a process of its own, held to the limits of a request."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from tfparity.engine import process_limits as processes
from tfparity.engine import sandbox
from tfparity.engine.process_limits import Limits, Watched
from tfparity.engine.sandbox import Inside
from tfparity.errors import MachineFault
from tfparity.records import machine, own_environment, readers
from tfparity.records.cells import Problem
from tfparity.records.fingerprint import printable

SECONDS = 300.0

#: The stage that a referee's process counts as where this machine ends it.
STAGE = "referee"

#: How the reason of a referee begins that a limit ended: it says nothing of the file.
LIMITED = ("Timeout: ", "OutOfMemory: ", "TooManyProcesses: ")


def limited(error: str | None) -> bool:
    """Whether a limit ended the referee, so that its reason says nothing of the file."""
    return (error or "").startswith(LIMITED)


#: ONNX Runtime leaves a device id and a database of events in the home folder as soon as it is imported, for which
#: `onnxruntime.disable_telemetry_events()` comes too late.
NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}

SCRIPT = Path(__file__).with_name("referee_process.py")

#: Characters of a line beyond which it is none of the script's: its reason for a sample has 300, for a file 600.
LINE_LIMIT = 2**20


@dataclass(frozen=True)
class _Said:
    """The script's line: see referee_process."""

    failed: dict[str, str] = field(default_factory=dict)
    error: Problem | None = None
    machine: str | None = None


@dataclass(frozen=True)
class RefereeReply:
    """What the referee said: where its outputs are (keys `output/<sample>/<name>`), or why there are none; `failed`:
    samples of another size that it could not run, with its reason."""

    result: Path | None
    error: str | None
    failed: dict[str, str] = field(default_factory=dict)


@functools.cache
def version() -> str:
    """The version of ONNX Runtime that answers."""
    return importlib.metadata.version("onnxruntime")


#: Another one, asked where the first's answer is in doubt: onnx's own evaluator.
SECOND = "onnx"


@dataclass(frozen=True)
class Referee:
    """Who is asked, and what it is held to: `folder` of the run, in which it writes to one of its own; the memory of a
    request in MiB; `aborted` says that it has to end; `inside`: its sandbox."""

    folder: Path
    memory_mib: float
    aborted: Callable[[], bool]
    inside: Inside | None = None

    def ask(
        self, model: Path, io: Path, result: Path, outputs: Sequence[str], runtime: str = "onnxruntime"
    ) -> RefereeReply:
        """Run the referee over every sample; `outputs` are those the case declares, `runtime` is what answers.

        A model that it cannot run gives a reply with the reason. Raises MachineFault, with the last reading of its
        memory, where this machine ended it or made no sandbox for it.
        """
        with tempfile.TemporaryDirectory(prefix="referee-", dir=self.folder, ignore_cleanup_errors=True) as made:
            answer = Path(made) / result.name
            reads = (model.absolute(), io.absolute())
            files = (str(path) for path in (*reads, answer))
            command = [sys.executable, "-I", str(SCRIPT), *files, json.dumps(list(outputs)), runtime]
            reply = self._ended(command, Path(made), reads)
            if reply.error is not None:
                return reply
            with suppress(FileNotFoundError):
                if stat.S_ISREG(answer.lstat().st_mode):
                    answer.replace(result)
            return replace(reply, result=result)

    def _ended(self, command: list[str], made: Path, reads: tuple[Path, ...]) -> RefereeReply:
        """What it said, in the sandbox where there is one: it writes to `made` alone, and `reads` are there."""
        if self.inside is None:
            watched, printed, status = self._watched(command)
        else:
            refusal = sandbox.Refusal(self.inside.sandbox)
            try:
                inside = replace(self.inside, reads=(*self.inside.reads, *reads))
                watched, printed, status = self._watched(inside.around(command, made, refusal.told), refusal)
                status = inside.sandbox.status(status)
                if refusal.came(status):
                    raise MachineFault("no sandbox was made for the referee; --sandbox off does without", STAGE)
            finally:
                refusal.close()
        if watched.stopped == "timeout":
            return RefereeReply(None, f"Timeout: still running after {SECONDS:.0f} s")
        if watched.stopped == "crash":
            return RefereeReply(None, "TooManyProcesses: it started processes without end")
        if watched.stopped:
            return RefereeReply(None, f"OutOfMemory: more than {self.memory_mib:.0f} MiB")
        outside = machine.ended_from_outside(status)
        if outside:
            raise MachineFault(f"the referee was ended by {outside}", STAGE, watched.last)
        return _read(printed, status, watched.last)

    def _watched(self, command: Sequence[str], refusal: sandbox.Refusal | None = None) -> tuple[Watched, str, int]:
        """How its watch came to an end, the last line that it printed, its status."""
        own_environment.hide()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it ends where we do
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**own_environment.without_secrets(os.environ), **NO_TELEMETRY},
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=refusal.passed if refusal else (),
        )
        if refusal:
            refusal.started()
        with process:
            printed: deque[str] = deque(maxlen=1)
            assert process.stdout is not None
            lines = iter(partial(process.stdout.readline, LINE_LIMIT), "")
            reader = threading.Thread(target=lambda: printed.extend(lines))
            reader.start()

            def alive(seconds: float) -> bool:
                if self.aborted():
                    processes.kill(process.pid)
                reader.join(seconds)
                return reader.is_alive()

            watched = processes.watch(process.pid, alive, Limits(SECONDS, self.memory_mib))
            return watched, "".join(printed), process.wait()


def _read(line: str, status: int, last: float | None) -> RefereeReply:
    """What its last line says, without where its answer is. last: its memory in MiB. Raises MachineFault."""
    try:
        said = readers.reader(_Said).validate_json(line)
    except ValidationError:
        return RefereeReply(None, f"Exit: ended with status {status}")
    error = f"{said.error.type}: {said.error.message}" if said.error else None
    caused = said.machine or next(filter(None, map(machine.caused, (error or "", *said.failed.values()))), None)
    if caused:
        no_memory = caused == machine.NO_MEMORY
        raise MachineFault(f"the referee could not answer: {printable(caused)}", STAGE, last, no_memory=no_memory)
    return RefereeReply(None, error, {} if error else said.failed)
