"""Evidence is canonical: the same facts give the same bytes, broken files say where."""

import json
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
        "rms": 3.14159e-7,
        "cosine": 0.99987,
        "top_k": None,
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


def test_an_update_keeps_the_opsets_that_it_did_not_try_while_the_key_is_the_same():
    every = [broken(), attempt(12), attempt(11), broken("Squeeze is not there.", 10)]
    old = document(Record("a/b", every))
    updated = evidence.update(old, document(Record("a/b", every[:2])))
    assert updated == old
    other = evidence.update(old, document(Record("a/b", every[:2], key="k2")))
    assert [tried["opset"] for tried in other.cells[0]["attempts"]] == [13, 12]
    assert "Squeeze is not there." not in {error["message"] for error in other.errors.values()}


def test_a_record_leaves_nothing_of_an_earlier_one_that_it_contradicts():
    old = document(Record("a/b", [broken(), broken(opset=12)]))
    (cell,) = evidence.update(old, document(Record("a/b", [attempt(13)]))).cells
    assert [(tried["opset"], tried["outcome"]) for tried in cell["attempts"]] == [(13, "pass")]
    assert (cell["verdict"], cell["error"]) == ("works", None)


def test_opsets_that_a_record_did_not_try_stay_beside_what_came_out_again():
    old = document(Record("a/b", [attempt(13), broken(opset=12)]))
    (cell,) = evidence.update(old, document(Record("a/b", [attempt(13)]))).cells
    assert [(tried["opset"], tried["outcome"]) for tried in cell["attempts"]] == [(13, "pass"), (12, "fail")]


def test_an_update_drops_errors_that_no_cell_names_any_more():
    updated = evidence.update(document(), document(Record("operators/gru", [attempt()], key="k2")))
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


def test_explaining_changes_nothing_but_limitations():
    content = document()
    explained = evidence.explain(content, RULES)
    assert explained != content
    for error in explained.errors.values():
        error["limitation"] = None
    assert explained == content


def test_a_case_that_cannot_tell_right_from_wrong_stays_unexplained():
    content = document(
        Record("a/b", [attempt(13, "build", "fail", "moving a.bias by 1 % shows nowhere", "InsensitiveCase")])
    )
    loose = rule("loose", "moving a.bias by 1 %", stage="build")
    assert evidence.unexplained(evidence.explain(content, [loose])) == [(TOOLCHAIN, "a/b", "onnx-tf")]


def test_an_error_of_two_cells_needs_a_rule_that_holds_for_both():
    both = document(Record("a/one", [broken()]), Record("a/two", [broken()]))
    narrow, wide = rule("narrow", cases=["a/one"]), rule("wide")
    assert next(iter(evidence.explain(both, [narrow]).errors.values()))["limitation"] is None
    assert next(iter(evidence.explain(both, [narrow, wide]).errors.values()))["limitation"] == "wide"


def test_a_cell_is_explained_beside_those_recorded_that_fail_alike():
    recorded, now = document(Record("a/one", [broken()])), document(Record("a/two", [broken()]))

    def said(rules):
        (error,) = evidence.explain(now, rules, beside=recorded).errors.values()
        return error["limitation"]

    assert said([rule("narrow", cases=["a/two"])]) is None
    assert said([rule("wide")]) == "wide"
    replaced = document(Record("a/one", [broken()]), Record("a/two", [broken()]))
    assert evidence.explain(now, [rule("one", cases=["a/one"])], beside=replaced).errors == now.errors


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
        wrong = [rule("it", stage=stage, when={"onnx": f"!={version}"})]
        assert evidence.unexplained(evidence.explain(content, wrong)) == [("split", "a/b", "onnx-tf")]


def test_a_cause_that_nobody_knows_counts_as_not_understood():
    known = [*RULES[:1], RULES[1].model_copy(update={"cause": "unknown", "investigated": "x"}), *RULES[2:]]
    explained = evidence.explain(document(), known)
    assert evidence.not_understood([explained], known) == [(TOOLCHAIN, "operators/gru", "onnx-tf")]
    assert len(evidence.not_understood([document()], known)) == 3


def test_a_rule_that_explains_nothing_is_found():
    idle = rule("idle", "this text is in no error")
    explained = evidence.explain(document(), [*RULES, idle])
    assert evidence.unused([explained], [*RULES, idle]) == [idle]


def test_a_rule_for_attempts_of_a_working_cell_alone_is_of_use():
    content = document(Record("a/works", [broken(), attempt(12)]), Record("a/fails", [broken()]))
    fails, works = rule("fails", cases=["a/fails"]), rule("works", cases=["a/works"])
    later = rule("later", cases=["a/works"])
    explained = evidence.explain(content, [fails, works, later])
    assert evidence.unused([explained], [fails, works, later]) == [later]


def test_committed_evidence_may_not_leave_failures_or_rules_unexplained():
    failing = Record("operators/gelu", [broken()])
    silent = evidence.explain(document(failing), [])
    assert evidence.dishonest([silent], [])[0] == f"{TOOLCHAIN} operators/gelu onnx-tf: fails without a limitation"
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


@pytest.mark.parametrize("stored", [None, "gone", "gru"])
def test_a_stored_limitation_that_is_not_what_the_rules_say_is_told_and_not_trusted(stored):
    content = evidence.explain(document(Record("operators/gelu", [broken()])), [rule()])
    ((name, error),) = content.errors.items()
    error["limitation"] = stored
    (told,) = evidence.dishonest([content], [rule()])
    said = f"the error {name} has the limitation {stored or 'null'}, by limitations.yaml unsqueeze"
    assert told == f"{TOOLCHAIN}: {said}: run `nox -s table`"
    if stored:  # an id typed in explains nothing
        assert f"{TOOLCHAIN} operators/gelu onnx-tf: fails without a limitation" in evidence.dishonest([content], [])


def plan(*more):
    return [Planned(record.case) for record in RECORDS] + list(more)


def test_every_planned_cell_has_a_verdict():
    planned = plan(
        Planned("a/new"),
        Planned("a/old", verdict="not-applicable", reason="needs torch>=2.16"),
        Planned("a/b", toolchain="tf2.11-onnx1.13", verdict="unresolvable"),
    )
    found = evidence.verdicts(planned, {TOOLCHAIN: document()})
    assert list(found.values()) == [
        "works", "works-with-remedy", "broken", "partial", "broken", "untested", "not-applicable", "unresolvable",
    ]  # fmt: skip


def test_a_cell_of_another_key_is_stale():
    keys = {(TOOLCHAIN, record.case, "onnx-tf"): "k1" for record in RECORDS}
    keys[TOOLCHAIN, "operators/gru", "onnx-tf"] = "k2"
    verdicts = evidence.verdicts(plan(), {TOOLCHAIN: document()}, keys)
    assert [case for (_, case, _), verdict in verdicts.items() if verdict == "stale"] == ["operators/gru"]


def test_the_plan_overrules_the_evidence_and_cells_outside_the_plan_do_not_count():
    verdicts = evidence.verdicts([Planned("operators/gru", verdict="not-applicable")], {TOOLCHAIN: document()})
    assert verdicts == {(TOOLCHAIN, "operators/gru", "onnx-tf"): "not-applicable"}


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
        (lambda c: c["cells"][0].update(more=1), "unknown key 'more'"),
        (lambda c: c["cells"][0].update(verdict="fine"), "verdict: 'fine' is none of works, "),
        (lambda c: c["cells"][0].update(grade="1e-4"), "grade: '1e-4' is none of float32-noise, "),
        (lambda c: c["cells"][0].update(attempts=[]), "no attempt at opset 12 met its error"),
        (lambda c: c["cells"][0]["attempts"][0].pop("opset"), "lacks attempts.0.opset"),
        (lambda c: c["cells"][0].update(error="0123456789ab"), "no attempt at opset 12 met its error"),
        (lambda c: c["cells"][0].update(dynamic=None), "dynamic is no object"),
        (lambda c: c["cells"][0].update(error=None), "is broken and has no error"),
        (lambda c: c["cells"][0].update(error=["x"]), "error: Input should be a valid string"),
        (lambda c: c["cells"][0]["attempts"].append(3), "attempts.2 is no object"),
        (lambda c: c["cells"][0]["attempts"][0].update(error=None), "attempts.0: its outcome is fail, with no error"),
        (lambda c: c["cells"][0]["attempts"][0].update(outcome="pass"), "its outcome is pass, with an error"),
        (lambda c: c["errors"].clear(), "which the file has not"),
        (lambda c: next(iter(c["errors"].values())).pop("limitation"), "lacks limitation"),
        (lambda c: c["environments"][TOOLCHAIN].pop("python"), "lacks python"),
        (lambda c: c["environments"].update({TOOLCHAIN: []}), "is no object"),
        (lambda c: c["environments"][TOOLCHAIN].update(packages={"torch": 2}), "packages.torch: Input should be"),
        (lambda c: c.update(source=None), "source names no environment"),
        (lambda c: c["routes"].update(other=None), "the route 'other' names no environment"),
        (lambda c: c.update(schema=True), "schema True"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, change, message):
    with pytest.raises(EvidenceError) as caught:
        evidence.load(damaged(tmp_path, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [None, True, 0, -1.5, "", "x", [], ["x"], {}, {"x": None}, float("nan"), float("inf")]
)
def test_a_value_of_any_type_anywhere_is_read_or_refused_in_one_line(tmp_path, wrong):
    path = evidence.save(Project(tmp_path), evidence.explain(document(*RECORDS[1:3]), RULES))
    text = path.read_text(encoding="utf-8")

    def places(value, *way):
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            yield (*way, key)
            yield from places(value[key], *way, key)

    for *way, last in places(json.loads(text)):
        content = inside = json.loads(text)
        for key in way:
            inside = inside[key]
        inside[last] = wrong
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            evidence.encode(evidence.explain(evidence.load(path), RULES))
        except EvidenceError as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - most are refused, some may pass


GOOD = "operators/gelu"


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        # a verdict typed in over attempts that all failed
        ("operators/gru", {"verdict": "works", "error": None}, "is works, but no attempt at opset 12 passed"),
        (GOOD, {"opset": 13}, "is works-with-remedy, but no attempt at opset 13 passed"),
        (GOOD, {"opset": 11}, "no attempt at opset 11 passed"),
        (GOOD, {"grade": None}, "the grade null is not right"),
        (GOOD, {"grade": "1e-3"}, "the grade 1e-3 is not right"),
        (GOOD, {"dynamic": {"batch": True, "height": False}}, "the axis 'height' is lost"),
        (GOOD, {"signature": None}, "the signature is not kept"),
        (GOOD, {"remedies": []}, "is works-with-remedy, but the remedies are none"),
        (GOOD, {"verdict": "works"}, "is works, but the remedies are opset-12"),
        (
            GOOD,
            {"grade": "float32-noise", "max_abs": 123.0, "floor": 1e-6},
            "123.0 is no noise where the floor is 1e-06",
        ),
        (GOOD, {"remedies": ["shim:onnx-mapping"]}, "opset 12 is not the first that was tried"),
        (GOOD, {"max_abs": "small"}, "max_abs: Input should be a valid number"),
        ("operators/gru", {"verdict": "partial"}, "is partial, but the grade is null"),
        ("operators/gru", {"grade": "float32-noise"}, "is broken, but the grade is float32-noise"),
        ("operators/interpolate", {"verdict": "broken"}, "is broken, but the grade is float32-noise"),
        ("operators/interpolate", {"grade": "diverged"}, "is partial, but the grade is diverged"),
        ("operators/interpolate", {"opset": 12}, "no attempt at opset 12 met its error"),
    ],
)
def test_a_verdict_that_does_not_follow_from_the_rest_is_refused_by_its_line(tmp_path, case, change, message):
    content = document()
    content.cell(case, "onnx-tf").update(change)
    path = evidence.save(Project(tmp_path), content)
    with pytest.raises(EvidenceError) as caught:
        evidence.load(path)
    assert message in str(caught.value)
    assert f'"case": "{case}"' in path.read_text(encoding="utf-8").splitlines()[caught.value.line - 1]


def test_a_diverged_answer_is_broken_and_a_drifted_one_partial(tmp_path):
    wrong = {**attempt(13, "parity", "fail", "off", "ConverterDiverged"), "grade": "diverged"}
    drifted = {**attempt(13, "parity", "fail", "off", "ConverterDrifted"), "grade": "1e-3"}
    content = document(Record("a/b", [wrong]), Record("a/c", [drifted]))
    assert [cell["verdict"] for cell in content.cells] == ["broken", "partial"]
    assert evidence.load(evidence.save(Project(tmp_path), content)) == content


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
    "text",
    [
        *["", "{", "<<<<<<< HEAD\n{}\n", "[]", "3", '{"schema": 1, "schema": 1}', '{"schema": 1}'],
        *["[" * 100_000, "9" * 10_000],
    ],
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


def test_runs_keep_how_far_the_deciding_answer_agrees(tmp_path):
    wrong = {**attempt(13, "parity", "fail", "off", "Diverged"), "grade": "diverged", "rms": None, "top_k": 2 / 3}
    records = [Record("a/works", [broken(), attempt(12)]), Record("a/broken", [broken()]), Record("a/wrong", [wrong])]
    content = evidence.runs(TOOLCHAIN, records)
    assert {cell["case"]: cell["agreement"] for cell in content["cells"]} == {
        "a/works": {"rms": 3.14e-7, "cosine": 1.0, "top_k": None},
        "a/broken": None,
        "a/wrong": {"rms": None, "cosine": 1.0, "top_k": 0.667},
    }
    evidence.save_runs(Project(tmp_path), content)
    assert evidence.load_runs_of(Project(tmp_path), TOOLCHAIN) == content
    assert evidence.load_runs_of(Project(tmp_path), "other") is None


def test_runs_of_before_models_and_agreement_were_kept_are_read(tmp_path):
    project = Project(tmp_path)
    content = evidence.runs(TOOLCHAIN, RECORDS[:1])
    old = {
        **content,
        "cells": [{name: v for name, v in content["cells"][0].items() if name not in ("model", "agreement")}],
    }
    evidence.save_runs(project, old)
    (cell,) = evidence.load_runs(project)[TOOLCHAIN]["cells"]
    assert (cell["model"], cell["agreement"]) == (None, None)


def test_runs_recorded_again_take_the_place_of_the_earlier_and_those_without_a_cell_go():
    old = evidence.runs(TOOLCHAIN, [Record(name, [attempt()]) for name in ("a/b", "a/c", "a/gone")])
    new = evidence.runs(TOOLCHAIN, [Record("a/b", [attempt()], seconds=9, ran_at="2025-01-01T10:00:00+00:00")])
    cells = document(Record("a/b", [attempt()]), Record("a/c", [attempt()]))
    merged = evidence.update_runs(old, new, cells)
    assert [(cell["case"], cell["seconds"]) for cell in merged["cells"]] == [("a/b", 9), ("a/c", 3.14)]
    assert evidence.update_runs(None, old, cells)["cells"] == old["cells"][:2]


def test_a_broken_file_of_runs_is_refused(tmp_path):
    project = Project(tmp_path)
    path = evidence.save_runs(project, evidence.runs(TOOLCHAIN, RECORDS))
    good = path.read_text(encoding="utf-8")
    for old, new, message in (
        ('"host"', '"hast"', "lacks host"),
        ('"seconds": 3.14', '"seconds": null', "seconds: Input should be"),
        ('"peak_mib": 512', '"peak_mib": "much"', "peak_mib: Input should be"),
        ('"model": null', '"model": []', "model is no object"),
    ):
        assert old in good
        path.write_text(good.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(EvidenceError, match=message):
            evidence.load_runs(project)
