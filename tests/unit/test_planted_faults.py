"""benchmarks/planted_faults.py: it fails where the probe meant for a fault is silent, and where a faithful converter is
not taken for right."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders import attempt, broken, entry, record

from tfparity.planning import probes
from tfparity.records.cells import CellRecord, Failure
from tfparity.records.vocabulary import Outcome, Stage, Verdict

FILE = Path(__file__).parents[2] / "benchmarks" / "planted_faults.py"

WRONG = Failure(Stage.PROBE, "ProbeRows", "at batch=2: output 'y' diverged")


@pytest.fixture(scope="module")
def planted() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("planted_faults", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def probed(case: str, route: str, *failing: str, **outcomes: Outcome) -> CellRecord:
    """A cell that works at level 1, and at level 2 but for those probes."""
    made = record(case, attempt(), route=route)
    assert made.cell is not None
    found = {name: entry(error=WRONG) for name in failing}
    found |= {name: replace(entry(), outcome=outcome) for name, outcome in outcomes.items()}
    return replace(made, cell=replace(made.cell, level=2, probes=found), beside=(WRONG,) if failing else ())


@pytest.mark.parametrize(
    ("failing", "outcomes", "kind", "missed"),
    [
        (("rows",), {}, "decides", False),
        (("rows", "numbers"), {}, "decides", False),
        (("numbers",), {"rows": Outcome.PASS}, "decides", True),  # what another finds may have another cause
        (("numbers", "repeats", "domain"), {}, "decides", True),
        ((), {"rows": Outcome.CRASH}, "decides", False),
        ((), {"rows": Outcome.TIMEOUT}, "decides", True),
        ((), {"rows": Outcome.SKIPPED}, "reports", True),
        ((), {}, "decides", True),
        (("rows",), {}, "reports", False),
    ],
)
def test_a_fault_is_found_by_the_probe_that_is_there_for_it(
    planted: ModuleType, failing: Sequence[str], outcomes: Mapping[str, Outcome], kind: str, missed: bool
) -> None:
    made = probed("planted/linear", "/f/first-row-leaks.py", *failing, **outcomes)
    assert planted.missed(made, "rows", kind) is missed


def test_a_fault_that_level_1_found_tells_nothing_of_a_probe(planted: ModuleType) -> None:
    assert planted.missed(record("planted/linear", broken()), "rows", "decides")


def test_a_probe_that_finds_and_only_reports_decides_nothing(planted: ModuleType) -> None:
    assert planted.missed(probed("planted/unit", "/f/sign-is-lost.py", "domain"), "domain", "decides")
    assert not planted.missed(probed("planted/unit", "/f/sign-is-lost.py", "domain"), "domain", "reports")


def test_every_fault_names_a_probe_of_its_kind(planted: ModuleType) -> None:
    for faults, kind in ((planted.DECIDED, "decides"), (planted.TOLD, "reports")):
        assert {probes.load(probe).kind.value for _, probe in faults.values()} == {kind}


@pytest.mark.parametrize(
    ("faithful", "code"),
    [
        (lambda case: probed(case, "/f/faithful.py", rows=Outcome.PASS), 0),
        (lambda case: probed(case, "/f/faithful.py", "rows"), 1),
        (lambda case: probed(case, "/f/faithful.py", "domain"), 1),
        (lambda case: record(case, broken(), route="/f/faithful.py"), 1),
        (lambda case: record(case, attempt(stage="build", outcome="fail"), route="/f/faithful.py"), 1),
        (lambda case: CellRecord("t", case, "/f/faithful.py", Verdict.UNTESTED, "the disk is full"), 1),
    ],
    ids=["right", "alarm", "report", "broken", "not built", "not run"],
)
def test_a_planted_case_on_which_the_faithful_converter_is_not_right_fails(
    planted: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, faithful: Any, code: int
) -> None:
    def run(faults: Sequence[str], cases: Sequence[str], *_: object) -> Iterator[CellRecord]:
        for fault in faults:
            for case in cases:
                yield faithful(case) if fault == "faithful" else probed(case, f"/f/{fault}.py", "rows")

    monkeypatch.setattr(planted, "_run", run)
    monkeypatch.setattr(sys, "argv", ["planted_faults.py", "--only", "first-row-leaks", "--cache", str(tmp_path)])
    assert planted.main() == code
