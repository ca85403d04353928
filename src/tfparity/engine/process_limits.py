"""A process group held to its limits from outside: time, memory as the group's PSS, printed output."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tfparity import paths

#: Seconds between two looks at a running group.
POLL = 0.1

#: Seconds between two readings of PSS, at least, and how many times as long as a reading took.
PSS_POLL = 0.5
PSS_SHARE = 30.0

_PAGE = resource.getpagesize()

#: Bytes of printed output that are kept; more is thrown away while the process runs.
LOG_LIMIT = 16 * 2**20

#: Processes that one request may have at once; a converter that forks without end meets this.
PROCESS_LIMIT = 256


#: Seconds of the time between two looks that count, at most: fewer than any limit, more than a busy machine takes.
LOOK = 2.0

#: How many times its seconds a group has at most, where it waited for a processor that others had.
PATIENCE = 3.0


class Stopwatch:
    """Seconds that were seen to pass. Where this machine, or a container with all of a run in it, is paused, nothing of
    the run goes on: that is time that nobody took."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._looked = time.monotonic()

    def look(self) -> float:
        """Seconds until now."""
        now = time.monotonic()
        self.seconds += min(now - self._looked, LOOK)
        self._looked = now
        return self.seconds


@dataclass(frozen=True)
class Limits:
    """What one request may use: wall seconds, and MiB of PSS summed over its process group."""

    seconds: float
    memory_mib: float

    def nearly_reached(self, mib: float | None) -> bool:
        """Whether a reading of memory is over half of the limit, so that what has no more of it had much."""
        return (mib or 0.0) > self.memory_mib / 2


@dataclass
class Watched:
    """How a watch ended: None, "timeout", "out-of-memory" or "crash" (too many processes), and what was
    seen: (time, MiB) pairs; MiB by which resident memory grew since the last of them; the group's processes."""

    stopped: str | None = None
    memory: list[tuple[float, float]] = field(default_factory=list)
    grown: float = 0.0
    members: set[int] = field(default_factory=set)

    def peak(self, began: float, ended: float) -> float | None:
        """The largest MiB seen between two times, None where no look fell between them."""
        seen = [mib for at, mib in self.memory if began <= at <= ended]
        return max(seen) if seen else None

    @property
    def last(self) -> float | None:
        """The last reading in MiB, with what the group grew by since then; None without one."""
        return self.memory[-1][1] + max(0.0, self.grown) if self.memory else None

    def at_end(self, peak: float | None) -> float | None:
        """What the group had when it ended, in MiB: the last reading, or, where `peak` (of its own process, as the
        system counted it) is above all that was seen, that: a busy machine lets a group grow and end between two looks.
        """
        last = self.last
        most = max([last or 0.0, *(mib for _, mib in self.memory)])
        return peak if peak is not None and peak > most else last


def watch(
    group: int,
    alive: Callable[[float], bool],
    limits: Limits,
    *,
    log: Path | None = None,
    look: Callable[[], None] | None = None,
) -> Watched:
    """Wait for a group to end and end it where it passes a limit. What it waited for a processor, which others had, is
    not of its time, up to PATIENCE times that.

    `alive(seconds)` waits that long at most and says whether the process still runs; `look` is called
    at every poll.
    """
    watched = Watched()
    passed = Stopwatch()
    next_look = 0.0
    before = 0.0
    while alive(POLL):
        members = _members(group)
        watched.members.update(members)
        # Resident memory is cheap to read and never below PSS, which costs a walk over all pages.
        resident = _of_group(_resident_mib, members)
        if resident is not None:
            watched.grown = resident - before
        if (resident or 0.0) > limits.memory_mib or time.monotonic() >= next_look:
            looked = time.monotonic()
            mib = _of_group(_pss_mib, members)
            if mib is not None:
                watched.memory.append((time.time(), mib))
                before, watched.grown = resident or 0.0, 0.0
            next_look = time.monotonic() + max(PSS_POLL, PSS_SHARE * (time.monotonic() - looked))
            if (mib or 0.0) > limits.memory_mib:
                watched.stopped = "out-of-memory"
        if passed.look() > limits.seconds and passed.seconds > min(
            PATIENCE * limits.seconds, limits.seconds + _waited(members)
        ):
            watched.stopped = "timeout"
        elif len(members) > PROCESS_LIMIT:
            watched.stopped = "crash"
        if watched.stopped:
            kill(group)
            alive(10.0)
            return watched
        if log is not None:
            _cap(log)
        if look is not None:
            look()
    return watched


def kill(group: int) -> None:
    """Kill a process group, or, where it has not become one yet, the process."""
    for send in (os.killpg, os.kill):
        try:
            send(group, signal.SIGKILL)
            return
        except (ProcessLookupError, PermissionError):
            continue


def is_stopped(pid: int, requests: set[int]) -> bool:
    """Whether a worker's parent process is stopped, by SIGSTOP, or what made its sandbox, whose child it is.
    `requests`: its children, which may stop themselves."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_STOPPED:
            return True
        return any(is_stopped(child.pid, requests) for child in process.children() if child.pid not in requests)
    except psutil.Error:
        return False


def _members(group: int) -> list[int]:
    try:
        leader = psutil.Process(group)
        family = [group, *(child.pid for child in leader.children(recursive=True))]
    except psutil.Error:
        return []
    return family


def _of_group(read: Callable[[int], float], members: Sequence[int]) -> float | None:
    """A figure summed over a group; None where the first of it has ended meanwhile, which says nothing of what it had:
    it may have ended long before we are told."""
    found = [read(pid) for pid in reversed(members)]
    return sum(found) if found and found[-1] else None


def _waited(members: Sequence[int]) -> float:
    """Seconds for which threads of these processes could have gone on and had no processor: of those two that waited
    longest, of which one mostly works while the other waits for it. 0 where the system does not tell.

    https://docs.kernel.org/scheduler/sched-stats.html, /proc/<pid>/schedstat
    """
    waits = [_of_thread(thread, "schedstat", 1) for pid in members for thread in _threads(pid)]
    return sum(sorted(waits)[-2:]) / 1e9


def _threads(pid: int) -> list[str]:
    """The folders of /proc for the threads of a process."""
    try:
        return [entry.path for entry in os.scandir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _of_thread(thread: str, name: str, place: int) -> int:
    """A figure of a thread: the one at that place of that file; 0 where it has ended."""
    try:
        return int(Path(thread, name).read_text("ascii").split()[place])
    except (OSError, ValueError, IndexError):
        return 0


def _resident_mib(pid: int) -> float:
    """Of a process whose first thread has ended, the system tells by the others alone."""
    try:
        resident = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0.0
    if not resident:
        resident = max((_of_thread(thread, "statm", 1) for thread in _threads(pid)), default=0) * _PAGE
    return float(resident) / 2**20


def _pss_mib(pid: int) -> float:
    """Proportional set size: pages shared with the warm parent are counted once between the two. Resident size
    where the system has no such figure.

    psutil reads /proc/<pid>/smaps_rollup: 15 ms for a process of 1 GiB, the same as reading that file here.
    """
    try:
        full = psutil.Process(pid).memory_full_info()
    except (psutil.Error, OSError):
        return _resident_mib(pid)
    return float(getattr(full, "pss", full.rss)) / 2**20 or _resident_mib(pid)


def _cap(log: Path) -> None:
    """Empty a log that grew too long: the writer appends, so what it prints next is kept."""
    try:
        descriptor = paths.open_untrusted(log, os.O_WRONLY)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_size > LOG_LIMIT:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
