"""The referee: one modern ONNX Runtime on our side, in a process of its own, held to the limits of a request."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfparity.engine import process_limits as processes
from tfparity.engine.process_limits import Limits
from tfparity.errors import MachineFault
from tfparity.records import machine, own_environment

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


def ask(
    model: Path,
    io: Path,
    result: Path,
    outputs: Sequence[str],
    memory_mib: float,
    aborted: Callable[[], bool],
    runtime: str = "onnxruntime",
) -> RefereeReply:
    """Run the referee over every sample; `outputs` are those the case declares, `runtime` is what answers.

    A model that it cannot run gives a reply with the reason. It ends where `aborted` says so. Raises MachineFault,
    with the last reading of its memory, where this machine ended it.
    """
    own_environment.hide()
    process = subprocess.Popen(
        [sys.executable, "-I", str(SCRIPT), str(model), str(io), str(result), json.dumps(list(outputs)), runtime],
        stdin=subprocess.PIPE,  # it ends where we do
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**own_environment.without_secrets(os.environ), **NO_TELEMETRY},
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process:
        printed: list[str] = []
        reader = threading.Thread(target=lambda: printed.extend(process.stdout or ()))
        reader.start()

        def alive(seconds: float) -> bool:
            if aborted():
                processes.kill(process.pid)
            reader.join(seconds)
            return reader.is_alive()

        watched = processes.watch(process.pid, alive, Limits(SECONDS, memory_mib))
        status = process.wait()
    stopped, last = watched.stopped, watched.last
    if stopped == "timeout":
        return RefereeReply(None, f"Timeout: still running after {SECONDS:.0f} s")
    if stopped == "crash":
        return RefereeReply(None, "TooManyProcesses: it started processes without end")
    if stopped:
        return RefereeReply(None, f"OutOfMemory: more than {memory_mib:.0f} MiB")
    outside = machine.ended_from_outside(status)
    if outside:
        raise MachineFault(f"the referee was ended by {outside}", STAGE, last)
    try:
        said = json.loads(printed[-1])
    except (IndexError, ValueError):
        return RefereeReply(None, f"Exit: ended with status {status}")
    if not isinstance(said, dict):
        return RefereeReply(None, f"Exit: ended with status {status}")
    failed = {str(sample): str(reason) for sample, reason in said.get("failed", {}).items()}
    error = f"{said['error']['type']}: {said['error']['message']}" if "error" in said else None
    caused = said.get("machine") or next(filter(None, map(machine.caused, (error or "", *failed.values()))), None)
    if caused:
        no_memory = caused == machine.NO_MEMORY
        raise MachineFault(f"the referee could not answer: {caused}", STAGE, last, no_memory=no_memory)
    return RefereeReply(None, error) if error else RefereeReply(result, None, failed)
