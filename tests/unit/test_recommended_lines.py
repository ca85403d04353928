"""Every line that `recommend` prints works as typed: it is parsed as the command line does, and planned."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import builders
import onnx
import pytest
import small_project
from onnx import TensorProto, helper

from tfparity import cli
from tfparity.cli import commands
from tfparity.features.convert import named
from tfparity.features.convert.ways import ways
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.vocabulary import Target
from tfparity.worker import declare, plugins

WORKS = builders.attempt(dynamic={"batch": True})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small project, of which zoo/add is recorded to work and zoo/gru to fail; the current folder is another."""
    made = small_project.make(tmp_path, monkeypatch)
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(builders, "PACKAGES", {**builders.PACKAGES, "transformers": "4.40.0"})
    bert = small_project.ONE.format(name="bert", requires={}).replace("zoo/bert", "huggingface/bert")
    (made.cases / "huggingface.py").write_text(small_project.CASES.format(cases=bert))
    monkeypatch.setenv("COLUMNS", "40")  # a line to type is not broken by us, however narrow the terminal
    here = tmp_path / "my shop"
    here.mkdir()
    monkeypatch.chdir(here)
    every = [
        *(record("zoo/add", WORKS, toolchain=id) for id in ("old", "new")),
        *(record("zoo/gru", builders.broken(), toolchain=id) for id in ("old", "new")),
        record("huggingface/bert", WORKS),
    ]
    _record(Session(small_project.EVERYTHING), every)
    return made


def record(case: str, *attempts: object, toolchain: str = "old") -> CellRecord:
    return builders.record(case, *attempts, toolchain=toolchain)  # type: ignore[arg-type]


def _record(asked: Session, records: list[CellRecord]) -> None:
    keys = asked.selection.keys
    cells = [(one, one.cell) for one in records if one.cell]
    current = [replace(one, cell=replace(cell, key=keys.cell(PlannedCell(*one.place), cell))) for one, cell in cells]
    asked.recorder.record(current)


def mine(name: str = "my cases.py", *cases: str) -> str:
    """A case file of one's own."""
    parts = [small_project.ONE.format(name=one, requires={}).replace("zoo/", "mine/") for one in cases or ("net",)]
    Path(name).write_text(small_project.CASES.format(cases="\n".join(parts)))
    return name


def file(name: str = "my model.onnx", dtype: int = TensorProto.FLOAT, shape: object = ("n", "time", 3)) -> str:
    """An .onnx file with axes of any size."""
    x = helper.make_tensor_value_info("x", dtype, shape)
    y = helper.make_tensor_value_info("y", dtype, shape)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), name)
    return name


def folder(name: str = "my bert") -> str:
    """A folder of Hugging Face's."""
    Path(name).mkdir()
    config = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 99, "max_position_embeddings": 64}
    (Path(name) / "config.json").write_text(json.dumps(config))
    return name


def function() -> list[str]:
    Path("code").mkdir()
    Path("code/shop.py").write_text("def build():\n    return None\n")
    return ["--cases", "shop:build", "--path", "code", "--input", "x=normal(batch, 3)", "--output", "scores"]


def lines(text: str) -> Iterator[str]:
    """The lines to type in what was printed."""
    for line in text.splitlines():
        found = re.search(r"(python -m nox .*?|uv .*?)(?:, then --results .*)?$", line)
        if found:
            yield found[1]


def planned(line: str) -> str:
    """Parse a line as it would be typed and plan it; the command that it is of."""
    words = shlex.split(line)
    if words[0] == "uv":
        return "uv"
    assert words[:4] == ["python", "-m", "nox", "-s"]
    assert words[5] == "--"
    session, rest = words[4], words[6:]
    compat = re.fullmatch(r"compat(?:\((.+)\))?", session)
    toolchain = ["--toolchain", compat[1]] if compat and compat[1] else []
    typed = ["run", *toolchain, *rest] if compat else rest if session == "tfparity" else [session, *rest]
    given = cli.parser().parse_args(typed)
    _new_process()
    if typed[0] == "install":
        assert Session(Choice(toolchains=tuple(given.toolchain))).selection.environments
    elif typed[0] == "convert":
        assert not Path(given.output_folder).exists()
        asked = replace(commands.choice(given), toolchains=tuple(given.toolchain))
        model = named.chosen(given.model, asked)
        asking = Session(model.choice)
        asking.read()
        assert ways(asking, model.choice.targets or (Target.SAVED_MODEL,), model.kin)
    else:
        asking = Session(commands.choice(given))
        asking.read()
        assert any(cell.applicable for cell in asking.cells)
    return str(typed[0])


def _new_process() -> None:
    """Forget the cases that were read: what follows is another command."""
    declare._registry.clear()
    plugins._loaded.clear()


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, list[str]]:
    """What it printed, and the lines to type."""
    _new_process()
    assert cli.main(["recommend", *words]) in (0, 1)
    printed = capsys.readouterr()
    assert not printed.err
    return printed.out, list(lines(printed.out))


MODELS = {
    "zoo": lambda: ["--case", "zoo/add"],
    "untested": lambda: ["--case", "zoo/mish"],
    "failing": lambda: ["--case", "gru"],
    "all": lambda: ["--case", "*"],
    "mine": lambda: ["--cases", mine()],
    "two": lambda: ["--cases", mine("mine.py", "net", "add"), "--case", "add"],
    "file": lambda: ["--onnx", file()],
    "tokens": lambda: ["--onnx", file("tokens.onnx", TensorProto.INT64, ("batch", "time"))],
    "shapeless": lambda: ["--cases", file("any.onnx", TensorProto.FLOAT, None)],
    "folder": lambda: ["--cases", folder()],
    "function": function,
    "mixed": lambda: ["--cases", mine(), "--onnx", file("net.onnx"), "--cases", folder(), "--case", "zoo/add"],
}
WISHES = (
    [],
    ["--target", "tflite-int8"],
    ["--target", "saved-model", "--target", "tflite-float32", "--route", "onnx-tf"],
    ["--python", "3.10"],
)


@pytest.mark.parametrize(("models", "wishes"), [*product(MODELS, WISHES)])
def test_every_printed_line_is_taken_as_typed(
    project: Project, capsys: pytest.CaptureFixture[str], models: str, wishes: list[str]
) -> None:
    words = MODELS[models]()
    text, found = told(capsys, *words, *wishes)
    kinds = [planned(line) for line in found]
    if models not in ("failing", "all"):  # what fails is not to be run again
        assert kinds, text
    again = json.loads(json.dumps(found))
    assert again == told(capsys, *words, *wishes)[1]


@pytest.mark.parametrize("results", [[], ["--results", "my evidence"]])
def test_the_lines_for_models_of_ones_own_name_them_as_they_were_named(
    project: Project, capsys: pytest.CaptureFixture[str], results: list[str]
) -> None:
    words = ["--cases", mine(), *results]
    text, found = told(capsys, *words)
    kept = shlex.quote(results[1]) if results else "my_results"
    run = f"--cases 'my cases.py' --case mine/net --route onnx-tf --try-remedies --results {kept} --record"
    assert any(line.startswith('python -m nox -s "compat(') and line.endswith(run) for line in found), text
    if results:
        own = Session(replace(small_project.EVERYTHING, sources=(words[1],), results=Path(results[1])))
        _record(own, [record("mine/net", WORKS)])
        text, found = told(capsys, *words)
        assert "python -m nox -s convert -- 'my cases.py:mine/net' --toolchain old --route onnx-tf -o net" in found
        assert [planned(line) for line in found][-1] == "convert"


def test_one_model_of_a_file_may_be_asked_for(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    text, found = told(capsys, "--cases", mine(), "--case", "mine/*", "--case", "zoo/add")
    assert "mine/net" in text and "zoo/add" in text
    assert any("--case mine/net" in line for line in found)
    assert cli.main(["recommend", "--cases", mine(), "--case", "mine/nte"]) == 2


def test_what_is_untested_of_a_target_of_ones_own_model_has_a_line_and_the_measures_to_take(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Session(replace(small_project.EVERYTHING, sources=(mine(),), results=Path("mine")))
    _record(own, [record("mine/net", WORKS), record("mine/net", WORKS, toolchain="new")])
    text, found = told(capsys, "--cases", "my cases.py", "--results", "mine", "--target", "tflite-int8")
    said = " ".join(text.split())
    assert "mine/net works by onnx-tf, target tflite-int8: untested" in said
    assert any("--target tflite-int8 --results mine --record" in line for line in found)
    assert "give `convert` --calibration FILE.npz (typical inputs) and --evaluate FILE.py:FUNCTION" in said
    assert [planned(line) for line in found] == ["run"]


def test_what_a_file_does_not_say_is_a_guess_and_said_to_be_one(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text, _ = told(capsys, "--onnx", file())
    assert "my model.onnx: does not say all that a conversion needs: --axis time=16,7,24 is a guess" in text
    text, found = told(capsys, "--onnx", "my model.onnx", "--axis", "time=5,9")
    assert "guess" not in text
    assert all("--axis time=5,9" in line for line in found if "my model.onnx" in line)
    text, _ = told(capsys, "--onnx", file("two.onnx", shape=("n", "time", "other")), "--axis", "time=5,9")
    assert "two.onnx: does not say all that a conversion needs: --axis other=16,7,24 is a guess" in text
    assert cli.main(["recommend", "--onnx", "two.onnx", "--axis", "tiem=5,9"]) == 2
    assert "two.onnx: has no axis 'tiem'" in capsys.readouterr().err


def test_of_a_file_that_needs_a_thousand_guesses_none_is_typed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [helper.make_tensor_value_info(f"x{place}", TensorProto.INT64, ("n",)) for place in range(1000)]
    y = helper.make_tensor_value_info("y", TensorProto.INT64, ("n",))
    graph = helper.make_graph([helper.make_node("Identity", ["x0"], ["y"])], "g", many, [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), "many.onnx")
    text, found = told(capsys, "--onnx", "many.onnx")
    assert "it is judged by its operators alone" in text
    assert found == []


def test_two_files_of_one_name_are_two_models(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a").mkdir()
    _, found = told(capsys, "--onnx", file("m.onnx"), "--onnx", file("a/m.onnx", shape=("n", 3, 4)))
    assert [planned(line) for line in found] == ["run", "run", "convert", "convert"]
    assert len({line.split("-o ")[1] for line in found if planned(line) == "convert"}) == 2


def test_folders_that_are_there_or_named_already_are_not_named_again(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("add").mkdir()
    _, found = told(capsys, "--case", "zoo/add")
    assert found[-1].endswith("-o add-2")
    assert planned(found[-1]) == "convert"


@pytest.mark.parametrize("words", [["--input", "x=normal(3)"], ["--axis", "batch=1,2"], ["--output", "y"]])
def test_what_is_declared_of_the_zoo_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert cli.main(["recommend", "--case", "zoo/add", *words]) == 2
    error = capsys.readouterr().err
    assert "--input, --output and --axis are for module:function" in error
    assert error.count("\n") == 1
