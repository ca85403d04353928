"""The files that our side and a worker exchange: a request, and a reply that is written stage by stage.

A request directory holds `request.json` (ours), `reply.json` (the worker's), `log.txt` (what the code under test
printed), `made` (what our side takes from there) and `home`. The reply names the stage that is running: if the process
dies, that stage has failed.
"""

import json
import os
import threading
import time
from typing import Any, Callable, Dict, List, Optional, TypeVar

from tfparity.worker import machine_errors

REQUEST = "request.json"
REPLY = "reply.json"
LOG = "log.txt"
MADE = "made"
HOME = "home"

#: Longest error text that a reply carries, in characters: the head and the tail of a longer one are kept.
MESSAGE_LIMIT = 4000

#: Stands where a long text was cut.
CUT = "\n(…)\n"

T = TypeVar("T")


class Refused(Exception):
    """A stage rejects its input: reported under `type`, without a class name from a framework."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class NotApplicable(Exception):
    """What a route finds of a built model that it does not take: why. No failure of a conversion."""


class StageFailed(Exception):
    """Raised by Reply.stage after it recorded a failure; ends the request."""


def write_json(path: str, value: Any) -> None:
    """Write JSON atomically; threads and processes may write the same file at once."""
    text = json.dumps(value)
    temporary = "%s.%d.%d" % (path, os.getpid(), threading.get_ident())
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def read_json(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def made(request: Dict[str, Any], name: str) -> str:
    """Where a request puts what our side takes from it under that name; a path of our side's stays as it is."""
    return os.path.join(request["made"], name)


def error(exception: BaseException) -> Dict[str, str]:
    """An exception as {"type", "message"}, also if its message cannot be printed."""
    if isinstance(exception, Refused):
        return {"type": exception.type, "message": shorten(str(exception))}
    try:
        message = str(exception)
    except Exception as broken:
        message = "(its message cannot be printed: %s)" % type(broken).__name__
    return {"type": type(exception).__name__, "message": shorten(message)}


def shorten(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT:
        return text
    half = (MESSAGE_LIMIT - len(CUT)) // 2
    return text[:half] + CUT + text[-half:]


def _outcome(exception: Exception) -> str:
    if isinstance(exception, NotApplicable):
        return "not-applicable"
    return "out-of-memory" if isinstance(exception, MemoryError) else "fail"


def resident_mib(field: str) -> Optional[float]:
    """This process's resident memory now (VmRSS) or at its peak (VmHWM); None where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            lines = [line.split() for line in status if line.startswith(field + ":")]
    except OSError:
        return None
    return int(lines[0][1]) / 1024.0 if lines else None


class Reply:
    """The reply of one request, written after every change. Only the process that created it may write: if a converter
    forks, the second process that arrives here exits."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, REPLY)
        self.owner = os.getpid()
        self.stages: List[Dict[str, Any]] = []
        self.facts: Dict[str, Any] = {}
        self.running: Optional[str] = None
        self.machine: Optional[str] = None
        self.done = False
        self._write()

    def _write(self) -> None:
        if os.getpid() != self.owner:
            os._exit(0)
        told = {"stages": self.stages, "running": self.running, "facts": self.facts, "done": self.done}
        write_json(self.path, dict(told, machine=self.machine))

    def stage(self, name: str, work: Callable[[], T]) -> T:
        """Run `work` as stage `name`; raises StageFailed after recording why it failed, and whether this machine was
        behind it, which a text that is cut may not tell."""
        self.running = name
        self._write()
        began, clock = time.time(), time.perf_counter()
        try:
            value = work()
        except Exception as exception:
            self.machine = machine_errors.of(exception)
            self._ended(name, _outcome(exception), began, clock, error(exception))
            raise StageFailed(name) from exception
        self._ended(name, "pass", began, clock, None)
        return value

    def _ended(self, name: str, outcome: str, began: float, clock: float, failure: Optional[Dict[str, str]]) -> None:
        seconds = time.perf_counter() - clock
        self.stages.append({"stage": name, "outcome": outcome, "began": began, "seconds": seconds, "error": failure})
        self.running = None
        self._write()

    def fact(self, name: str, value: Any) -> None:
        """Store a fact. Raises TypeError if it is not JSON; the reply stays writable."""
        json.dumps(value)
        self.facts[name] = value
        self._write()

    def finish(self) -> None:
        self.done = True
        self._write()
