"""Converters with a known fault, each through a real worker process: verdict and stage must be the right ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tfparity.run import CellRecord

Converter = Callable[..., CellRecord]


def decisive(record: CellRecord) -> dict[str, object]:
    """The attempt that the cell's error comes from, or the one that worked."""
    opset = record.cell["opset"] if record.cell else None
    return next(attempt for attempt in record.attempts if attempt["opset"] == opset)


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
        ("die-by-signal", "broken", "convert", "crash", "Signal"),
        ("exit", "broken", "convert", "crash", "Exit"),
        ("exit-at-once", "broken", "convert", "crash", "Exit"),
        ("print-tricks", "broken", "convert", "fail", "RuntimeError"),
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
    error = attempt["error"]
    assert (record.verdict, attempt["stage"], attempt["outcome"]) == (verdict, stage, outcome), error
    assert (error["type"] if isinstance(error, dict) else None) == kind


def test_a_converter_that_kills_its_parent_is_a_crash_and_others_go_on(convert: Converter) -> None:
    attempt = decisive(convert("kill-the-parent"))
    assert (attempt["stage"], attempt["outcome"]) == ("convert", "crash")
    assert convert("faithful").verdict == "works"


def test_a_hanging_converter_is_a_timeout_of_its_stage(convert: Converter) -> None:
    attempt = decisive(convert("hang", seconds=3))
    assert (attempt["stage"], attempt["outcome"]) == ("convert", "timeout")


def test_a_converter_that_eats_memory_is_stopped(convert: Converter) -> None:
    attempt = decisive(convert("eat-memory", memory_gib=0.5))
    assert (attempt["stage"], attempt["outcome"]) == ("convert", "out-of-memory")


def test_a_fork_bomb_is_stopped(convert: Converter) -> None:
    attempt = decisive(convert("fork-without-end", memory_gib=4))
    assert (attempt["stage"], attempt["outcome"]) == ("convert", "crash")


@pytest.mark.parametrize("fresh_process", [False, True], ids=["forked", "fresh"])
def test_a_converter_leaves_no_process_behind(convert: Converter, tmp_path: Path, fresh_process: bool) -> None:
    record = convert("leave-a-daemon", fresh_process=fresh_process)
    assert record.verdict == "works"
    daemons = [int(pid) for pid in (tmp_path / "daemon").read_text().split()]
    assert len(daemons) == 2
    assert not any(psutil.pid_exists(daemon) for daemon in daemons)


def test_what_a_converter_prints_is_harmless_in_the_record(convert: Converter) -> None:
    error = decisive(convert("print-tricks"))["error"]
    assert isinstance(error, dict)
    assert error["message"].isprintable()
    assert "second line of the tricky message" in error["message"]


@pytest.mark.parametrize("seed", range(1, 51))
def test_a_faithful_converter_always_works(convert: Converter, seed: int) -> None:
    record = convert("faithful", case=f"planted/net-{seed}")
    assert record.cell is not None
    assert (record.verdict, record.cell["dynamic"], record.cell["signature"]) == ("works", {"batch": True}, True)


def test_a_second_run_does_nothing_again(convert: Converter) -> None:
    first = convert("faithful", case="planted/net-1", again=True)
    second = convert("faithful", case="planted/net-1", again=False)
    assert not first.cached
    assert second.cached
    assert second.cell == first.cell
