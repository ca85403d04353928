"""What is handed over with a converted model, and which way is taken first."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small_project
from builders import attempt, broken, document, lost_axis, record

from tfparity import cli, paths
from tfparity.engine.engine import Converted
from tfparity.engine.scores import Scores
from tfparity.engine.targets import Delivered
from tfparity.engine.worker_client import Made
from tfparity.errors import UsageError
from tfparity.features.convert import convert, folder, templates, ways
from tfparity.features.convert import script as conversion_script
from tfparity.features.session import Session
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.planning.options import Choice
from tfparity.planning.targets import declared
from tfparity.records.cells import Attempt, CellRecord, PlannedCell
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Grade, Target
from tfparity.worker import declare, plugins
from tfparity.worker.declare import Case

PROJECT = paths.project(Path(__file__).parents[2])
MATRIX = matrix.load(PROJECT.matrix)

MADE = """\
# Made by tfparity from what --cases names.
from tfparity import case, integers, normal

PLACE = '/somewhere'


@case(
    'yours/net',
    inputs=[integers('batch', 'sequence', high=50, name='ids'), normal('batch', 3, name='images')],
    outputs=['logits'],
    axes={'sequence': [9, 5, 12]},
    trained=True,
)
def model():
    "A net."
    import torch

    return torch.nn.Identity().eval()
"""


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(plugins, "_loaded", {})
    (tmp_path / "made.py").write_text(MADE)
    (found,) = cases.load([tmp_path / "made.py"]).values()
    return found


#: Every .tflite file, with TFLite's own operators.
ALL_FILES = dict.fromkeys(templates.TFLITE_FILES, False)


def written(folder: Path, case: Case, route: str, *ids: str, remedies: tuple[str, ...] = (), **others: object) -> str:
    folder.mkdir(exist_ok=True)
    environments = [MATRIX.environments[id] for id in ids]
    options: dict[str, Any] = {"tflite": ALL_FILES, "examples": 3, "output_axes": [{0: "batch"}], **others}
    assert conversion_script.unsaid(route, case) is None
    lines = conversion_script.write(folder, route, case, environments, 12, remedies, **options)
    for path in folder.rglob("*.py"):
        compile(path.read_text(), str(path), "exec")
        assert "\u00ab" not in path.read_text()
    return lines


@pytest.mark.parametrize("route", sorted(templates.ROUTES))
def test_every_script_is_python_with_nothing_left_to_fill_in(tmp_path: Path, case: Case, route: str) -> None:
    written(tmp_path / "out", case, route, "tf2.15-torch2.15")


def test_every_route_has_a_script_or_a_reason_why_not() -> None:
    known = {route for toolchain in MATRIX.toolchains.values() for route in toolchain.routes}
    assert known == {*templates.ROUTES, *templates.UNSAID}
    assert not templates.ROUTES.keys() & templates.UNSAID.keys()


def test_the_script_exports_what_was_checked(tmp_path: Path, case: Case) -> None:
    lines = written(tmp_path / "out", case, "onnx-tf", "source-torch2.15", "target-tf2.15")
    text = (tmp_path / "out" / "export.py").read_text()
    assert "opset_version=12" in text
    assert "torch.randint(0, 50, [2, 9])" in text
    assert "{'ids': {0: 'batch', 1: 'sequence'}, 'images': {0: 'batch'}, 'logits': {0: 'batch'}}" in text
    assert "def model():" in text
    assert lines.splitlines() == ["source-torch2.15/bin/python export.py", "target-tf2.15/bin/python convert.py"]


def test_the_script_of_a_model_that_it_cannot_build_says_with_which_sizes_it_was_checked(
    tmp_path: Path, case: Case
) -> None:
    (tmp_path / "zoo.py").write_text("# a case file that nobody made\n")
    lines = written(tmp_path / "out", case._replace(file=str(tmp_path / "zoo.py")), "onnx-tf", "tf2.15-torch2.15")
    text = (tmp_path / "out" / "export.py").read_text()
    told, ellipsis = text[: text.index("model = ...")].splitlines()[-1], "model = ...  # your model, in eval mode"
    assert told.startswith("# yours/net was checked, with ids of batch, sequence, images of batch, 3: other sizes")
    assert ellipsis in text
    assert lines.startswith("# first put your model into export.py")


def test_remedies_are_carried_and_need_nothing_of_ours(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "out", case, "onnx-tf", "tf2.15-torch2.15", remedies=("explicit-attention", "squeeze-handlers"))
    carried = tmp_path / "out" / "carried"
    assert {path.name for path in (carried / "remedies").iterdir()} >= {"explicit_attention.py", "squeeze_handlers.py"}
    assert not [path for path in carried.rglob("*.py") if "import tfparity" in path.read_text()]
    assert not [path for path in carried.rglob("*.py") if "from tfparity" in path.read_text()]
    assert "with explicit_attention.exporting():" in (tmp_path / "out" / "export.py").read_text()
    assert "with squeeze_handlers.converting():" in (tmp_path / "out" / "convert.py").read_text()


def test_every_remedy_and_shim_stands_alone_where_it_is_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {kind: list(paths.worker_modules(kind)) for kind in ("remedies", "shims")}
    names["remedies"].remove("fixed-axes")  # changes the case alone, which the script shows changed
    conversion_script._carry(tmp_path / "carried", names["remedies"], names["shims"])
    assert not [path for path in (tmp_path / "carried").rglob("*.py") if "tfparity.worker" in path.read_text()]
    monkeypatch.syspath_prepend(tmp_path)
    try:
        for kind, found in names.items():
            for name in found:
                importlib.import_module(f"carried.{kind}.{name.replace('-', '_')}")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "carried"]:
            del sys.modules[name]


def test_tensorflows_operators_are_asked_for_where_the_checked_file_needed_them(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "plain", case, "onnx-tf", "tf2.15-torch2.15")
    written(tmp_path / "flex", case, "onnx-tf", "tf2.15-torch2.15", tflite={Target.TFLITE_FLOAT32: True})
    assert "SELECT_TF_OPS" not in (tmp_path / "plain" / "convert.py").read_text()
    assert "SELECT_TF_OPS" in (tmp_path / "flex" / "convert.py").read_text()


def test_each_file_is_made_as_it_was_checked(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "out", case, "onnx-tf", "tf2.15-torch2.15")
    text = (tmp_path / "out" / "convert.py").read_text()
    parts = {part[part.index("made/model") :].split('"')[0]: part for part in text.split("converter = ")[1:]}
    by_tensorflow = [name for target, name in templates.TFLITE_FILES.items() if target not in templates.RECIPES]
    assert list(parts) == [f"made/{name}" for name in by_tensorflow]
    assert "optimizations" not in parts["made/model.tflite"]
    assert "tf.float16" in parts["made/model-float16.tflite"]
    assert "TFLITE_BUILTINS_INT8" in parts["made/model-int8-io.tflite"]
    calibrated = [place for place, part in parts.items() if "representative_dataset = examples" in part]
    assert calibrated == ["made/model-int8.tflite", "made/model-int8-io.tflite"]
    assert 'yield "serving_default", {name: ' in text


MAKER = MATRIX.makers["litert-quantizer0.11"]


def test_what_litert_quantizer_makes_has_a_script_and_an_environment_of_its_own(tmp_path: Path, case: Case) -> None:
    lines = written(tmp_path / "out", case, "onnx-tf", "tf2.15-torch2.15", maker=MAKER)
    assert lines.splitlines()[-2:] == [
        "tf2.15-torch2.15/bin/python convert.py",
        "litert-quantizer0.11/bin/python quantize.py",
    ]
    text = (tmp_path / "out" / "quantize.py").read_text()
    assert "tensorflow" not in text
    for target, (recipe, _) in templates.RECIPES.items():
        assert declared(target).maker
        assert f'Quantizer("made/model.tflite", recipe.{recipe}())' in text
        assert f'export_model("made/{templates.TFLITE_FILES[target]}")' in text
    assert text.count("quantizing.calibrate({signature: list(examples())})") == 1
    assert "for number in range(3):" in text


def test_a_script_makes_the_float32_file_that_others_are_made_of(tmp_path: Path, case: Case) -> None:
    options: dict[str, Any] = {"tflite": {Target.LITERT_DYNAMIC_INT8: True}, "maker": MAKER, "examples": 0}
    written(tmp_path / "tf", case, "onnx-tf", "tf2.15-torch2.15", **options)
    text = (tmp_path / "tf" / "convert.py").read_text()
    assert "SELECT_TF_OPS" in text
    assert 'open("made/model.tflite", "wb")' in text
    assert "examples" not in (tmp_path / "tf" / "quantize.py").read_text()
    written(tmp_path / "litert", case, "litert-torch", "litert-torch0.10", **options)
    assert "TFLiteConverter" not in (tmp_path / "litert" / "convert.py").read_text()
    assert (tmp_path / "litert" / "quantize.py").is_file()


def test_examples_are_given_as_the_older_tensorflow_takes_them(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "old", case, "onnx-tf", "tf2.6-torch1.9")
    written(tmp_path / "none", case, "onnx-tf", "tf2.6-torch1.9", tflite={Target.TFLITE_FLOAT32: False}, examples=0)
    assert "for name in ['ids', 'images']]" in (tmp_path / "old" / "convert.py").read_text()
    assert "examples" not in (tmp_path / "none" / "convert.py").read_text()


def test_an_option_that_the_older_onnx2tf_lacks_is_not_passed(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "old", case, "onnx2tf", "source-torch2.15", "target-onnx2tf1.29")
    written(tmp_path / "new", case, "onnx2tf", "source-torch2.15", "target-onnx2tf2.6")
    assert "flatbuffer_direct" not in (tmp_path / "old" / "convert.py").read_text()
    assert "flatbuffer_direct" in (tmp_path / "new" / "convert.py").read_text()


@pytest.mark.parametrize("route", sorted(templates.ROUTES))
def test_nothing_that_was_checked_is_written_over(tmp_path: Path, case: Case, route: str) -> None:
    written(tmp_path / "out", case, route, "source-torch2.15", "target-onnx2tf2.6")
    text = "".join(path.read_text() for path in (tmp_path / "out").glob("*.py"))
    places = re.findall(r"[\"']([^\"'\n]*(?:saved_model|model\.tflite|model\.onnx))[\"']", text)
    assert places
    assert all(place.startswith("made/") for place in places)


def test_one_process_does_what_has_one_environment(tmp_path: Path, case: Case) -> None:
    lines = written(tmp_path / "out", case, "nobuco", "nobuco0.17-tf2.15")
    assert lines == "nobuco0.17-tf2.15/bin/python convert.py"
    assert not (tmp_path / "out" / "export.py").exists()
    assert "zip(example, [(None, None), (None, 3)])" in (tmp_path / "out" / "convert.py").read_text()


def test_what_is_exported_at_one_size_has_no_open_axis(tmp_path: Path, case: Case) -> None:
    written(tmp_path / "out", case, "onnx-tf", "tf2.15-torch2.15", remedies=("fixed-axes",))
    assert "dynamic_axes={}" in (tmp_path / "out" / "export.py").read_text()
    assert not (tmp_path / "out" / "carried").exists()


def test_what_no_script_can_say_has_a_reason(case: Case) -> None:
    assert "by tfparity's own code" in str(conversion_script.unsaid("keras-rebuild", case))
    assert conversion_script.unsaid("mine.py", case) == "the route is none of tfparity's own"
    given = case._replace(inputs=(case.inputs[0]._replace(kind="given"),))
    assert conversion_script.unsaid("onnx-tf", given) == "a function of the case's file gives ids"


def test_the_code_that_a_reason_points_to_is_there() -> None:
    named = [place for reason in templates.UNSAID.values() for place in re.findall(r"(?:src|docs)/[\w/.]+", reason)]
    assert len(named) == len(templates.UNSAID)
    assert [place for place in named if not (PROJECT.root / place).exists()] == []


# Models like it


@pytest.mark.parametrize(("requires", "like"), [({}, {"a/relu"}), ({"transformers": ">=4"}, {"huggingface/bert"})])
def test_of_a_model_of_ones_own_the_core_of_the_zoo_is_like_it_by_kind(
    case: Case, monkeypatch: pytest.MonkeyPatch, requires: dict[str, str], like: set[str]
) -> None:
    zoo = {name: case._replace(id=name, tags=("core",), requires={}) for name in ("a/relu", "huggingface/bert")}
    zoo["a/rare"] = case._replace(id="a/rare", tags=(), requires={})
    monkeypatch.setattr(cases, "load", lambda _: zoo)
    works = {"a/relu": (attempt(),), "a/rare": (attempt(),), "huggingface/bert": (broken(), attempt(12))}
    records = [record(name, *attempts, route=name, toolchain="t") for name, attempts in works.items()]
    records += [record(next(iter(like)), made, route=f"{made.stage}-there", toolchain="t") for made in FAILED]
    asked: Any = SimpleNamespace(
        choice=SimpleNamespace(sources=("mine:net",)),
        selection=SimpleNamespace(cases={case.id: case._replace(requires=requires)}, project=PROJECT),
        query=SimpleNamespace(recorded={"t": document(*records, toolchain="t")}),
    )
    assert ways._like(asked, [PlannedCell("t", case.id, "r")]) == {("t", name): 1 for name in like}


FAILED = (broken(), lost_axis())


# Which way is taken


class Engine:
    """Gives artifacts as planned: by toolchain, what each comes to. Keeps what it was asked for."""

    def __init__(self, outcomes: dict[str, Converted]) -> None:
        self.outcomes = outcomes
        self.asked: list[tuple[str, str, list[Target]]] = []
        self.scored: list[list[Target]] = []

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None: ...

    def artifact(self, planned: PlannedCell, wanted: list[Target]) -> Converted:
        self.asked.append((planned.toolchain, planned.route, wanted))
        return self.outcomes[planned.toolchain]

    def scores(self, done: Converted) -> Scores | None:
        self.scored.append(list(done.targets))
        return None


class Came(Converted):
    """What came of zoo/gru, whose crossing nobody made."""

    def record(self, attempt: Attempt) -> CellRecord:
        return small_project.record("gru", attempt)


def came_to(made: Attempt, tflite: Attempt | None = None) -> Converted:
    """What an engine hands over of an attempt, and of the .tflite that was made of it."""
    folder = Path("there") if made.outcome.passed else None
    targets = (
        {Target.TFLITE_FLOAT32: Delivered(Target.TFLITE_FLOAT32, tflite, Made(megabytes=1.5), Path("there"))}
        if tflite
        else {}
    )
    nowhere: Any = None
    return Came(nowhere, made, folder, targets, None)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session on one model of the small project."""
    small_project.make(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    return Session(Choice(toolchains=("all",), tier="all", case_globs=("zoo/gru",)))


def converted(
    asked: Session, monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, Converted], *targets: Target
) -> tuple[Engine, Converted | None, list[str]]:
    """The engine, what was written of it, and what was told."""
    engine, told = Engine(outcomes), list[str]()
    monkeypatch.setattr(asked, "engine", lambda _: engine)
    monkeypatch.setattr(folder, "write", lambda *given, scores: told.append(f"written: {given[3:]}"))
    done = convert.convert(asked, Path("out"), targets or (Target.SAVED_MODEL,), Silent(), told.append)
    return engine, done.made if done else None, told


WORKS = came_to(attempt())


def test_the_way_that_is_recorded_to_work_is_tried_before_the_default(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.recorder.record(small_project.current(small_project.record("gru", toolchain="new")))
    engine, made, told = converted(asked, monkeypatch, {"new": WORKS})
    assert engine.asked == [("new", "onnx-tf", [])]
    assert made is WORKS
    assert told == ["zoo/gru by onnx-tf on new", "written: ({}, ())"]


def test_ways_are_tried_until_one_is_right_and_the_others_are_told_with_the_reason(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = {"old": came_to(broken()), "new": WORKS}
    engine, made, told = converted(asked, monkeypatch, outcomes)
    assert [toolchain for toolchain, *_ in engine.asked] == ["old", "new"]
    assert made is WORKS
    assert (
        told[1]
        == "  broken: The release lacks the handler. Remedy: Export at opset 12. (unsqueeze, https://example.org/issues/1)"
    )


def test_remedies_that_were_tried_and_did_not_help_are_named(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {"old": replace(came_to(broken()), tried=("gru-handler", "fixed-axes")), "new": WORKS}
    *_, told = converted(asked, monkeypatch, outcomes)
    assert told[1].endswith("issues/1); tried, and did not help: gru-handler, fixed-axes")


def test_what_no_rule_explains_is_told_with_its_error(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = {"old": came_to(broken("Odd things happen.")), "new": WORKS}
    *_, told = converted(asked, monkeypatch, outcomes)
    assert told[1] == "  broken: convert: RuntimeError: Odd things happen."


def test_a_way_that_does_not_take_the_model_is_no_try(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = attempt(0, "export", "not-applicable", "takes models of transformers alone", "NotApplicable")
    monkeypatch.setattr(convert, "MOST_WAYS", 1)
    engine, made, told = converted(asked, monkeypatch, {"old": came_to(refused), "new": WORKS})
    assert [toolchain for toolchain, *_ in engine.asked] == ["old", "new"]
    assert made is WORKS
    assert told[1] == "  not applicable: takes models of transformers alone"


def test_a_way_that_fails_is_a_try(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MOST_WAYS", 1)
    engine, made, _ = converted(asked, monkeypatch, {"old": came_to(broken()), "new": WORKS})
    assert ([toolchain for toolchain, *_ in engine.asked], made) == (["old"], None)


def test_a_model_that_converts_and_whose_target_is_wrong_is_not_right(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = attempt(13, "parity", "fail", "off by 3", "ConverterDiverged", grade=Grade.DIVERGED)
    outcomes = {"old": came_to(attempt(), wrong), "new": came_to(attempt(), attempt())}
    engine, made, told = converted(asked, monkeypatch, outcomes, Target.SAVED_MODEL, Target.TFLITE_FLOAT32)
    assert {tuple(wanted) for *_, wanted in engine.asked} == {(Target.TFLITE_FLOAT32,)}
    assert made is outcomes["new"]
    assert told[1] == (
        "  the SavedModel is right, tflite-float32 is not: "
        "target: ConverterDiverged: tflite-float32, parity: off by 3"
    )  # fmt: skip
    assert told[-1] == "written: ({}, ())"


@pytest.mark.parametrize("wanted", [(Target.SAVED_MODEL, Target.TFLITE_FLOAT32), (Target.TFLITE_FLOAT32,)])
def test_a_saved_model_that_is_right_is_delivered_without_the_target_that_is_not(
    asked: Session, monkeypatch: pytest.MonkeyPatch, wanted: tuple[Target, ...]
) -> None:
    wrong = attempt(13, "parity", "fail", "off by 3", "ConverterDiverged", grade=Grade.DIVERGED)
    outcomes = {"old": came_to(attempt(), wrong), "new": came_to(broken())}
    engine, made, told = converted(asked, monkeypatch, outcomes, *wanted)
    assert len(engine.asked) == 2  # another way might have given both
    assert made is not None
    assert (made.folder, dict(made.targets)) == (outcomes["old"].folder, {})
    (written,) = (line for line in told if line.startswith("written"))
    assert "'target: ConverterDiverged: tflite-float32, parity: off by 3'" in written
    assert engine.scored == [[Target.TFLITE_FLOAT32]]  # whether it is good enough is for the measure to say


@pytest.mark.parametrize(("snr", "told"), [(21.4, True), (35.0, False), (None, False)])
def test_how_far_a_target_is_off_by_noise_is_told(
    asked: Session, monkeypatch: pytest.MonkeyPatch, snr: float | None, told: bool
) -> None:
    wrong = attempt(13, "parity", "fail", "more noise than int8 allows", "Diverged", grade=Grade.DIVERGED)
    noisy = Delivered(Target.TFLITE_INT8, wrong, Made(1.5), Path("there"), allowed_db=28.2, snr_db=snr)
    nowhere: Any = None
    came = Came(nowhere, attempt(), Path("there"), {Target.TFLITE_INT8: noisy}, None)
    *_, lines = converted(asked, monkeypatch, dict.fromkeys(("old", "new"), came), Target.TFLITE_INT8)
    figure = "(signal to noise 21 dB, where 28 dB are asked for)"
    assert (figure in lines[1]) is told


def test_of_a_route_that_gives_a_tflite_file_further_ones_are_asked(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert.planned, "own", lambda _: Target.TFLITE_FLOAT32)
    outcomes = {"old": came_to(attempt()), "new": came_to(attempt())}
    engine, made, _ = converted(asked, monkeypatch, outcomes, Target.TFLITE_FLOAT32, Target.TFLITE_INT8)
    assert {tuple(wanted) for *_, wanted in engine.asked} == {(Target.TFLITE_INT8,)}
    assert made is outcomes["old"]


def test_of_a_target_that_nothing_here_makes_the_reason_is_told(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"gives litert-int8: no environment under makers: of matrix\.yaml makes it"):
        converted(asked, monkeypatch, {}, Target.LITERT_INT8)


def test_where_no_way_is_right_nothing_is_written(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, made, told = converted(asked, monkeypatch, dict.fromkeys(("old", "new"), came_to(lost_axis())))
    assert (made, len(engine.asked)) == (None, 2)
    assert [line.split(":")[0] for line in told if line.startswith("  ")] == ["  partial"] * 2
    assert told[-1] == "there is no other way"
    one = Session(Choice(toolchains=("old",), tier="all", case_globs=("zoo/gru",)))
    *_, told = converted(one, monkeypatch, {"old": came_to(lost_axis())})
    assert told[-1] == "without --toolchain or --route, others are tried"


def test_ways_that_were_not_tried_are_named_at_the_end(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MOST_WAYS", 1)
    *_, told = converted(asked, monkeypatch, {"old": came_to(broken())})
    assert told[-1] == "not tried, and can be named: --toolchain new --route onnx-tf"


def test_a_folder_that_is_there_and_several_models_are_refused(
    asked: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    several = Session(Choice(toolchains=("all",), tier="all", case_globs=("zoo/g*",)))
    with pytest.raises(UsageError, match="one model at a time, not zoo/gelu, zoo/gru"):
        converted(several, monkeypatch, {})
    never = Session(Choice(toolchains=("never",), case_globs=("zoo/gru",)))
    with pytest.raises(UsageError, match=r"no way across gives saved-model: no version of torch 2\.16"):
        converted(never, monkeypatch, {})
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="out: is there already"):
        converted(asked, monkeypatch, {})


@pytest.mark.parametrize("words", [["--input", "x=idz("], ["--output", "y"], ["--axis", "batch=1"]])
def test_what_has_no_effect_on_a_case_of_the_zoo_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # where no weights are that would take images of another size
    for model in ("operators/relu", "torchvision/resnet18"):
        assert cli.main(["convert", model, *words, "-o", str(tmp_path / "made")]) == UsageError.exit_code
        assert "--input, --output and --axis are for module:function" in capsys.readouterr().err
