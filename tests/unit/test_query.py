"""What is recorded, asked: counted so that totals add up, and stale where what made it has changed and only there."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import attempt, broken, entry, lost_axis
from small_zoo import NAMES, RULE, UNSQUEEZE, current, everything, record, written

from tfparity.evidence import files
from tfparity.evidence.query import Query, Table
from tfparity.paths import Project
from tfparity.planning import keys as planning_keys
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return written(tmp_path, monkeypatch)


def table() -> Table:
    return Table(Query(Selection(Choice(toolchains=("all",), tier="all"))))


def test_totals_have_every_planned_cell_once(project: Project) -> None:
    old = [
        current("add"),
        current("gelu", broken(UNSQUEEZE), attempt(12)),
        current("gru", broken(UNSQUEEZE)),
        record("mish", key="of another revision"),
        record("vanished", key="of a case that is no more"),
    ]
    everything().recorder.record([*old, current("add", lost_axis("batch"), toolchain="new")])
    standings = table()
    assert standings.counts() == {
        "works": 1,
        "works-with-remedy": 1,
        "partial": 1,
        "broken": 1,
        "not-applicable": 1 + 2 * len(NAMES),  # the other route, which needs what none of them has
        "unresolvable": 2 * len(NAMES),
        "untested": 4,
        "stale": 1,
    }
    assert sum(standings.counts().values()) == len(everything().cells) == 3 * 2 * len(NAMES)
    by_toolchain = [standings.counts(toolchain.id) for toolchain in standings.toolchains]
    assert [sum(counts.values()) for counts in by_toolchain] == [2 * len(NAMES)] * 3
    assert sum(by_toolchain, start=type(by_toolchain[0])()) == standings.counts()


def test_what_could_be_run_and_never_was_is_untested(project: Project) -> None:
    assert table().counts() == {"not-applicable": 11, "unresolvable": 10, "untested": 9}


def test_a_standing_has_the_rule_that_holds_now_and_not_the_one_stored(project: Project) -> None:
    everything().recorder.record([current("gru", broken(UNSQUEEZE))])
    for rules, limitation in ((RULE.replace("id: unsqueeze", "id: renamed"), "renamed"), ("[]\n", None)):
        project.limitations.write_text(rules)
        standing = table().verdict("old", "zoo/gru")
        assert standing is not None
        assert standing.verdict == "broken"
        assert (standing.limitation.id if standing.limitation else None) == limitation
    assert files.load(project.results / "old.json").errors  # the file is as it was


@pytest.mark.parametrize("beside", ["probes", "targets", "runtimes"])
def test_what_is_added_beside_a_verdict_makes_no_cell_stale(project: Project, beside: str) -> None:
    known = current("add")
    assert known.cell is not None
    added = entry(planning_keys.entry(known.cell.key, beside, "one", 1, "a lock"))
    more = replace(known, cell=replace(known.cell, **{beside: {"one": added}}))
    everything().recorder.record([known, current("gelu")])
    before = table().counts()
    everything().recorder.record([more])
    standing = table().verdict("old", "zoo/add")
    assert standing is not None and standing.cell is not None
    assert getattr(standing.cell, beside) == {"one": added}
    assert standing.cell.key == known.cell.key
    assert table().counts() == before
    assert (before["works"], before["stale"]) == (2, 0)
