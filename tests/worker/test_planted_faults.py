"""Converters with a known fault, each through a real worker process: verdict and stage must be the right ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tfparity.engine import bundles
from tfparity.paths import Cache
from tfparity.planning import probes
from tfparity.records.cells import Attempt, CellRecord
from tfparity.records.observer import Silent

Converter = Callable[..., CellRecord]
Converters = Callable[..., list[CellRecord]]


def decisive(record: CellRecord) -> Attempt:
    """The attempt that the cell's error comes from, or the one that worked."""
    assert record.deciding is not None
    return record.deciding


@pytest.mark.parametrize(
    ("fault", "verdict", "stage", "outcome", "kind"),
    [
        ("faithful", "works", "signature", "pass", None),
        ("drop-an-op", "broken", "parity", "fail", "Diverged"),
        ("swap-outputs", "broken", "parity", "fail", "Diverged"),
        ("wrong-padding", "broken", "parity", "fail", "Diverged"),
        ("train-mode", "broken", "parity", "fail", "Diverged"),
        ("moved-weight", "broken", "parity", "fail", "Diverged"),
        ("give-nan", "broken", "parity", "fail", "Diverged"),
        ("freeze-batch", "partial", "dynamic-shape", "fail", "AxisLost"),
        ("rename-output", "partial", "signature", "fail", "SignatureLost"),
        ("forge-references", "broken", "convert", "crash", "ChangedBundle"),
        ("cut-references", "broken", "convert", "crash", "ChangedBundle"),
        ("change-the-export", "broken", "convert", "crash", "ChangedBundle"),
        ("die-by-signal", "broken", "convert", "crash", "Signal"),
        ("exit", "broken", "convert", "crash", "Exit"),
        ("exit-at-once", "broken", "convert", "crash", "Exit"),
        ("print-tricks", "broken", "convert", "fail", "RuntimeError"),
        ("print-half-a-letter", "broken", "convert", "fail", "RuntimeError"),
        ("reply-a-list", "broken", "convert", "crash", "BadReply"),
        ("reply-without-an-outcome", "broken", "convert", "crash", "BadReply"),
        ("reply-nested", "broken", "convert", "crash", "BadReply"),
        ("reply-fine", "broken", "convert", "crash", "BadReply"),
        ("reply-nothing-done", "broken", "convert", "crash", "Exit"),
        ("huge-outputs", "broken", "parity", "fail", "OutputSize"),
        ("fork", "works", "signature", "pass", None),
        ("print-megabytes", "works", "signature", "pass", None),
    ],
)
@pytest.mark.parametrize("fresh_process", [False, True], ids=["forked", "fresh"])
def test_a_planted_fault_gets_its_verdict_and_stage(
    convert: Converter, fault: str, verdict: str, stage: str, outcome: str, kind: str | None, fresh_process: bool
) -> None:
    record = convert(fault, fresh_process=fresh_process)
    attempt = decisive(record)
    error = attempt.error
    assert (record.verdict, attempt.stage, attempt.outcome) == (verdict, stage, outcome), error
    assert (error.type if error else None) == kind


@pytest.mark.parametrize(
    "fault",
    [
        "killed-once",
        "terminated-once",
        "parent-killed-once",
        "parent-stopped-once",
        "child-killed-once",
        "disk-full-once",
        "no-files-once",
        "no-memory-once",
        "memory-error-once",
        "behind-another-once",
        "in-a-long-text-once",
        "pool-killed-once",
        "shell-killed-once",
        "no-files-in-float64-once",
        "memory-error-in-float64-once",
        "no-files-in-the-list-of-operators-once",
    ],
)
@pytest.mark.parametrize("fresh_process", [False, True], ids=["forked", "fresh"])
def test_what_the_machine_did_once_leaves_no_trace(
    convert: Converter, cache: Cache, fault: str, fresh_process: bool
) -> None:
    record = convert(fault, fresh_process=fresh_process)
    assert (record.verdict, record.reason) == ("works", None)
    assert [attempt.opset for attempt in record.attempts] == [13]
    model = decisive(record).model
    assert model is not None
    assert model.operators == ("convolve", "linear", "mean", "normalize", "pad", "relu")
    kept = [bundles.facts_of(made.parent) for made in cache.bundles.rglob(bundles.IO)]
    assert {facts.floor for facts in kept if facts} == {"float64"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("killed", "ended by SIGKILL from outside, during convert"),
        ("disk-full", "the disk is full"),
        ("parent-stopped", "the worker's parent process was stopped from outside, and was killed"),
    ],
)
def test_what_the_machine_does_again_is_untested_and_kept_nowhere(convert: Converter, fault: str, said: str) -> None:
    for _ in range(2):  # the second finds nothing in the store
        record = convert(fault, again=False)
        assert (record.verdict, record.interrupted, record.cell, record.cached) == ("untested", True, None, False)
        assert str(record.reason).startswith(said)


THREE = ("planted/net-1", "planted/net-2", "planted/net-3")


class Heard(Silent):
    """What an observer was told of the cells that end and of the toolchain."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.said: list[str] = []

    def environment(self, id: str, text: str) -> None:
        self.said.append(text)

    def cell_finished(self, record: CellRecord) -> None:
        self.ended.append(record.case)


def test_of_two_jobs_the_cell_that_the_machine_ends_runs_again_alone_at_the_end(convert_all: Converters) -> None:
    heard = Heard()
    records = convert_all("killed-once", *THREE, jobs=2, observer=heard)
    assert {record.case: record.verdict for record in records} == dict.fromkeys(THREE, "works")
    (again,) = [text for text in heard.said if "runs once more, alone" in text]
    assert heard.ended[-1] == again.partition(":")[0]
    assert len(heard.ended) == 3


def test_of_two_jobs_the_cell_that_it_ends_again_is_untested_and_in_no_store(convert_all: Converters) -> None:
    for cached in (False, True):  # the second finds the others in the store
        records = {record.case: record for record in convert_all("killed-at-one-case", *THREE, jobs=2)}
        ended = records.pop("planted/net-1")
        assert (ended.verdict, ended.interrupted, ended.cell, ended.attempts) == ("untested", True, None, ())
        assert "during convert" in str(ended.reason)
        assert [(record.verdict, record.cached) for record in records.values()] == [("works", cached)] * 2


def test_what_is_killed_twice_while_it_uses_much_memory_is_out_of_memory(convert: Converter) -> None:
    attempt = decisive(convert("killed-with-much-memory", memory_gib=0.5))
    assert (attempt.stage, attempt.outcome) == ("convert", "out-of-memory")


def test_what_asks_twice_for_memory_that_there_is_not_is_out_of_memory(convert: Converter) -> None:
    attempt = decisive(convert("memory-error"))
    assert (attempt.stage, attempt.outcome) == ("convert", "out-of-memory")


def test_a_converter_that_kills_its_parent_says_nothing_and_others_go_on(convert: Converter, tmp_path: Path) -> None:
    record = convert("kill-the-parent")
    assert (record.verdict, record.interrupted) == ("untested", True)
    assert "parent" in str(record.reason)
    daemons = [int(pid) for pid in (tmp_path / "daemons").read_text().split()]
    assert len(daemons) == 3
    assert not any(psutil.pid_exists(daemon) for daemon in daemons)
    assert convert("faithful").verdict == "works"


def test_a_hanging_converter_is_a_timeout_of_its_stage(convert: Converter) -> None:
    attempt = decisive(convert("hang", seconds=3))
    assert (attempt.stage, attempt.outcome) == ("convert", "timeout")


def test_a_converter_that_eats_memory_is_stopped(convert: Converter) -> None:
    attempt = decisive(convert("eat-memory", memory_gib=0.5))
    assert (attempt.stage, attempt.outcome) == ("convert", "out-of-memory")


def test_a_fork_bomb_is_stopped(convert: Converter) -> None:
    attempt = decisive(convert("fork-without-end", memory_gib=4))
    assert (attempt.stage, attempt.outcome) == ("convert", "crash")


@pytest.mark.parametrize("fresh_process", [False, True], ids=["forked", "fresh"])
def test_a_converter_leaves_no_process_behind(convert: Converter, tmp_path: Path, fresh_process: bool) -> None:
    record = convert("leave-a-daemon", fresh_process=fresh_process)
    assert record.verdict == "works"
    daemons = [int(pid) for pid in (tmp_path / "daemon").read_text().split()]
    assert len(daemons) == 2
    assert not any(psutil.pid_exists(daemon) for daemon in daemons)


def test_what_a_converter_prints_is_harmless_in_the_record(convert: Converter) -> None:
    error = decisive(convert("print-tricks")).error
    assert error is not None
    assert error.message.isprintable()
    assert "second line of the tricky message" in error.message


def test_what_the_machine_did_once_to_a_probe_leaves_no_trace(convert: Converter) -> None:
    record = convert("killed-at-batch-9-once", level=2)
    assert record.cell is not None
    assert (record.verdict, record.left_out, record.cell.level) == ("works", {}, 2)
    assert probes.verdict(record.cell) == "works"


@pytest.mark.parametrize(("kind", "said"), [("killed", "ended by SIGKILL"), ("no-files", "no more files")])
def test_what_the_machine_does_to_probes_leaves_the_verdict(convert: Converter, kind: str, said: str) -> None:
    """They are left out, and the next run tries them again."""
    for _ in range(2):
        record = convert(f"{kind}-at-batch-9", level=2, again=False)
        assert record.cell is not None
        assert (record.verdict, record.interrupted, record.cell.level, record.cell.probes) == ("works", False, 1, {})
        assert (list(record.left_out), record.whole) == (["level 2"], False)
        assert record.left_out["level 2"].startswith(said)
        assert record.beside == ()


def test_an_artifact_that_a_probe_changed_is_none_that_a_probe_finds_right(convert: Converter) -> None:
    record = convert("change-itself-at-batch-9", level=2)
    assert record.cell is not None
    assert (record.verdict, record.left_out, record.cell.level) == ("works", {}, 2)
    assert probes.verdict(record.cell) != "works"
    assert {failure.type for failure in record.beside} == {"ChangedArtifact"}
    assert "crash" in {entry.outcome.value for entry in record.cell.probes.values()}


def test_a_probe_that_is_killed_twice_with_much_memory_is_out_of_memory(convert: Converter) -> None:
    record = convert("killed-with-much-memory-at-batch-9", level=2, memory_gib=0.5)
    assert record.cell is not None
    assert (record.verdict, record.left_out, record.cell.level) == ("works", {}, 2)
    ended = {name for name, entry in record.cell.probes.items() if entry.outcome == "out-of-memory"}
    assert ended
    assert {"pass", "out-of-memory"} <= {entry.outcome.value for entry in record.cell.probes.values()}
    assert {failure.type for failure in record.beside} == {"OutOfMemory"}


def test_a_run_that_makes_an_export_again_takes_nothing_from_one_that_reads_it(
    convert: Converter, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(convert, "wait-for-another")
        while not (tmp_path / "first.told").exists():
            assert not first.done()
            time.sleep(0.01)
        assert convert("wait-for-another").verdict == "works"
        record = first.result()
    assert (record.verdict, [attempt.opset for attempt in record.attempts]) == ("works", [13])


@pytest.mark.parametrize("fault", ["forge-references", "cut-references", "change-the-export"])
def test_a_bundle_that_a_converter_changed_is_made_again(convert: Converter, fault: str) -> None:
    assert convert(fault).verdict == "broken"
    assert convert("faithful", again=False).verdict == "works"


@pytest.mark.parametrize("seed", range(1, 51))
def test_a_faithful_converter_always_works(convert: Converter, seed: int) -> None:
    record = convert("faithful", case=f"planted/net-{seed}")
    assert record.cell is not None
    assert (record.verdict, record.cell.dynamic, record.cell.signature) == ("works", {"batch": True}, True)


def test_a_second_run_does_nothing_again(convert: Converter) -> None:
    first = convert("faithful", case="planted/net-1", again=True)
    second = convert("faithful", case="planted/net-1", again=False)
    assert not first.cached
    assert second.cached
    assert second.cell == first.cell


@pytest.mark.parametrize(
    ("fault", "outcomes", "said"),
    [
        ("faithful", {"pass", "skipped"}, None),
        ("zero-from-batch-6", {"pass", "skipped", "fail"}, "at batch=6: "),
        ("crash-at-batch-9", {"pass", "skipped", "fail"}, "Signal: ended by SIGSEGV"),
    ],
)
def test_a_fault_that_level_1_does_not_see_is_found_by_a_probe(
    convert: Converter, fault: str, outcomes: set[str], said: str | None
) -> None:
    record = convert(fault, level=2)
    assert record.cell is not None
    assert (record.verdict, record.cell.level) == ("works", 2)
    assert {entry.outcome.value for entry in record.cell.probes.values()} <= outcomes
    assert probes.verdict(record.cell) == ("works" if said is None else "partial")
    assert any(said in failure.message for failure in record.beside) if said else not record.beside
    again = convert(fault, level=2, again=False)
    assert again.cached
    assert again.cell == record.cell
