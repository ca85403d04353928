"""A group is ended where it passes a limit, and what was seen of it is told."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tfparity.engine import process_limits as processes
from tfparity.engine.process_limits import Limits, Watched, watch

LIMITS = Limits(seconds=60, memory_mib=100)
GROUP = 4242


class Group:
    """A process group that is not there: what it uses at every look, and a clock that each look moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.monkeypatch = 1000.0, monkeypatch
        self.polls = 3
        self.pids = [GROUP]
        self.resident: Callable[[], float] = lambda: 10.0
        self.pss: Callable[[], float] = lambda: 8.0
        self.killed: list[int] = []
        self.readings = 0
        monkeypatch.setattr(processes, "_members", lambda group: self.pids)
        monkeypatch.setattr(processes, "_resident_mib", lambda pid: self.resident())
        monkeypatch.setattr(processes, "_pss_mib", self._pss_mib)
        monkeypatch.setattr(processes, "kill", self.killed.append)
        monkeypatch.setattr(processes.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(processes.time, "time", lambda: self.now)

    def _pss_mib(self, pid: int) -> float:
        self.readings += 1
        return self.pss()

    def alive(self, seconds: float) -> bool:
        self.now += seconds
        self.polls -= 1
        return self.polls >= 0 and not self.killed

    def watch(self, limits: Limits = LIMITS, **given: Any) -> Watched:
        return watch(GROUP, self.alive, limits, **given)


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    with monkeypatch.context() as patched:
        yield Group(patched)


def test_a_group_within_its_limits_ends_by_itself(group: Group) -> None:
    found = group.watch()
    assert (found.stopped, group.killed) == (None, [])
    assert [mib for _, mib in found.memory] == [8.0]


def test_a_group_that_is_gone_at_once_was_never_seen(group: Group) -> None:
    group.polls = 0
    found = group.watch()
    assert (found.stopped, found.memory, found.peak(0, 1e12)) == (None, [], None)


def test_a_group_past_its_seconds_is_ended(group: Group) -> None:
    group.polls = 10**6
    found = group.watch(Limits(seconds=5, memory_mib=100))
    assert (found.stopped, group.killed) == ("timeout", [GROUP])
    assert 1005 < group.now < 1005 + 1 + 10


@pytest.mark.parametrize("pause", [10.0, 1e6])
def test_a_pause_of_the_machine_is_no_time_of_the_group(group: Group, pause: float) -> None:
    """As `docker pause` makes one, or a lid that is closed."""
    group.polls = 30
    pauses = iter([0.0] * 10 + [pause] + [0.0] * 100)
    alive = group.alive

    def paused(seconds: float) -> bool:
        group.now += next(pauses)
        return alive(seconds)

    group.alive = paused  # type: ignore[method-assign]
    assert group.watch(Limits(seconds=6, memory_mib=100)).stopped is None
    group.polls = 10**6
    assert group.watch(Limits(seconds=6, memory_mib=100)).stopped == "timeout"


@pytest.mark.parametrize(("waited", "ended"), [(0.0, 5), (0.4, 7), (0.5, 10), (1.0, 15)])
def test_what_a_group_waits_for_a_processor_is_not_its_time_up_to_a_bound(
    group: Group, waited: float, ended: float
) -> None:
    """waited: for every second that passes."""
    group.polls = 10**6
    began = group.now
    group.monkeypatch.setattr(processes, "_waited", lambda members: waited * (group.now - began))
    found = group.watch(Limits(seconds=5, memory_mib=100))
    assert (found.stopped, group.killed) == ("timeout", [GROUP])
    assert ended <= group.now - 10 - began < 1.2 * ended + 0.5  # it waits 10 s for the end


def test_a_group_past_its_memory_is_ended_with_what_was_seen(group: Group) -> None:
    group.resident = group.pss = lambda: 101.0
    found = group.watch()
    assert (found.stopped, group.killed) == ("out-of-memory", [GROUP])
    assert found.peak(0, 1e12) == 101.0


def test_memory_that_is_shared_does_not_end_a_group(group: Group) -> None:
    """Resident size counts the warm parent's pages in every child; the proportional size says who uses what."""
    group.resident = lambda: 150.0
    found = group.watch()
    assert (found.stopped, group.killed) == (None, [])
    assert group.readings == 3


def test_memory_is_summed_over_the_group(group: Group) -> None:
    group.pids = [GROUP, GROUP + 1, GROUP + 2]
    group.resident = group.pss = lambda: 40.0
    found = group.watch()
    assert (found.stopped, found.peak(0, 1e12)) == ("out-of-memory", 120.0)


def test_a_sudden_allocation_is_seen_at_the_next_poll(group: Group) -> None:
    """The costly reading is not due yet: the cheap one calls for it."""
    group.polls = 100
    group.pss = group.resident = lambda: 500.0 if group.now > 1000.25 else 10.0
    assert group.watch().stopped == "out-of-memory"
    assert group.readings == 2


@pytest.mark.parametrize(
    ("resident", "last"),
    [([10.0, 60.0, 60.0], 58.0), ([10.0, 5.0, 5.0], 8.0), ([10.0, 60.0, 0.0], 58.0), ([10.0, 60.0, 30.0], 28.0)],
    ids=["grown", "shrunk", "ended after it grew", "grown and shrunk"],
)
def test_what_a_group_grew_by_since_the_costly_reading_is_in_the_last_one(
    group: Group, resident: list[float], last: float
) -> None:
    seen = iter(resident)
    group.resident = lambda: next(seen)
    found = group.watch()
    assert [mib for _, mib in found.memory] == [8.0]
    assert found.last == last


@pytest.mark.parametrize("children", [0, 1])
def test_a_reading_of_a_group_that_has_ended_meanwhile_is_none(group: Group, children: int) -> None:
    """Nobody has told of its end yet, as on a busy machine: it has nothing, its child may have."""
    group.polls = 100
    group.pids = list(range(GROUP, GROUP + 1 + children))
    ended = [0.0] + [5.0] * children  # of the group's own process, and of the other

    def read(before: float) -> Callable[[int], float]:
        return lambda pid: before if group.now < 1001 else ended[pid - GROUP]

    group.monkeypatch.setattr(processes, "_resident_mib", read(60.0))
    group.monkeypatch.setattr(processes, "_pss_mib", read(58.0))
    found = group.watch(Limits(seconds=60, memory_mib=1000))
    assert found.last == 58.0 * (1 + children)
    assert {mib for _, mib in found.memory} == {found.last}


@pytest.mark.parametrize(
    ("readings", "grown", "peak", "at_end"),
    [
        ([10.0], 0.0, 300.0, 300.0),  # between the last look and its end
        ([], 0.0, 300.0, 300.0),  # before the first
        ([400.0, 10.0], 0.0, 300.0, 10.0),  # seen, and given back since
        ([10.0], 350.0, 300.0, 360.0),
        ([10.0], -5.0, None, 10.0),
        ([], 0.0, None, None),
    ],
)
def test_a_peak_that_no_look_saw_came_after_the_last_one(
    readings: list[float], grown: float, peak: float | None, at_end: float | None
) -> None:
    assert Watched(None, [(1.0, mib) for mib in readings], grown).at_end(peak) == at_end


def test_the_costly_reading_takes_a_small_share_of_the_time(group: Group) -> None:
    group.polls = 1000

    def slow() -> float:
        group.now += 0.1
        return 8.0

    group.pss = slow
    began = group.now
    group.watch(Limits(seconds=10**6, memory_mib=100))
    assert group.readings > 5
    assert group.readings * 0.1 < 0.05 * (group.now - began)


def test_a_group_that_forks_without_end_is_ended(group: Group) -> None:
    group.pids = list(range(processes.PROCESS_LIMIT + 1))
    group.pss = group.resident = lambda: 0.0
    assert (group.watch().stopped, group.killed) == ("crash", [GROUP])


def test_as_many_processes_as_are_allowed_are_allowed(group: Group) -> None:
    group.pids = list(range(processes.PROCESS_LIMIT))
    group.pss = group.resident = lambda: 0.0
    assert group.watch().stopped is None


def test_the_caller_looks_at_every_poll(group: Group) -> None:
    looks: list[float] = []
    group.watch(look=lambda: looks.append(group.now))
    assert len(looks) == 3


# What was seen


def test_a_peak_is_the_largest_seen_between_two_times() -> None:
    seen = Watched(memory=[(1.0, 50.0), (2.0, 10.0), (3.0, 30.0), (4.0, 70.0)])
    assert seen.peak(2.0, 3.0) == 30.0
    assert seen.peak(0.0, 9.0) == 70.0


def test_without_a_look_between_two_times_there_is_no_peak() -> None:
    assert Watched(memory=[(1.0, 50.0)]).peak(2.0, 3.0) is None


# The system's figures


def test_the_own_process_has_a_proportional_size_no_larger_than_its_resident_one() -> None:
    pss, resident = processes._pss_mib(os.getpid()), processes._resident_mib(os.getpid())
    assert 1 < pss <= resident * 1.05


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel has no such figure")
def test_the_proportional_size_is_the_kernels_own_sum() -> None:
    text = Path("/proc/self/smaps_rollup").read_text()
    kernels = next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:"))
    assert processes._pss_mib(os.getpid()) == pytest.approx(kernels, rel=0.05)


@pytest.mark.parametrize("wrong", [psutil.AccessDenied(), psutil.NoSuchProcess(1), FileNotFoundError()])
def test_without_the_figure_the_resident_size_stands_for_it(monkeypatch: pytest.MonkeyPatch, wrong: Exception) -> None:
    def refuse(self: psutil.Process) -> None:
        raise wrong

    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    monkeypatch.setattr(processes, "_resident_mib", lambda pid: 12.5)
    assert processes._pss_mib(os.getpid()) == 12.5


def test_a_system_that_counts_no_shared_pages_gives_the_resident_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "memory_full_info", lambda self: SimpleNamespace(rss=3 * 2**20, uss=2**20))
    assert processes._pss_mib(os.getpid()) == 3.0


def absent() -> int:
    number = 2**22 - 7
    while psutil.pid_exists(number):
        number -= 1
    return number


def test_a_process_that_is_gone_uses_nothing_and_has_no_members() -> None:
    pid = absent()
    assert (processes._resident_mib(pid), processes._pss_mib(pid), processes._members(pid)) == (0.0, 0.0, [])


def test_a_group_holds_its_leader() -> None:
    assert processes._members(os.getpid())[0] == os.getpid()


# Killing


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, int, int]], dict[str, Exception]]:
    """Signals as they would be sent, and the errors that sending raises."""
    sent: list[tuple[str, int, int]] = []
    errors: dict[str, Exception] = {}

    def sender(name: str) -> Callable[[int, int], None]:
        def send(number: int, what: int) -> None:
            sent.append((name, number, what))
            if name in errors:
                raise errors[name]

        return send

    for name in ("killpg", "kill"):
        monkeypatch.setattr(processes.os, name, sender(name))
    return sent, errors


def test_a_group_is_killed_as_a_group(signals: Any) -> None:
    processes.kill(GROUP)
    assert signals[0] == [("killpg", GROUP, signal.SIGKILL)]


def test_a_process_that_leads_no_group_yet_is_killed_alone(signals: Any) -> None:
    signals[1]["killpg"] = ProcessLookupError()
    processes.kill(GROUP)
    assert signals[0] == [("killpg", GROUP, signal.SIGKILL), ("kill", GROUP, signal.SIGKILL)]


@pytest.mark.parametrize("error", [ProcessLookupError(), PermissionError()])
def test_killing_what_is_gone_is_no_error(signals: Any, error: Exception) -> None:
    signals[1].update(killpg=error, kill=error)
    processes.kill(GROUP)
    assert len(signals[0]) == 2


# The log


def test_a_log_that_grew_too_long_is_emptied_and_what_follows_is_kept(
    tmp_path: Path, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 100)
    path = tmp_path / "log.txt"
    with path.open("ab", buffering=0) as log:
        log.write(b"x" * 101)
        group.watch(log=path)
        log.write(b"last words")
    assert path.read_bytes() == b"last words"


def test_a_log_within_its_limit_stays(tmp_path: Path, group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 100)
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 100)
    group.watch(log=path)
    assert path.stat().st_size == 100


def test_a_log_that_is_not_there_is_no_error(tmp_path: Path, group: Group) -> None:
    assert group.watch(log=tmp_path / "none").stopped is None


def test_a_log_is_emptied_and_what_it_links_to_is_not(tmp_path: Path) -> None:
    log, other, link = tmp_path / "log.txt", tmp_path / "other", tmp_path / "link.txt"
    for file in (log, other):
        with file.open("wb") as long:
            long.truncate(processes.LOG_LIMIT + 1)
    link.symlink_to(other)
    processes._cap(log)
    processes._cap(link)
    assert log.stat().st_size == 0
    assert other.stat().st_size == processes.LOG_LIMIT + 1
