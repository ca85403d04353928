"""A subject of a latency measurement: one way to run a case, timed call by call by this process's own clock.

The request names a pipe to read from and one to write to. Each line read, a number of calls, is answered by as many
lines: the seconds of the call, and the processor's seconds for this process in it; the line "end" ends the request.
With "account", it tells afterwards what a call is made of.
"""

import gc
import os
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from tfparity.worker import subjects
from tfparity.worker.messages import Reply, resident_mib
from tfparity.worker.subjects import Prepared


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {request["cpu"]})
    subject = subjects.load(request["subject"])
    before = resident_mib("VmRSS")
    prepared = reply.stage("prepare", lambda: _prepared(subject, request))
    _forget_peak()
    began = time.perf_counter()
    call = reply.stage("load", lambda: subject.load(request, prepared))
    load_seconds = time.perf_counter() - began
    first_seconds = reply.stage("warm-up", lambda: _warm_up(call, request["warm_up"]))
    reply.stage("measure", lambda: _answer(call, request))
    peak = resident_mib("VmHWM")
    reply.fact(
        "timing",
        {
            "load_seconds": load_seconds,
            "first_seconds": first_seconds,
            "memory_mib": None if before is None or peak is None else max(0.0, peak - before),
            "megabytes": _bytes(prepared.files) / 1e6 if prepared.files else None,
            "ran": _version(subject.packages),
        },
    )
    if request.get("account") and subject.account:
        try:
            found = subject.account(request, prepared)
        except Exception:  # it was timed all the same
            return
        reply.fact("account", {"operators": found.operators, "spent": found.spent})


def _prepared(subject: subjects.Subject, request: Dict[str, Any]) -> Prepared:
    found = subject.prepare(request) if subject.prepare else Prepared((request["artifact"],))
    gc.collect()  # which is off here: what was made on the way counts for nothing
    return found


def _warm_up(call: Callable[[], Any], calls: int) -> float:
    """Call that often; the seconds of the first."""
    began = time.perf_counter()
    call()
    first = time.perf_counter() - began
    for _ in range(calls - 1):
        call()
    return first


def _answer(call: Callable[[], Any], request: Dict[str, Any]) -> None:
    with open(request["commands"]) as commands, open(request["durations"], "w", buffering=1) as durations:
        durations.write("ready\n")
        for line in commands:
            if line == "end\n":
                return
            durations.write("".join(["%.9f %.9f\n" % _timed(call) for _ in range(int(line))]))


def _timed(call: Callable[[], Any]) -> Tuple[float, float]:
    """Seconds of one call, and the processor's seconds of all threads in it."""
    busy, began = time.process_time(), time.perf_counter()
    call()
    ended = time.perf_counter()
    return ended - began, time.process_time() - busy


def _forget_peak() -> None:
    """Have the peak begin anew: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html"""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def _bytes(paths: Tuple[str, ...]) -> int:
    """The size of files, and of all files in folders."""
    found: List[str] = []
    for path in paths:
        found += [os.path.join(at, name) for at, _, names in os.walk(path) for name in names] or [path]
    return sum(os.lstat(path).st_size for path in found)


def _version(packages: Tuple[str, ...]) -> Optional[str]:
    """ "torch 2.15.0": the first of the packages that is imported."""
    for name in packages:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            return "%s %s" % (name, version)
    return None
