"""What probes found, in words."""

from dataclasses import replace

import builders
import pytest
from builders import attempt, entry

from tfparity.records.cells import Cell, Failure
from tfparity.records.vocabulary import Outcome, Stage
from tfparity.report import probing, terminal

SIZES = Failure(Stage.PROBE, "ProbeSizes", "at batch=6: output 'y' diverged")
DOMAIN = Failure(Stage.PROBE, "ProbeDomain", "right for x < 89 (at x=89: output 'y' diverged)")
FAILURES = {failure.fingerprint: failure for failure in (SIZES, DOMAIN)}


def cell(**found: Failure | None) -> Cell:
    entries = {name: entry(error=failure) for name, failure in found.items()}
    return replace(builders.cell("a/b", attempt()), level=2, probes=entries)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        ({"sizes": None, "domain": None}, ""),
        ({"sizes": SIZES}, "partly at level 2: sizes: at batch=6: output 'y' diverged"),
        ({"domain": DOMAIN}, "right for x < 89 (at x=89: output 'y' diverged)"),
        (
            {"sizes": SIZES, "domain": DOMAIN},
            f"partly at level 2: sizes: {SIZES.message}; {DOMAIN.message}",
        ),
        ({"a-probe-that-is-gone": SIZES}, ""),
    ],
)
def test_a_line_for_what_was_found(found: dict[str, Failure | None], said: str) -> None:
    assert probing.found(cell(**found), FAILURES) == said


def test_how_many_of_the_cells_that_work_were_probed() -> None:
    plain = builders.cell("a/b", attempt())
    assert probing.totals([plain]) == ""
    assert probing.totals([plain, cell(sizes=None)]) == "probed: 1 of 2 that work"
    assert probing.totals([cell(sizes=SIZES), cell(domain=DOMAIN)]) == "probed: 2 of 2 that work, 1 of them partly"


@pytest.mark.parametrize("outcome", ["untested", "timeout", "out-of-memory", "skipped"])
def test_a_cell_of_which_no_probe_says_anything_was_not_probed(outcome: str) -> None:
    silent = replace(cell(), probes={"sizes": entry(outcome=Outcome(outcome)), "rows": entry(outcome=Outcome(outcome))})
    assert probing.totals([silent]) == ""
    assert probing.totals([silent, cell(sizes=None)]) == "probed: 1 of 2 that work"
    mixed = replace(silent, probes={**silent.probes, "rows": entry(outcome=Outcome.CRASH)})
    assert probing.totals([mixed]).startswith("probed: 1 of 1 that work")


def test_the_terminal_counts_level_1_and_tells_what_was_probed() -> None:
    record = builders.record("a/b", attempt())
    assert record.cell is not None
    fallen = replace(record, cell=replace(cell(sizes=SIZES), key=record.cell.key), beside=(SIZES,))
    assert str(terminal.totals([fallen])) == "1 cell: 1 works; probed: 1 of 1 that work, 1 of them partly"
    assert "at batch=6" in terminal.reason(fallen, lambda _: None)
