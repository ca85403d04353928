"""Evidence is canonical: the same facts give the same bytes, broken files say where, totals add up."""

import json
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity import evidence, judge
from tfparity.errors import EvidenceError
from tfparity.limitations import Limitation
from tfparity.paths import Project

TOOLCHAIN = "tf2.15-torch2.15"


def facts(**changed):
    return {
        "python": "3.11",
        "lock_sha256": "ab" * 32,
        "packages": {"torch": "2.15.0", "onnx-tf": "1.10.0"},
        "shims": [],
        "resolve": "pass",
        "install": "pass",
        "import": "pass",
        **changed,
    }


def attempt(opset=13, stage="signature", outcome="pass", message=None, type="RuntimeError", grade="float32-noise"):
    """A full attempt record as judge makes them."""
    error = None if message is None else {"type": type, "message": message, "stage": stage}
    return {
        "opset": opset,
        "file_opset": opset,
        "remedies": [],
        "stage": stage,
        "outcome": outcome,
        "error": error,
        "grade": grade if message is None or stage in ("dynamic-shape", "signature") else None,
        "max_abs": 1.7e-6,
        "floor": 9.1e-7,
        "dynamic": {"batch": True},
        "signature": True,
        "stages": [{"stage": stage, "outcome": outcome, "seconds": 1.25, "peak_mib": 512.4, "error": None}],
    }


def broken(message="Unsqueeze version 13 is not implemented.", opset=13, stage="convert"):
    return attempt(opset, stage, "fail", message)


@dataclass
class Record:
    """What the engine hands over, as much of it as evidence asks for."""

    case: str
    attempts: list
    route: str = "onnx-tf"
    toolchain: str = TOOLCHAIN
    key: str = "k1"
    environments: dict = field(default_factory=lambda: {TOOLCHAIN: facts()})
    seconds: float = 3.14159
    ran_at: str = "2026-11-22T10:00:00+00:00"
    host: str = "Linux x86_64"

    @property
    def cell(self):
        if not self.attempts:
            return None
        return judge.cell(self.toolchain, self.case, self.route, self.attempts, shims=[], key=self.key)


@dataclass
class Planned:
    case: str
    route: str = "onnx-tf"
    toolchain: str = TOOLCHAIN
    verdict: str | None = None
    reason: str | None = None


RECORDS = [
    Record("torchvision/resnet18", [attempt()]),
    Record("operators/gelu", [broken(), attempt(12)]),
    Record("operators/gru", [broken("GRU with linear_before_reset is not supported.", opset) for opset in (13, 12)]),
    Record("operators/interpolate", [attempt(13, "dynamic-shape", "fail", "axis 'height' is lost", "AxisLost")]),
    Record("huggingface/bert", [broken(opset=12), broken(message="unknown rank")]),
]


def document(*records, toolchain=TOOLCHAIN, environments=None):
    return evidence.document(
        toolchain,
        source=toolchain,
        routes={"onnx-tf": toolchain},
        records=records or RECORDS,
        environments=environments,
    )


def rule(id="unsqueeze", matches="Unsqueeze version 13 is not implemented", **changed):
    given = {"id": id, "stage": "convert", "matches": matches, "cause": "c", "link": "none found", "remedy": "r"}
    return Limitation.model_validate({**given, **changed})


RULES = [
    rule(),
    rule("gru", "GRU with linear_before_reset"),
    rule("axis", "AxisLost: axis 'height'", stage="dynamic-shape"),
    rule("rank", "RuntimeError: unknown rank", cause="unknown", investigated="opsets 11 to 14"),
]


def test_a_document_has_the_designs_keys_in_order_and_a_line_per_cell():
    text = evidence.encode(document()).decode()
    content = json.loads(text)
    assert list(content) == ["schema", "toolchain", "environments", "source", "routes", "errors", "cells"]
    assert [cell["case"] for cell in content["cells"]] == sorted(record.case for record in RECORDS)
    assert list(content["environments"][TOOLCHAIN]) == [
        "python", "lock_sha256", "packages", "shims", "resolve", "install", "import",
    ]  # fmt: skip
    assert list(content["environments"][TOOLCHAIN]["packages"]) == ["onnx-tf", "torch"]
    lines = [line for line in text.splitlines() if line.startswith('  {"case": ')]
    assert len(lines) == len(RECORDS)
    assert all(json.loads(line.rstrip(",")) in content["cells"] for line in lines)
    assert text.endswith("}\n")


def test_an_error_stands_once_and_is_named_by_its_fingerprint():
    content = document()
    gelu, bert = content.cell("operators/gelu", "onnx-tf"), content.cell("huggingface/bert", "onnx-tf")
    assert gelu["attempts"][0]["error"] == bert["attempts"][0]["error"]
    assert content.errors[bert["error"]]["message"] == "Unsqueeze version 13 is not implemented."
    assert gelu["error"] is None
    assert len(content.errors) == 4


def test_records_without_a_cell_and_of_other_toolchains_are_left_out():
    content = document(Record("a/b", []), Record("a/c", [attempt()], toolchain="other"), Record("a/d", [attempt()]))
    assert [cell["case"] for cell in content.cells] == ["a/d"]


def test_a_toolchain_without_any_cell_is_evidence_too():
    content = evidence.document(
        "tf2.11-onnx1.13",
        source="x",
        routes={"onnx-tf": "x"},
        records=[],
        environments={"x": evidence.unresolvable("3.10", ["onnx-mapping"])},
    )
    assert json.loads(evidence.encode(content))["environments"]["x"]["resolve"] == "fail"
    assert json.loads(evidence.encode(content))["cells"] == []


def test_what_is_written_is_read_again(tmp_path):
    project = Project(tmp_path)
    content = evidence.explain(document(), RULES)
    path = evidence.save(project, content)
    assert path == tmp_path / "results" / f"{TOOLCHAIN}.json"
    assert evidence.load(path) == content
    assert evidence.load_all(project) == {TOOLCHAIN: content}
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    evidence.save(project, evidence.load(path))
    assert path.read_bytes() == evidence.encode(content)


def test_text_of_every_kind_survives(tmp_path):
    odd = 'quote " backslash \\ <b>&amp;</b> | `x` é 漢 \u2603'
    content = document(Record("a/b", [broken(odd)]))
    (error,) = evidence.load(evidence.save(Project(tmp_path), content)).errors.values()
    assert error["message"] == odd


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    project = Project(tmp_path)
    path = evidence.save(project, document())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        evidence.save(project, document(RECORDS[0]))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


CELLS = st.builds(
    Record,
    st.sampled_from(["a/a", "a/b", "b/c"]),
    st.sampled_from([[attempt()], [broken()], [broken(), attempt(12)], [broken("another thing went wrong")]]),
    st.sampled_from(["onnx-tf", "onnx-tf-dynamo"]),
    key=st.sampled_from(["k1", "k2"]),
    environments=st.sampled_from(
        [{TOOLCHAIN: facts()}, {TOOLCHAIN: facts(**{"import": "untested"})}, {"other": facts(**{"import": "crash"})}]
    ),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(CELLS, max_size=8), st.randoms(use_true_random=False), st.booleans())
def test_merging_the_same_records_in_any_order_gives_identical_bytes(cells, shuffler, explained):
    def bytes_of(records):
        content = document(*records)
        return evidence.encode(evidence.explain(content, RULES) if explained else content)

    records = [*RECORDS, *cells]
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    assert bytes_of(shuffled) == bytes_of(records)


def test_of_a_cell_that_came_twice_the_worse_verdict_stays():
    merged = document(Record("a/b", [broken()]), Record("a/b", [attempt()]))
    assert [cell["verdict"] for cell in merged.cells] == ["broken"]
    assert len(merged.errors) == 1


def test_what_one_record_knows_of_an_environment_is_kept():
    told = [
        Record(name, [attempt()], environments={TOOLCHAIN: facts(**{"import": now})})
        for name, now in (("a/b", "untested"), ("a/c", "pass"), ("a/d", "untested"))
    ]
    assert document(*told).environments[TOOLCHAIN]["import"] == "pass"


def test_an_update_changes_its_own_cells_alone():
    old = document()
    new = document(Record("operators/gelu", [attempt(13)], key="k2"))
    updated = evidence.update(old, new)
    assert updated.cell("operators/gelu", "onnx-tf") == new.cells[0]
    others = [cell for cell in old.cells if cell["case"] != "operators/gelu"]
    assert [cell for cell in updated.cells if cell["case"] != "operators/gelu"] == others
    assert evidence.update(None, new) == new


def test_an_update_drops_errors_that_no_cell_names_any_more():
    updated = evidence.update(document(), document(Record("operators/gru", [attempt()])))
    assert not any("GRU" in error["message"] for error in updated.errors.values())


def test_cells_that_the_plan_no_longer_has_can_be_left_out():
    kept = evidence.only(document(), {("operators/gru", "onnx-tf")})
    assert [cell["case"] for cell in kept.cells] == ["operators/gru"]
    assert len(kept.errors) == 1


def test_every_error_gets_the_first_rule_that_holds():
    explained = evidence.explain(document(), RULES)
    assert sorted(error["limitation"] for error in explained.errors.values()) == ["axis", "gru", "rank", "unsqueeze"]
    assert evidence.unexplained(explained) == []
    assert evidence.unexplained(evidence.explain(document(), RULES[1:])) == [
        (TOOLCHAIN, "huggingface/bert", "onnx-tf"),
    ]
    assert evidence.unexplained(document()) == [
        (TOOLCHAIN, case, "onnx-tf") for case in ("huggingface/bert", "operators/gru", "operators/interpolate")
    ]


def test_explaining_anew_forgets_a_rule_that_is_gone():
    explained = evidence.explain(document(), RULES)
    assert evidence.explain(explained, []) == document()


def test_an_error_of_two_cells_needs_a_rule_that_holds_for_both():
    both = document(Record("a/one", [broken()]), Record("a/two", [broken()]))
    narrow, wide = rule("narrow", cases=["a/one"]), rule("wide")
    assert next(iter(evidence.explain(both, [narrow]).errors.values()))["limitation"] is None
    assert next(iter(evidence.explain(both, [narrow, wide]).errors.values()))["limitation"] == "wide"


def test_an_attempt_on_the_way_to_a_working_cell_needs_no_say_in_why_another_fails():
    content = document(Record("a/works", [broken(), attempt(12)]), Record("a/fails", [broken()]))
    explained = evidence.explain(content, [rule("one", cases=["a/fails"])])
    assert evidence.unexplained(explained) == []


def test_the_source_side_explains_exports_and_the_target_side_conversions():
    sides = {"src": facts(packages={"torch": "2.15.0", "onnx": "1.20.0"}), "dst": facts(packages={"onnx": "1.17.0"})}
    for stage, version in (("export", "1.20.0"), ("convert", "1.17.0")):
        content = evidence.document(
            "split",
            source="src",
            routes={"onnx-tf": "dst"},
            records=[Record("a/b", [broken(stage=stage)], toolchain="split", environments=sides)],
        )
        rules = [rule("it", stage=stage, when={"onnx": f"=={version}", "torch": ">=2", "python": "==3.11.*"})]
        assert evidence.unexplained(evidence.explain(content, rules)) == []
        found = evidence.explain_one(rules, content, route="onnx-tf", case="a/b", attempt=broken(stage=stage))
        assert found is rules[0]
    assert evidence.explain_one(rules, content, route="onnx-tf", case="a/b", attempt=attempt()) is None


def test_a_cause_that_nobody_knows_counts_as_not_understood():
    known = [*RULES[:1], RULES[1].model_copy(update={"cause": "unknown", "investigated": "x"}), *RULES[2:]]
    explained = evidence.explain(document(), known)
    assert evidence.not_understood([explained], known) == [(TOOLCHAIN, "operators/gru", "onnx-tf")]
    assert len(evidence.not_understood([document()], known)) == 3


def test_a_rule_that_explains_nothing_is_found():
    idle = rule("idle", "this text is in no error")
    explained = evidence.explain(document(), [*RULES, idle])
    assert evidence.unused([explained], [*RULES, idle]) == [idle]


def test_committed_evidence_may_not_leave_failures_or_rules_unexplained():
    failing = Record("operators/gelu", [broken()])
    silent = evidence.explain(document(failing), [])
    assert any("fails without a limitation" in line for line in evidence.dishonest([silent], []))
    known = rule()
    explained = evidence.explain(document(failing), [known])
    assert evidence.dishonest([explained], [known]) == []
    idle = rule(id="idle", matches="nothing ever says this at all")
    assert evidence.dishonest([explained], [known, idle]) == [
        "limitations.yaml: idle explains nothing that is recorded"
    ]
    unknown = rule(cause="unknown", investigated="read the source")
    told = evidence.dishonest([evidence.explain(document(failing), [unknown])], [unknown])
    assert told == ["1 of 1 failing cells are not understood, more than one in ten"]


def plan(*more):
    return [Planned(record.case) for record in RECORDS] + list(more)


def test_totals_have_every_verdict_and_add_up():
    planned = plan(
        Planned("a/new"),
        Planned("a/old", verdict="not-applicable", reason="needs torch>=2.16"),
        Planned("a/b", toolchain="tf2.11-onnx1.13", verdict="unresolvable"),
    )
    counts = evidence.totals(planned, {TOOLCHAIN: document()})
    assert counts == {
        "works": 1,
        "works-with-remedy": 1,
        "partial": 1,
        "broken": 2,
        "not-applicable": 1,
        "unresolvable": 1,
        "untested": 1,
        "stale": 0,
    }
    assert sum(counts.values()) == len(planned)


def test_a_cell_of_another_key_is_stale():
    keys = {(TOOLCHAIN, record.case, "onnx-tf"): "k1" for record in RECORDS}
    keys[TOOLCHAIN, "operators/gru", "onnx-tf"] = "k2"
    verdicts = evidence.verdicts(plan(), {TOOLCHAIN: document()}, keys)
    assert [case for (_, case, _), verdict in verdicts.items() if verdict == "stale"] == ["operators/gru"]
    assert evidence.totals(plan(), {TOOLCHAIN: document()}, keys)["stale"] == 1


def test_the_plan_overrules_the_evidence_and_cells_outside_the_plan_do_not_count():
    counts = evidence.totals([Planned("operators/gru", verdict="not-applicable")], {TOOLCHAIN: document()})
    assert sum(counts.values()) == counts["not-applicable"] == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from([None, "not-applicable", "unresolvable"]), max_size=12), st.integers(0, 12))
def test_totals_always_add_up(verdicts, done):
    planned = [Planned(f"a/c{i}", verdict=verdict) for i, verdict in enumerate(verdicts)]
    records = [Record(f"a/c{i}", random.Random(i).choice([[attempt()], [broken()]])) for i in range(done)]
    found = {TOOLCHAIN: document(*records)} if records else {}
    assert sum(evidence.totals(planned, found).values()) == len(planned)


def damaged(tmp_path, change):
    path = evidence.save(Project(tmp_path), evidence.explain(document(), RULES))
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema=2), "schema 2, this tfparity reads 1"),
        (lambda c: c.pop("schema"), "schema None"),
        (lambda c: c.update(toolchain="other"), "evidence of 'other'"),
        (lambda c: c.pop("routes"), "lacks routes"),
        (lambda c: c.update(more=1), "unknown key 'more'"),
        (lambda c: c.update(cells={}), "cells is not a list"),
        (lambda c: c.update(errors=[]), "errors is no object"),
        (lambda c: c["cells"].append(3), "no object with case and route"),
        (lambda c: c["cells"].append(c["cells"][0]), "stands twice"),
        (lambda c: c["cells"][0].pop("key"), "lacks key"),
        (lambda c: c["cells"][0].update(verdict="fine"), "verdict 'fine'"),
        (lambda c: c["cells"][0].update(grade="1e-4"), "grade '1e-4'"),
        (lambda c: c["cells"][0].update(attempts=[]), "no attempts"),
        (lambda c: c["cells"][0]["attempts"][0].pop("opset"), "lacks opset"),
        (lambda c: c["cells"][0].update(error="0123456789ab"), "which the file has not"),
        (lambda c: c["cells"][0].update(error=None), "is broken and has no error"),
        (lambda c: c["errors"].clear(), "which the file has not"),
        (lambda c: next(iter(c["errors"].values())).pop("limitation"), "lacks limitation"),
        (lambda c: c["environments"][TOOLCHAIN].pop("python"), "lacks python"),
        (lambda c: c["environments"].update({TOOLCHAIN: []}), "is no object"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, change, message):
    with pytest.raises(EvidenceError) as caught:
        evidence.load(damaged(tmp_path, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_cell_is_found_by_its_line(tmp_path):
    path = evidence.save(Project(tmp_path), document())
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if "operators/gru" in line)
    lines[number] = lines[number].replace('"verdict": "broken"', '"verdict": "fine"')
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        evidence.load(path)
    assert caught.value.line == number + 1


@pytest.mark.parametrize(
    "text", ["", "{", "<<<<<<< HEAD\n{}\n", "[]", "3", '{"schema": 1, "schema": 1}', '{"schema": 1}']
)
def test_a_file_that_is_no_evidence_is_refused(tmp_path, text):
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError):
        evidence.load(path)


def test_a_conflict_marker_is_found_by_its_line(tmp_path):
    path = evidence.save(Project(tmp_path), document())
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:4], "<<<<<<< HEAD\n", *lines[4:]]), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        evidence.load(path)
    assert caught.value.line == 5


def test_a_file_of_other_bytes_or_none_at_all_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="no such file"):
        evidence.load(tmp_path / "t.json")
    (tmp_path / "t.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(EvidenceError, match="cannot be read"):
        evidence.load(tmp_path / "t.json")


def test_runs_sum_seconds_and_keep_the_peak_per_stage(tmp_path):
    record = Record("a/b", [broken(), attempt(12), attempt(11)])
    content = evidence.runs(TOOLCHAIN, [record, Record("a/c", [])])
    (cell,) = content["cells"]
    assert cell["seconds"] == 3.14
    assert cell["stages"] == {
        "convert": {"seconds": 1.25, "peak_mib": 512},
        "signature": {"seconds": 2.5, "peak_mib": 512},
    }
    project = Project(tmp_path)
    evidence.save_runs(project, content)
    assert evidence.load_runs(project) == {TOOLCHAIN: content}
    assert evidence.load_all(project) == {}


def test_of_a_cell_that_ran_twice_the_later_run_is_kept_in_any_order():
    old = evidence.runs(TOOLCHAIN, [Record("a/b", [attempt()]), Record("a/c", [attempt()])])
    new = evidence.runs(TOOLCHAIN, [Record("a/b", [attempt()], seconds=9, ran_at="2026-11-23T10:00:00+00:00")])
    merged = evidence.merge_runs([new, old])
    assert evidence.encode_runs(merged) == evidence.encode_runs(evidence.merge_runs([old, new]))
    assert [cell["seconds"] for cell in merged["cells"]] == [9, 3.14]


def test_a_broken_file_of_runs_is_refused(tmp_path):
    project = Project(tmp_path)
    path = evidence.save_runs(project, evidence.runs(TOOLCHAIN, RECORDS))
    path.write_text(path.read_text(encoding="utf-8").replace('"host"', '"hast"', 1), encoding="utf-8")
    with pytest.raises(EvidenceError, match="lacks host"):
        evidence.load_runs(project)
