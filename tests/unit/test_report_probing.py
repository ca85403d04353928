"""What probes found, in words."""

import io
import re
from dataclasses import replace

import builders
import pytest
from builders import attempt, entry
from rich.console import Console

from tfparity.records.cells import Cell, CellRecord, Failure
from tfparity.records.vocabulary import Outcome, Stage
from tfparity.report import probing, progress, terminal

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


RULE = builders.rule("small-batches", "output 'y' diverged", stage="probe", link="https://example.org/1")


def probed(**found: Failure | None) -> CellRecord:
    record = builders.record("a/b", attempt())
    assert record.cell is not None
    beside = tuple(failure for failure in found.values() if failure)
    return replace(record, cell=replace(cell(**found), key=record.cell.key), beside=beside)


def test_a_verdict_that_probes_make_worse_is_shown_as_that() -> None:
    numbers = Failure(Stage.PROBE, "ProbeNumbers", "at its own inputs: output 'y' has a row that is off")
    rows = {
        "✓ works": probed(domain=DOMAIN),
        "◐ partly at level 2": probed(sizes=SIZES),
        "✗ broken at level 2": probed(sizes=SIZES, numbers=numbers),
    }
    for said, record in rows.items():
        stream = io.StringIO()
        terminal.show(Console(file=stream, width=400, highlight=False), [record], lambda _: None)
        text = stream.getvalue()
        assert re.search(rf"^a/b +{said} ", text, re.MULTILINE)
        assert ("a probe finds it wrong" in text) == ("level 2" in said)
        assert ("every dynamic axis" in text) == ("level 2" not in said)
        line = progress.outcome(record, several=False).plain
        assert said[2:] in line
        assert ("float32 noise" in line) == ("level 2" not in said)


def test_what_probes_find_is_told_with_the_rule_that_explains_it() -> None:
    record = probed(sizes=SIZES, domain=DOMAIN)
    told = terminal.reason(record, lambda _: None, lambda _: {"sizes": RULE, "domain": RULE})
    assert told == (
        f"partly at level 2: sizes: {SIZES.message}: c. Remedy: r. (small-batches, https://example.org/1); "
        f"{DOMAIN.message} (small-batches)"
    )


def test_a_rule_that_explains_several_probes_is_told_once() -> None:
    rows = Failure(Stage.PROBE, "ProbeRows", "at batch=2: output 'y' diverged")
    record = probed(sizes=SIZES, rows=rows)
    told = terminal.reason(record, lambda _: None, lambda _: {"sizes": RULE, "rows": RULE})
    assert (told.count("Remedy: r."), told.count(rows.message)) == (1, 1)
