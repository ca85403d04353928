"""Every planned cell has a verdict, so that totals add up; evidence of another key is stale."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_project
from builders import attempt, broken, deployed, entry, lost_axis, planned
from small_project import EVERYTHING, NAMES, RULE, current, record

from tfparity.evidence import files
from tfparity.evidence.query import Query, Table, case_of
from tfparity.evidence.recorder import Recorder
from tfparity.paths import Project
from tfparity.planning import keys, revisions
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Artifact, Cell, CellId, CellRecord, Failure, PlannedCell, Said
from tfparity.records.vocabulary import Stage, Target, Verdict
from tfparity.report import limitations


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def query() -> Query:
    """Of the whole matrix and zoo, read anew each time."""
    return Query(Selection(EVERYTHING))


def save(*records: CellRecord) -> None:
    Recorder(Selection(EVERYTHING)).record(records)


def cell(case: str, toolchain: str = "old", **known: Any) -> PlannedCell:
    return planned(f"zoo/{case}", toolchain=toolchain, **known)


def verdict(case: str, toolchain: str = "old") -> Verdict:
    return query().verdict(cell(case, toolchain))


def changed(project: Project, case: str, **changes: Any) -> None:
    """Change a recorded cell in its file."""
    content = files.load(project.results / "old.json")
    cells = (replace(one, **changes) if one.case == f"zoo/{case}" else one for one in content.cells)
    files.save(project, replace(content, cells=tuple(cells)))


RECORDS = (
    record("add"),
    record("gelu", broken(), attempt(12)),
    record("gru", broken()),
    record("mish", lost_axis()),
)


# Verdicts


def test_every_planned_cell_has_a_verdict(project: Project) -> None:
    save(*current(*RECORDS))
    asked = [
        *(cell(name) for name in ("add", "gelu", "gru", "mish")),
        cell("add", "new"),
        cell("relu", verdict="not-applicable", reason="needs torch>=2"),
        cell("add", "never", verdict="unresolvable"),
    ]
    found = query().verdicts(asked)
    assert list(found) == [one.place for one in asked]
    assert list(found.values()) == [
        "works", "works-with-remedy", "broken", "partial", "untested", "not-applicable", "unresolvable",
    ]  # fmt: skip
    assert all(isinstance(verdict, Verdict) for verdict in found.values())


def test_a_cell_of_another_key_is_stale_and_no_other(project: Project) -> None:
    save(*current(*RECORDS))
    changed(project, "gru", key="of another revision")
    found = query().verdicts([cell(name) for name in ("add", "gelu", "gru", "mish")])
    assert [place.case for place, verdict in found.items() if verdict is Verdict.STALE] == ["zoo/gru"]


def test_the_plan_overrules_the_evidence_and_cells_outside_the_plan_do_not_count(project: Project) -> None:
    save(*current(*RECORDS))
    asked = cell("gru", verdict="not-applicable")
    assert query().verdicts([asked]) == {("old", "zoo/gru", "onnx-tf"): "not-applicable"}
    assert query().standing(asked).cell is None


@pytest.mark.parametrize(
    ("stage", "stale"),
    [("build", {"add", "gelu", "gru", "mish"}), ("load", {"add", "gelu", "mish"}), ("signature", {"add", "gelu"})],
)
def test_a_raised_revision_makes_stale_what_used_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, stage: str, stale: set[str]
) -> None:
    save(*current(*RECORDS))
    monkeypatch.setitem(revisions.STAGES, stage, revisions.STAGES[stage] + 1)
    found = {name: verdict(name) for name in ("add", "gelu", "gru", "mish")}
    assert {name for name, verdict in found.items() if verdict is Verdict.STALE} == stale


@pytest.mark.parametrize("kind", ["probes", "targets", "runtimes"])
def test_an_entry_with_a_key_of_its_own_makes_no_cell_stale(project: Project, kind: str) -> None:
    save(*current(*RECORDS))
    (kept,) = (one for one in files.load(project.results / "old.json").cells if one.case == "zoo/add")
    own = keys.entry(kept.key, kind, "tflite-int8", 1, "the lock of a runtime")
    assert own != kept.key
    changed(project, "add", level=2, **{kind: {"tflite-int8": entry(own)}})
    assert [verdict(name) for name in ("add", "gelu", "gru", "mish")] == [one.verdict for one in RECORDS]
    again = keys.entry(kept.key, kind, "tflite-int8", 2, "the lock of a runtime")
    assert again != own  # the entry is another, the cell is not
    changed(project, "add", **{kind: {"tflite-int8": entry(again)}})
    assert verdict("add") is Verdict.WORKS
    standing = query().standing(cell("add"))
    # No probe and no runtime has such a name, and a target has another key.
    assert standing.cell is not None and getattr(standing.cell, kind) == {}


OF_ONE = """\
- id: of-one
  stage: probe
  matches: "at width=1: output"
  cause: The step is infinite.
  link: https://example.org/issues/2
  remedy: Clamp it.
  remedies: [stable-functions]
"""


def test_what_a_probe_finds_is_told_with_its_rule_on_the_pages(project: Project) -> None:
    project.limitations.write_text(RULE + OF_ONE)
    found = Failure(Stage.PROBE, "ProbeSizes", "at width=1: output 'y' diverged")
    (made,) = current(record("add"))
    assert made.cell is not None
    entries = {
        name: entry(keys.probe(made.cell.key, name), error) for name, error in (("sizes", found), ("rows", None))
    }
    save(replace(made, cell=replace(made.cell, level=2, probes=entries), beside=(found,)))
    standing = query().standing(cell("add"))
    assert {name: rule and rule.id for name, rule in standing.probed.items()} == {"sizes": "of-one"}
    table = Table(query())
    block = limitations.pages(table)["limitations/probe.md"].partition('## <a id="of-one"></a>of-one')[2]
    assert "- where: everywhere, stage probe" in block
    assert "- remedies: [stable-functions](../remedies.md#stable-functions)" in block
    assert "- recorded: 1 cell at level 2: <code>zoo/add</code> (onnx-tf, 1)" in block


def test_a_probe_of_another_revision_is_not_shown_and_its_cell_is_as_it_was(project: Project) -> None:
    save(*current(*RECORDS))
    (kept,) = (one for one in files.load(project.results / "old.json").cells if one.case == "zoo/add")
    stale = keys.entry(kept.key, "probe", "rows", 99)
    changed(project, "add", level=2, probes={"sizes": entry(keys.probe(kept.key, "sizes")), "rows": entry(stale)})
    standing = query().standing(cell("add"))
    assert standing.cell is not None
    assert (standing.verdict, standing.cell.level, list(standing.cell.probes)) == (Verdict.WORKS, 2, ["sizes"])


def test_a_target_of_another_revision_is_not_shown_and_its_cell_is_as_it_was(project: Project) -> None:
    save(*current(*RECORDS))
    (kept,) = (one for one in files.load(project.results / "old.json").cells if one.case == "zoo/add")
    known = query().selection.keys
    right = deployed(known.target(kept.key, Target.TFLITE_INT8))
    old = deployed(keys.entry(kept.key, "target", "tflite-dynamic", 99))
    own = deployed(known.target(kept.key, Target.TFLITE_INT8_IO, "digest"), own_data=True)
    made = {Target.TFLITE_INT8: right, Target.TFLITE_DYNAMIC: old, Target.TFLITE_INT8_IO: own, "onnx-runtime": right}
    changed(project, "add", targets=made)
    standing = query().standing(cell("add"))
    assert standing.cell is not None
    assert (standing.verdict, list(standing.cell.targets)) == (Verdict.WORKS, [Target.TFLITE_INT8, "tflite-int8-io"])


COMPILER = """\
runtimes:
  - {id: compiles, python: "3.11", as-of: 2026-11-20, compiler: vela, runs: [tflite-int8-io], pins: {torch: 2.0.1}}
toolchains:
"""


@pytest.mark.parametrize(
    ("target", "revision", "shown"), [("its", 0, ["compiles"]), ("its", 1, []), ("old", 0, []), ("none", 0, [])]
)
def test_a_compilers_entry_is_shown_while_the_target_and_the_compiler_are_what_it_rests_on(
    project: Project, target: str, revision: int, shown: list[str]
) -> None:
    project.matrix.write_text(project.matrix.read_text().replace("toolchains:\n", COMPILER, 1))
    save(*current(*RECORDS))
    (kept,) = (one for one in files.load(project.results / "old.json").cells if one.case == "zoo/add")
    key = query().selection.keys.target(kept.key, Target.TFLITE_INT8_IO) if target == "its" else "of another revision"
    selection = Selection(EVERYTHING)
    runtime = selection.matrix.runtime("compiles")
    own = keys.compiled(key, runtime, selection.keys.locked(runtime))
    own = keys.entry(own, "changed", "since", revision) if revision else own
    targets = {} if target == "none" else {Target.TFLITE_INT8_IO: deployed(key)}
    changed(project, "add", targets=targets, runtimes={"compiles": entry(own)})
    standing = query().standing(cell("add"))
    assert standing.cell is not None
    assert (standing.verdict, list(standing.cell.runtimes)) == (Verdict.WORKS, shown)


def test_cells_of_schema_1_are_there_and_stale(project: Project) -> None:
    made = current(record("add"), record("gru", broken()))
    save(*made)
    path = project.results / "old.json"
    content = json.loads(path.read_text())
    content["schema"] = 1
    for error in content["errors"].values():
        error["limitation"] = "unsqueeze"
    for one in content["cells"]:
        one["key"] = "0" * 64  # by the rule of schema 1
        for name in ("limitation", "level", "probes", "runtimes", "unlocked"):
            del one[name]
    path.write_text(json.dumps(content))
    assert (verdict("add"), verdict("gru")) == ("stale", "stale")
    standing = query().standing(cell("gru"))
    assert standing.cell is not None and standing.cell.verdict is Verdict.BROKEN
    assert standing.limitation is not None and standing.limitation.id == "unsqueeze"


# Standings


def test_a_standing_has_the_rule_that_holds_now_and_not_the_one_stored(project: Project) -> None:
    save(*current(record("gru", broken())))
    before = (project.results / "old.json").read_bytes()
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    standing = query().standing(cell("gru"))
    assert standing.limitation is not None
    assert standing.limitation.id == "renamed"
    assert standing.error is not None and standing.error.message == "Unsqueeze version 13 is not implemented."
    project.limitations.write_text("[]\n")
    standing = query().standing(cell("gru"))
    assert standing.verdict is Verdict.BROKEN
    assert standing.limitation is None
    assert (project.results / "old.json").read_bytes() == before


def test_a_standing_tells_the_measured_error_and_without_a_run_that_of_the_evidence(project: Project) -> None:
    save(*current(record("add", attempt(max_abs=1.74e-6)), record("gru", broken())))
    assert query().standing(cell("add")).max_abs == 1.7e-6
    assert query().standing(cell("gru")).max_abs is None
    assert query().standing(cell("mish")).max_abs is None
    (project.results / "runs" / "old.json").unlink()
    assert query().standing(cell("add")).max_abs == 1e-5


def test_a_standing_has_its_run(project: Project) -> None:
    answer, artifact = Said("440 Hz", "440 Hz"), Artifact(1.5, 12.0)
    save(*current(record("add", attempt(answer=answer, artifact=artifact)), record("gelu")))
    run = query().standing(cell("add")).run
    assert run is not None and (run.answer, run.artifact) == (answer, artifact)
    assert query().usual_seconds("old", "onnx-tf") == 1.57
    assert query().usual_seconds("new", "onnx-tf") is None
    assert query().standing(cell("add", "new")).run is None


def test_a_cell_is_found_whether_it_is_stale_or_not(project: Project) -> None:
    save(record("add", key="of another revision"))
    found = query().cell(CellId("old", "zoo/add", "onnx-tf"))
    assert isinstance(found, Cell) and found.key == "of another revision"
    assert query().cell(CellId("new", "zoo/add", "onnx-tf")) is None
    assert query().cell(CellId("old", "zoo/gru", "onnx-tf")) is None


# Tables


def test_totals_have_every_planned_cell_once(project: Project) -> None:
    save(
        *current(record("add"), record("gelu", broken(), attempt(12)), record("gru", broken())),
        record("mish", key="of another revision"),
        record("vanished", key="of a case that is no more"),
        *current(record("add", lost_axis("batch"), toolchain="new")),
    )
    table = Table(query())
    assert table.counts() == {
        "works": 1,
        "works-with-remedy": 1,
        "partial": 1,
        "broken": 1,
        "not-applicable": 1 + 2 * len(NAMES),  # the other route, which needs what none of them has
        "unresolvable": 2 * len(NAMES),
        "untested": 4,
        "stale": 1,
    }
    assert list(table.counts()) == list(Verdict)
    assert table.counts().total() == len(Selection(EVERYTHING).planned) == 3 * 2 * len(NAMES)
    by_toolchain = [table.counts(toolchain.id) for toolchain in table.toolchains]
    assert [counts.total() for counts in by_toolchain] == [2 * len(NAMES)] * 3
    assert sum(by_toolchain, start=type(by_toolchain[0])()) == table.counts()


def test_what_could_be_run_and_never_was_is_untested(project: Project) -> None:
    assert Table(query()).counts() == {"not-applicable": 11, "unresolvable": 10, "untested": 9}


def test_a_table_counts_the_cells_that_are_chosen(project: Project) -> None:
    save(*current(*RECORDS))
    table = Table(query())
    assert table.counts("old", lambda planned: planned.case == "zoo/gru") == {"broken": 1, "not-applicable": 1}
    assert table.counts("old", table.smoke) == {
        "works": 1, "works-with-remedy": 1, "partial": 1, "broken": 1, "not-applicable": 1,
    }  # fmt: skip


def test_a_case_stands_by_the_leading_route_of_its_toolchain(project: Project) -> None:
    save(*current(*RECORDS))
    standing = Table(query()).verdict("old", "zoo/gelu")
    assert standing is not None and (standing.planned.route, standing.verdict) == ("onnx-tf", "works-with-remedy")
    assert Table(query()).verdict("old", "zoo/none") is None


def test_cases_are_told_by_their_file_and_tier(project: Project) -> None:
    table = Table(query())
    assert {name: list(cases) for name, cases in table.case_files.items()} == {"zoo": [f"zoo/{name}" for name in NAMES]}
    assert list(table.core) == [f"zoo/{name}" for name in NAMES]
    assert {len(cells) for cells in table.core.values()} == {3 * 2}


SPLIT = """\
schema: 1
default: split
environments:
  - {id: torch-side, python: "3.11", as-of: 2023-07-15, pins: {torch: 2.0.1, onnx: 1.14.0, tensorflow: 2.13.0}}
  - {id: tensorflow-side, python: "3.10", as-of: 2023-07-15, pins: {onnx: 1.13.1, onnx-tf: 1.10.0, tensorflow: 2.12.1},
     shims: [onnx-mapping]}
toolchains:
  - {id: split, source: torch-side, routes: {onnx-tf: tensorflow-side}}
"""


def test_a_toolchain_of_two_sides_is_told_by_both(project: Project) -> None:
    project.matrix.write_text(SPLIT)
    table = Table(query())
    (split,) = table.toolchains
    assert table.packages(split) == {
        "torch": "2.0.1", "onnx": "1.14.0", "onnx-tf": "1.10.0", "tensorflow": "2.12.1",
    }  # fmt: skip
    assert table.pins("split", "onnx-tf") == table.packages(split)
    assert table.pythons(split) == "3.11 → 3.10"
    assert table.shims(split) == ["onnx-mapping"]
    assert table.default == "split"


@pytest.mark.parametrize(
    ("place", "found"), [(("old", "zoo/gru", "onnx-tf"), True), (("old", "zoo/none", "onnx-tf"), False)]
)
def test_a_planned_cell_is_found_by_its_place(project: Project, place: tuple[str, str, str], found: bool) -> None:
    cells = Selection(Choice(toolchains=("old",))).planned
    one = case_of(cells, CellId(*place))
    assert (one is not None) == found
    assert one is None or one.place == place


def test_evidence_is_read_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    save(*current(record("add")))
    asked, read = query(), []
    load = files.load_all

    def counted(project: Project) -> Mapping[str, Any]:
        read.append(project)
        return load(project)

    monkeypatch.setattr(files, "load_all", counted)
    for _ in range(3):
        assert asked.verdict(cell("add")) is Verdict.WORKS
        assert asked.standing(cell("add")).verdict is Verdict.WORKS
    assert len(read) == 1
