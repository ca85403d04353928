"""Which toolchain for a set of models: by hand-made cells, and asked of the committed evidence."""

import datetime
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import onnx
import pytest
from builders import attempt, broken, entry, lost_axis, planned, record
from onnx import TensorProto, helper
from rich.console import Console

from tfparity import cli, paths
from tfparity.errors import UsageError
from tfparity.evidence import advice as advising
from tfparity.evidence import operators
from tfparity.evidence.advice import Advice, Fit, Known, Own, Wishes, advise, plan_of
from tfparity.evidence.query import Standing
from tfparity.features.recommend import Asked, Recommending, specifier
from tfparity.inputs.matrix import Environment, Limits, Matrix, Toolchain
from tfparity.records.cells import Compiled, Deployed, Failure
from tfparity.records.vocabulary import Grade, Outcome, Precision, Stage, Verdict
from tfparity.report import advice as said

#: id → Python, torch, TensorFlow, day, routes.
ROWS = {
    "old": ("3.9", "1.11.0", "2.8.0", "2022-05-10", ("onnx-tf", "hf-from-pt")),
    "base": ("3.11", "2.2.2", "2.15.1", "2024-05-20", ("onnx-tf", "hf-from-pt", "keras-rebuild")),
    "new": ("3.12", "2.15.0", "2.21.0", "2026-11-20", ("onnx-tf", "torchax")),
}
MATRIX = Matrix(
    schema_version=1,
    default="base",
    environments={
        id: Environment(
            id=id,
            python=python,
            as_of=datetime.date.fromisoformat(day),
            pins={"torch": torch, "tensorflow": tensorflow},
            shims=("legacy-keras",) if id == "new" else (),
        )
        for id, (python, torch, tensorflow, day, _) in ROWS.items()
    },
    toolchains={id: Toolchain(id=id, source=id, routes=dict.fromkeys(row[4], id)) for id, row in ROWS.items()},
    limits=Limits(seconds=1, memory_gib=1),
)

ATTEMPTS = {"w": (attempt(),), "g": (attempt(grade=Grade.WITHIN_1E5),), "r": (broken(), attempt(12)), "b": (broken(),)}
ATTEMPTS["p"] = (lost_axis("batch"),)


def stands(case: str, toolchain: str, route: str, how: str) -> Standing:
    """W works, g works with a worse grade, r by a lower opset, p partly, b broken, ? untested, - not applicable."""
    place = planned(case, route=route, toolchain=toolchain)
    if how == "-":
        reason = "needs torch >=2.0"
        return Standing(
            planned(case, "not-applicable", reason, route=route, toolchain=toolchain), Verdict.NOT_APPLICABLE
        )
    if how == "?":
        return Standing(place, Verdict.UNTESTED)
    made = record(case, *ATTEMPTS[how], route=route, toolchain=toolchain)
    assert made.cell is not None
    return Standing(place, made.verdict, made.cell, made.deciding.error if made.deciding else None)


def known(**cells: Mapping[str, str]) -> Known:
    """Case → "toolchain/route" → how; what is not named is untested."""
    every = [(id, route) for id, toolchain in MATRIX.toolchains.items() for route in toolchain.routes]
    found = {
        case: [stands(case, id, route, how.get(f"{id}/{route}", "?")) for id, route in every]
        for case, how in cells.items()
    }
    return Known(MATRIX, found, {"onnx-tf": ("saved-model", "tflite-float32")}, {}, ("keras-rebuild",))


def asked(known: Known, **wished: object) -> Advice:
    return advise(known, replace(Wishes(cases=tuple(known.cells)), **wished))  # type: ignore[arg-type]


def shown(found: Advice, of: Known) -> str:
    stream = io.StringIO()
    said.show(Console(file=stream, width=1000, highlight=False), found, of, ())
    return stream.getvalue()


WORKS = {"old/onnx-tf": "w", "base/onnx-tf": "w", "new/onnx-tf": "w"}


def test_of_equals_the_default_and_then_the_newest() -> None:
    one = known(a=WORKS)
    found = asked(one)
    assert found.best and found.second
    assert (found.best.toolchain, found.second.toolchain) == ("base", "new")


def test_of_equals_one_on_which_nothing_works_comes_last() -> None:
    one = known(a={})
    nearest = [asked(replace(one, barren=barren)).nearest for barren in ((), ("base",), ("base", "new"))]
    assert [plan.toolchain for plan in nearest if plan] == ["base", "new", "old"]


def test_a_toolchain_fits_only_where_every_model_works() -> None:
    elsewhere = {"base/onnx-tf": "b", "base/hf-from-pt": "-", "base/keras-rebuild": "-", "new/onnx-tf": "?"}
    one = known(a=WORKS, b={"old/hf-from-pt": "w", **elsewhere})
    found = asked(one)
    assert found.best
    assert found.best.toolchain == "old"
    assert [(pick.model, pick.route) for pick in found.best.picks] == [("a", "onnx-tf"), ("b", "hf-from-pt")]
    text = shown(found, one)
    assert "TensorFlow 2.15: base (torch 2.2.2, TensorFlow 2.15.1): a works by onnx-tf; b broken by onnx-tf: c" in text
    assert "TensorFlow 2.21: nothing but that it was not run: new (torch 2.15.0, TensorFlow 2.21.0): a works by" in text


def test_of_a_newer_release_one_that_fails_says_more_than_one_on_which_nothing_ever_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = advising.Plan.release
    monkeypatch.setattr(  # base's TensorFlow is then as new as new's
        advising.Plan,
        "release",
        lambda self, matrix: release(replace(self, toolchain="new") if self.toolchain == "base" else self, matrix),
    )
    one = known(a={"old/onnx-tf": "w", "base/onnx-tf": "b", "base/hf-from-pt": "-", "new/onnx-tf": "?"})
    assert [plan.toolchain for plan in asked(one).newer] == ["new"]
    assert [plan.toolchain for plan in asked(replace(one, barren=("new",))).newer] == ["base"]


def test_without_a_remedy_goes_before_with_one_and_the_better_grade_before_the_default() -> None:
    assert asked(known(a={"base/onnx-tf": "r", "old/onnx-tf": "w"})).best.toolchain == "old"  # type: ignore[union-attr]
    assert asked(known(a={"base/onnx-tf": "g", "old/onnx-tf": "w"})).best.toolchain == "old"  # type: ignore[union-attr]
    best = asked(known(a={"base/onnx-tf": "r", "base/hf-from-pt": "w"})).best
    assert best
    assert best.picks[0].route == "hf-from-pt"


def test_what_a_person_writes_anew_is_the_last_resort() -> None:
    best = asked(known(a={"base/keras-rebuild": "w", "old/onnx-tf": "r"})).best
    assert best
    assert best.toolchain == "old"


@pytest.mark.parametrize("how", ["?", "-", "b", "p"])
def test_what_is_untested_partial_or_broken_is_never_recommended(how: str) -> None:
    one = known(a=dict.fromkeys(WORKS, how))
    found = asked(one)
    assert found.best is None
    assert "No toolchain is recorded to fit" in shown(found, one)


def test_an_untested_cell_is_said_with_the_line_that_runs_it() -> None:
    one = known(a={"base/onnx-tf": "?"})
    text = shown(asked(one, routes=("onnx-tf",), versions={"tensorflow": "==2.15.*"}), one)
    assert "Nearest: base (torch 2.2.2, TensorFlow 2.15.1): a untested by onnx-tf" in text
    assert 'to know: python -m nox -s "compat(base)" -- --case a --route onnx-tf' in text


@pytest.mark.parametrize(
    ("versions", "toolchain"),
    [
        ({"tensorflow": "==2.8.*"}, "old"),
        ({"torch": ">=2.3"}, "new"),
        ({"python": "==3.9.*"}, "old"),
        ({"tensorflow": ">=2.9,<2.20"}, "base"),
    ],
)
def test_versions_are_held_to(versions: dict[str, str], toolchain: str) -> None:
    best = asked(known(a=WORKS), versions=versions).best
    assert best
    assert best.toolchain == toolchain


def test_the_one_wish_that_stands_in_the_way_is_named_with_what_dropping_it_gives() -> None:
    one = known(a=WORKS, b={"old/onnx-tf": "w", "base/onnx-tf": "b", "new/onnx-tf": "b"})
    found = asked(one, versions={"tensorflow": "==2.15.*", "python": "==3.11.*"})
    assert found.best is None
    # Python 3.11 alone still has the same toolchain; without TensorFlow 2.15, Python 3.11 is in the way.
    assert [(drop.wish, drop.gives.toolchain) for drop in found.drops] == [("--case b", "base")]
    found = asked(one, versions={"tensorflow": "==2.15.*"})
    assert [(drop.wish, drop.gives.toolchain) for drop in found.drops] == [
        ("--tensorflow 2.15", "old"),
        ("--case b", "base"),
    ]
    assert "without --tensorflow 2.15: old (torch 1.11.0, TensorFlow 2.8.0)" in shown(found, one)


def test_versions_that_no_toolchain_has_together_are_told() -> None:
    one = known(a=WORKS)
    found = asked(one, versions={"tensorflow": "==2.15.*", "python": "==3.12.*"})
    assert found.nearest is None
    assert {drop.wish for drop in found.drops} == {"--tensorflow 2.15", "--python 3.12"}
    assert "No toolchain of the matrix has these versions and routes together." in shown(found, one)


def test_a_route_that_is_wished_for_is_the_only_one() -> None:
    one = known(a={**WORKS, "base/onnx-tf": "b", "base/hf-from-pt": "w"})
    best = asked(one, routes=("onnx-tf",)).best
    assert best
    assert (best.toolchain, best.picks[0].route) == ("new", "onnx-tf")


def test_why_a_model_cannot_be_there_is_the_plans_reason() -> None:
    one = known(
        a={"base/onnx-tf": "w"}, b=dict.fromkeys(["base/onnx-tf", "base/hf-from-pt", "base/keras-rebuild"], "-")
    )
    found = asked(one, versions={"tensorflow": "==2.15.*"})
    assert found.nearest
    assert found.nearest.missing == {"b": "needs torch >=2.0"}


def with_target(**entries: object) -> Known:
    one = known(a={"base/onnx-tf": "w", "old/onnx-tf": "w"})
    one = replace(one, gives={"onnx-tf": ("saved-model", "tflite-int8")})
    cells = [
        replace(cell, cell=replace(cell.cell, **entries)) if cell.cell and cell.planned.toolchain == "old" else cell
        for cell in one.cells["a"]
    ]
    return replace(one, cells={"a": cells})


@pytest.mark.parametrize("kind", ["targets", "runtimes"])
def test_what_is_recorded_beside_a_verdict_counts(kind: str) -> None:
    passed = with_target(**{kind: {"tflite-int8": entry()}})
    best = asked(passed, **{kind: ("tflite-int8",)}).best
    assert best
    assert best.toolchain == "old"
    assert "a: tflite-int8: pass, max error 1.0e-05, 1.5 MB" in shown(asked(passed, **{kind: ("tflite-int8",)}), passed)
    failed = with_target(**{kind: {"tflite-int8": entry(outcome=Outcome.FAIL)}})
    found = asked(failed, **{kind: ("tflite-int8",)})
    assert found.best is None
    assert found.nearest
    assert found.nearest.toolchain == "base"  # untested, which is better than failing
    assert found.nearest.picks[0].lacking == ((f"{kind.removesuffix('s')} tflite-int8: untested", Fit.UNTESTED),)


def test_of_a_compiler_what_it_leaves_is_told() -> None:
    taken = with_target(runtimes={"compiles": entry(compiled=Compiled("npu-1", 9, 2, {"SOFTMAX": 1}))})
    told = shown(asked(taken, runtimes=("compiles",)), taken)
    assert "a: compiles: pass, 1 of 9 operators left on the CPU: SOFTMAX 1" in told


def test_of_entries_on_several_artifacts_the_worst_counts() -> None:
    entries = {"saved-model@run-tf2.15": entry(), "tflite-int8@run-tf2.15": entry(outcome=Outcome.FAIL)}
    found = asked(with_target(runtimes=entries), runtimes=("run-tf2.15",), routes=("onnx-tf",))
    assert found.best is None
    old = plan_of(with_target(runtimes=entries), found.wishes, "old")
    assert old.picks[0].lacking == (("runtime run-tf2.15: fail", Fit.FAILS),)


def test_what_is_wrong_at_level_2_comes_after_what_is_not() -> None:
    one = known(a={"base/onnx-tf": "w", "old/onnx-tf": "r"})
    fallen = Failure(Stage.PROBE, "ProbeFailed", "at batch=6")
    cells = [
        replace(cell, cell=replace(cell.cell, level=2, probes={"sizes": entry(error=fallen)}))
        if cell.cell and cell.planned.toolchain == "base"
        else cell
        for cell in one.cells["a"]
    ]
    best = asked(replace(one, cells={"a": cells})).best
    assert best
    assert best.toolchain == "old"


def test_the_target_that_a_verdict_is_about_needs_no_entry() -> None:
    one = known(a=WORKS)
    assert asked(one, targets=("saved-model",)).best
    assert asked(one, targets=("tflite-float32",)).best is None
    alone = replace(one, gives={"onnx-tf": ("tflite-float32",)})
    assert asked(alone, targets=("tflite-float32",)).best


def test_the_lines_to_type_are_those_of_the_plan() -> None:
    one = known(a=WORKS)
    text = shown(asked(one), one)
    assert "uv venv --python 3.11 .venv" in text
    assert "uv pip install --python .venv/bin/python --require-hashes -r lockfiles/base.txt" in text
    assert "python -m nox -s tfparity -- install base" in text
    assert "python -m nox -s convert -- a --toolchain base --route onnx-tf -o a" in text


def test_two_environments_are_installed_side_by_side() -> None:
    split = MATRIX.toolchains["base"].model_copy(update={"routes": {"onnx-tf": "old"}})
    matrix = MATRIX.model_copy(update={"toolchains": {**MATRIX.toolchains, "base": split}})
    one = replace(known(a={"base/onnx-tf": "w"}), matrix=matrix)
    best = asked(one, versions={"torch": "==2.2.*"}).best
    assert best
    assert [line.split()[-1] for line in said.install(best, one)] == [
        ".venv-base", "lockfiles/base.txt", ".venv-old", "lockfiles/old.txt",
    ]  # fmt: skip


def test_json_is_json_and_says_the_same() -> None:
    one = known(a=WORKS, b={"base/onnx-tf": "r", "old/onnx-tf": "b"})
    document = json.loads(json.dumps(said.document(asked(one), one, ("a: x",)), allow_nan=False))
    assert document["schema"] == 1
    assert document["best"]["toolchain"] == "base"
    assert [(m["model"], m["verdict"], m["opset"], m["remedies"]) for m in document["best"]["models"]] == [
        ("a", "works", 13, []),
        ("b", "works-with-remedy", 12, ["opset-12"]),
    ]
    assert document["nearest"] is None
    nothing = known(a={"base/onnx-tf": "b"})
    document = json.loads(json.dumps(said.document(asked(nothing), nothing, ())))
    assert (document["best"], document["nearest"]["fits"]) == (None, "untested")


# Operators


def outlook(**how: str) -> operators.Outlook:
    """Of Relu, GRU and Einsum, by one way: case → how."""
    cases = operators.cases_of(
        {"operators/gru": ["GRU"], "operators/gru-other": ["GRU"], "blocks/einsum": ["Einsum"]},
        {"operators/gru": ["GRU", "Relu"], "operators/relu": ["Relu"]},
    )
    cells = [stands(f"operators/{case.replace('_', '-')}", "base", "onnx-tf", one) for case, one in how.items()]
    way = ("base", "onnx-tf")
    return operators.outlooks(("Einsum", "GRU", "Relu"), cases, cells, [way])[way]


def test_an_operator_fails_where_every_case_on_it_that_ran_is_broken() -> None:
    found = outlook(gru="b", gru_other="?", relu="w")
    assert (list(found.failing), found.working, found.untested) == (["GRU"], ("Relu",), ("Einsum",))
    assert outlook(gru="b", gru_other="w", relu="w").working == ("GRU", "Relu")
    assert list(outlook(gru="b", gru_other="p", relu="w").partly) == ["GRU"]
    assert "GRU" in outlook(gru="?", gru_other="-", relu="w").untested


def test_a_file_fits_only_where_each_operator_is_known_to_work() -> None:
    ways = {("base", "onnx-tf"): outlook(gru="b", relu="w"), ("new", "onnx-tf"): outlook(gru="w", relu="w")}
    one = replace(known(), outlooks={"m.onnx": ways})
    found = advise(one, Wishes(models=("m.onnx",)))
    assert found.best is None
    assert found.nearest
    assert found.nearest.toolchain == "new"
    assert "m.onnx by onnx-tf: operators untested: Einsum" in shown(found, one)
    text = shown(advise(one, Wishes(models=("m.onnx",), versions={"tensorflow": "==2.15.*"})), one)
    assert "operators broken: GRU (operators/gru); untested: Einsum" in text
    working = replace(known(), outlooks={"m.onnx": {("old", "onnx-tf"): operators.Outlook(("Relu",), {}, {}, ())}})
    best = advise(working, Wishes(models=("m.onnx",))).best
    assert best
    assert (best.toolchain, best.picks[0].standing) == ("old", None)
    assert "only a run tells" in shown(advise(working, Wishes(models=("m.onnx",))), working)


# The command, on the committed evidence


def saved(path: Path, *nodes: onnx.NodeProto) -> str:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in "xy")
    graph = helper.make_graph(list(nodes), "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), str(path))
    return str(path)


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object], str]:
    code = cli.main(["recommend", *words, "--json"])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if printed.out else {}, printed.err


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFPARITY_PROJECT", str(Path(__file__).parents[2]))


def test_what_is_recommended_is_recorded_to_work(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--tensorflow", "2.15", "--python", "3.11", "--case", "torchvision/resnet50", "--case", "huggingface/bert"]
    code, found, _ = answered(capsys, *words)
    assert code == 0
    best = found["best"]
    assert isinstance(best, dict)
    recorded = json.loads((paths.project().results / f"{best['toolchain']}.json").read_text())
    cells = {(cell["case"], cell["route"]): cell for cell in recorded["cells"]}
    for model in best["models"]:
        cell = cells[model["model"], model["route"]]
        assert cell["verdict"] == model["verdict"] in ("works", "works-with-remedy")
        assert (cell["grade"], cell["remedies"]) == (model["grade"], model["remedies"])
    for environment in best["environments"]:
        assert environment["python"] == "3.11"
        assert environment["pins"]["tensorflow"].startswith("2.15")
        assert (paths.project().root / environment["lockfile"]).is_file()


def test_a_name_alone_means_the_only_case_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = answered(capsys, "--case", "resnet50")
    assert (code, found["said"]) == (0, ["resnet50: torchvision/resnet50"])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--case", "torchvision/resnet51"], "did you mean torchvision/resnet50?"),
        (["--case", "nothing-like-it-at-all"], "no case matches 'nothing-like-it-at-all'"),
        ([], "name a model"),
        (["--case", "resnet50", "--tensorflow", "two"], "--tensorflow 'two' is no version"),
        (["--case", "resnet50", "--torch", ""], "--torch '' is no version"),
        (["--case", "resnet50", "--route", "onnx-tensorflow"], "no route 'onnx-tensorflow'"),
        (["--onnx", "not-there.onnx"], "not-there.onnx: cannot be read as ONNX"),
    ],
)
def test_what_is_not_there_is_a_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    code, found, err = answered(capsys, *words)
    assert (code, found) == (UsageError.exit_code, {})
    assert error in err
    assert len(err.splitlines()) == 1


def test_operators_of_branches_and_of_other_domains_are_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    branch = helper.make_graph([helper.make_node("Einsum", ["x"], ["b"], equation="ij->ij")], "b", [], [])
    nodes = [
        helper.make_node("Identity", ["x"], ["t"]),
        helper.make_node("If", ["t"], ["c"], then_branch=branch, else_branch=branch),
        helper.make_node("Mine", ["c"], ["y"], domain="org.mine"),
    ]
    code, found, _ = answered(capsys, "--onnx", saved(tmp_path / "m.onnx", *nodes))
    assert code == 1
    nearest = found["nearest"]
    assert isinstance(nearest, dict)
    used = [name for names in nearest["models"][0]["operators"].values() for name in names]
    assert sorted(used) == ["Einsum", "Identity", "If", "org.mine.Mine"]
    assert "operator org.mine.Mine: untested" in nearest["models"][0]["lacking"]


def test_a_file_of_operators_that_work_is_converted_by_the_line_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved(tmp_path / "m.onnx", helper.make_node("Relu", ["x"], ["y"]))
    code, found, _ = answered(capsys, "--onnx", file)
    best = found["best"]
    assert isinstance(best, dict)
    assert code == 0
    assert best["convert"] == [
        f"python -m nox -s convert -- {file} --toolchain {best['toolchain']} --route {best['models'][0]['route']} -o m"
    ]
    again = answered(capsys, "--cases", file)[1]["best"]
    assert isinstance(again, dict)
    assert again["toolchain"] == best["toolchain"]


def test_a_target_of_which_nothing_is_recorded_is_untested_and_can_be_dropped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked_for = ("--case", "operators/relu", "--target", "tflite-int8-io")
    code, found, _ = answered(capsys, *asked_for)
    assert code == 1
    assert any("tflite-int8-io: untested" in str(line) for line in (found["said"], found["nearest"]))
    assert [drop["wish"] for drop in found["drop"]] == ["--target tflite-int8-io"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("option", "name", "meant"), [("target", "tflite-int", "tflite-int8"), ("runtime", "run-tf2.1", "run-tf2.")]
)
def test_a_target_or_runtime_that_is_none_is_refused_with_a_guess(
    capsys: pytest.CaptureFixture[str], option: str, name: str, meant: str
) -> None:
    assert cli.main(["recommend", "--case", "resnet18", f"--{option}", name]) == UsageError.exit_code
    assert f"no {option} '{name}', did you mean '{meant}" in capsys.readouterr().err


def test_what_was_made_without_a_judgement_of_its_numbers_fits_no_wish() -> None:
    deployed = Deployed(Verdict.WORKS, Precision.INT8, Grade.FORM, -7.0)
    made = with_target(targets={"tflite-int8": replace(entry(), deployed=deployed)})
    found = asked(made, targets=("tflite-int8",))
    assert found.best is None
    old = plan_of(made, found.wishes, "old")
    assert old.picks[0].lacking == (("target tflite-int8: made, its numbers are not judged", Fit.UNTESTED),)
    (line,) = said.measured(old, made, ["tflite-int8"])
    assert "are random" in line
    assert "--target tflite-int8 --calibration FILE.npz --evaluate FILE.py:FUNCTION" in line
    own = replace(made, own={old.picks[0].model: [Own("mine.py")]})
    trained, *_ = said.measured(old, own, ["tflite-int8"])
    assert "trained=True" in trained


def test_a_target_that_a_route_cannot_give_fails() -> None:
    found = asked(with_target(), targets=("tflite-float16",))
    assert found.best is None
    assert plan_of(with_target(), found.wishes, "old").picks[0].lacking == (
        ("target tflite-float16: not made by this route", Fit.FAILS),
    )


def test_models_of_ones_own_without_evidence_are_untested_with_what_to_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(
        "from tfparity import case, normal\n\n\n"
        '@case("mine/net", inputs=[normal("batch", 3)])\n'
        'def net():\n    """Mine."""\n'
    )
    code, found, _ = answered(capsys, "--cases", str(tmp_path / "mine.py"))
    assert code == 1
    assert "nothing is recorded of it" in str(found["said"])
    nearest = found["nearest"]
    assert isinstance(nearest, dict)
    assert nearest["fits"] == "untested"


@pytest.mark.parametrize(
    ("name", "text", "means"),
    [
        ("tensorflow", "2.15", "==2.15.*"),
        ("tensorflow", "2.15.1", "==2.15.1.*"),
        ("python", "3.11.4", "==3.11.*"),
        ("torch", " >=2.1, <2.6", "<2.6,>=2.1"),
    ],
)
def test_a_version_as_typed(name: str, text: str, means: str) -> None:
    assert specifier(name, text) == means


def test_reading_of_the_committed_evidence_is_pure(tmp_path: Path) -> None:
    first, second = (Recommending(Asked(cases=("torchvision/resnet18",))).answer() for _ in range(2))
    assert said.document(first.advice, first.known, ()) == said.document(second.advice, second.known, ())


def test_a_model_more_is_a_model_more_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropping each model in turn, to see what fits then, once made it quadratic."""
    looked_at = 0
    pick = advising._pick

    def counted(*given: Any) -> advising.Pick:
        nonlocal looked_at
        looked_at += 1
        return pick(*given)

    monkeypatch.setattr(advising, "_pick", counted)
    counts = []
    for number in (20, 40):
        looked_at = 0
        one = known(**{f"m{place}": dict.fromkeys(WORKS, "b") for place in range(number)})
        assert asked(one).drops == ()
        counts.append(looked_at)
    assert counts[1] == 2 * counts[0]


@pytest.mark.parametrize("how", [*product("wb?", repeat=3)])
def test_every_model_that_stands_alone_in_the_way_is_found(how: tuple[str, ...]) -> None:
    """Held against dropping each in turn."""
    one = known(**{name: {"old/onnx-tf": way, "base/onnx-tf": other, "base/hf-from-pt": "b", "base/keras-rebuild": "b"}
                   for name, way, other in zip("abc", how, reversed(how), strict=True)})  # fmt: skip
    found = asked(one)
    if found.best is None:
        nearest = found.nearest.fit if found.nearest else Fit.FAILS
        useful = {}
        for name in "abc":
            left = tuple(other for other in "abc" if other != name)
            plans = [plan_of(one, replace(found.wishes, cases=left), id) for id in MATRIX.toolchains]
            if (fit := min(plan.fit for plan in plans)) < nearest:
                useful[f"--case {name}"] = fit
        assert {drop.wish: drop.gives.fit for drop in found.drops} == useful
