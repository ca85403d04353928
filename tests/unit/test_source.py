"""The source side: which case is meant, what references are."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from tfparity.worker import arrays, declare, machine_errors, plugins
from tfparity.worker.declare import Case, floating, normal
from tfparity.worker.messages import Refused, Reply
from tfparity.worker.requests import source


def case(*outputs: str, axes: dict[str, tuple[int, ...]]) -> Case:
    shape = (normal(*axes, name="x"),)
    return Case("a/b", shape, tuple(floating(name) for name in outputs), axes, {}, (), {}, dict, "", 1)


def array(*values: complex, dtype: str = "float32") -> Any:
    return numpy.array(values, dtype)


# Which case is meant


@pytest.fixture
def _no_cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(plugins, "_loaded", {})
    mine = {name: module for name, module in sys.modules.items() if name.startswith("tfparity_plugin_")}
    for name in mine:
        del sys.modules[name]
    yield
    for name in [name for name in sys.modules if name.startswith("tfparity_plugin_")]:
        del sys.modules[name]
    sys.modules.update(mine)


DECLARED = 'from tfparity import case, normal\n\n@case("a/b", inputs=[normal(2)])\ndef b():\n    raise SystemExit\n'


@pytest.mark.usefixtures("_no_cases")
def test_a_case_is_found_in_its_file_and_not_built(tmp_path: Path) -> None:
    path = tmp_path / "zoo.py"
    path.write_text(DECLARED)
    assert source.find_case(str(path), "a/b").id == "a/b"


def test_what_breaks_below_a_case_is_placed_in_the_code_of_its_author(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import json\n\ndef build():\n    return json.loads('{')\n")
    case_file = tmp_path / "zoo.py"
    case_file.write_text("def factory(build):\n    return build()\n\ndef other():\n    raise OSError\n")
    names: dict[str, Any] = {}
    for file in (case_file, tmp_path / "mine.py"):
        exec(compile(file.read_text(), str(file), "exec"), names)

    def placed(call: Any) -> str | None:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
            call()
        return source.place(caught.value, str(case_file))

    assert placed(lambda: names["factory"](names["build"])) == f"{tmp_path / 'mine.py'}:4"
    assert placed(names["other"]) == f"{case_file}:5"
    assert placed(names["build"]) is None
    assert source.place(None, str(case_file)) is None


@pytest.mark.usefixtures("_no_cases")
def test_a_case_that_its_file_does_not_declare_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "zoo.py"
    path.write_text(DECLARED)
    with pytest.raises(Refused, match="declares no case 'a/c'") as caught:
        source.find_case(str(path), "a/c")
    assert caught.value.type == "CaseMissing"


# References


class Framework:
    """A framework of numpy: the model is a function from inputs to outputs."""

    def __init__(self, *, double: Any = None, weights: Any = ()) -> None:
        self._double, self.weights = double, weights
        self.slopes = self.sizes = None

    def run(self, model: Any, given: list[Any], double: bool = False) -> list[Any]:
        return [numpy.asarray(output) for output in model(*given)]

    def double(self, model: Any) -> Any:
        if self._double is None:
            raise RuntimeError("no kernel for double")
        return self._double

    def moved_weights(self, model: Any, given: list[Any]) -> Any:
        return self.weights

    def parameters(self, model: Any) -> int:
        return 7


def referenced(tmp_path: Path, framework: Framework, model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts and the arrays of io.npz."""
    reply = Reply(str(tmp_path))
    path = tmp_path / "io.npz"
    source.references(case("y", axes={"batch": (2, 1)}), framework, model, str(path), reply)
    with numpy.load(path, allow_pickle=False) as stored:
        return reply.facts, {name: stored[name] for name in stored.files}


def test_the_truth_is_float64_where_that_runs(tmp_path: Path) -> None:
    facts, stored = referenced(tmp_path, Framework(double=lambda x: [x.astype("float64") * 2]), lambda x: [x * 2])
    assert (facts["floor"], facts["parameters"]) == ("float64", 7)
    kinds = {name.split("/")[0] for name in stored}
    assert kinds == {"input", "float32", "float64"}
    assert len(stored) == 3 * len(case("y", axes={"batch": (2, 1)}).samples())
    assert stored["float32/3/y"].shape == (1,)


def test_where_float64_cannot_run_the_floor_is_inputs_moved_by_one_ulp(tmp_path: Path) -> None:
    facts, stored = referenced(tmp_path, Framework(), lambda x: [x])
    assert (facts["floor"], facts["float64_error"]) == ("ulp", "RuntimeError: no kernel for double")
    assert {name.split("/")[0] for name in stored} == {"input", "float32", "ulp"}
    before, after = stored["input/0/x"], stored["ulp/0/y"]
    assert ((after == numpy.nextafter(before, numpy.inf)) | (after == numpy.nextafter(before, -numpy.inf))).all()


@pytest.mark.parametrize("number", sorted(machine_errors.NUMBERS))
@pytest.mark.parametrize("behind", [False, True])
def test_what_this_machine_did_to_float64_is_no_answer_of_the_model(tmp_path: Path, number: int, behind: bool) -> None:
    refused = OSError(number, os.strerror(number))

    def double(x: Any) -> list[Any]:
        if not behind:
            raise refused
        raise RuntimeError("no kernel for double") from refused

    with pytest.raises((OSError, RuntimeError)):
        referenced(tmp_path, Framework(double=double), lambda x: [x])
    assert not (tmp_path / "io.npz").exists()


def test_a_float64_run_without_memory_is_out_of_memory(tmp_path: Path) -> None:
    def double(x: Any) -> list[Any]:
        raise MemoryError

    with pytest.raises(MemoryError):
        referenced(tmp_path, Framework(double=double), lambda x: [x])


def test_a_float64_run_that_stops_half_way_leaves_nothing_of_itself(tmp_path: Path) -> None:
    def double(x: Any) -> list[Any]:
        if len(x) == 1:
            raise RuntimeError("not at this size")
        return [x]

    _, stored = referenced(tmp_path, Framework(double=double), lambda x: [x])
    assert not any(name.startswith("float64/") for name in stored)


def test_sensitivity_is_what_each_output_changes_by(tmp_path: Path) -> None:
    framework = Framework(double=lambda x: [x], weights=[("a", [array(1, 1)]), ("b", [array(1.5, 1)])])
    facts, _ = referenced(tmp_path, framework, lambda x: [numpy.ones(len(x), "float32")])
    assert facts["sensitivity"] == {"input:x": [0.0], "output:y": [0.0], "a": [0.0], "b": [0.5]}
    assert facts["bounded"] == []


def test_a_model_that_answers_differently_the_second_time_is_refused(tmp_path: Path) -> None:
    random = numpy.random.default_rng(0)
    with pytest.raises(Refused, match="different 'y'") as caught:
        referenced(tmp_path, Framework(), lambda x: [x + random.normal()])
    assert caught.value.type == "NotDeterministic"
    assert not (tmp_path / "io.npz").exists()


@pytest.mark.parametrize(
    ("again", "same"),
    [
        (lambda x: x, True),
        (lambda x: x * (1 + 1e-6), True),
        (lambda x: numpy.where(x == x.max(), numpy.nan, x), True),
        (lambda x: -x, False),
        (lambda x: x + 1, False),
        (lambda x: x[:1], False),
        (lambda x: numpy.ones_like(x, "int64"), True),  # says nothing: a label may turn by rounding
    ],
)
def test_a_model_that_is_another_when_it_is_built_again_is_known(tmp_path: Path, again: Any, same: bool) -> None:
    declared = case("y", axes={"n": (2, 1)})._replace(inputs=(normal("n", name="x"),))
    found = numpy.array(again(arrays.inputs(declared, declared.samples()[0])[0]))
    before = found if found.dtype.kind == "i" else arrays.inputs(declared, declared.samples()[0])[0]
    numpy.savez(tmp_path / "io.npz", **{"float32/0/y": before})
    given = (declared, Framework(), lambda x: [again(x)], str(tmp_path / "io.npz"))
    assert source._different(*given) == (None if same else "y")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"a": 1.0, "b": 2.0}, ""),
        ({"a": 1.0, "b": 2.5}, " (1 of 2 weights are others: b)"),
        ({"a": 1.0}, " (1 of 2 weights are others: b)"),
        (None, ""),
    ],
)
def test_the_weights_that_are_drawn_anew_are_named(now: dict[str, float] | None, said: str) -> None:
    framework = SimpleNamespace(sizes=None if now is None else lambda model: model)
    assert source._drawn_anew(framework, {"a": 1.0, "b": 2.0}, now) == said  # type: ignore[arg-type]


def test_of_many_weights_that_are_drawn_anew_the_first_are_named() -> None:
    framework = SimpleNamespace(sizes=lambda model: {f"w{number}": model for number in range(9)})
    assert source._drawn_anew(framework, 1.0, 2.0).endswith("w0, w1, w2, w3, w4, …)")  # type: ignore[arg-type]


def test_the_same_nan_twice_is_the_same_answer(tmp_path: Path) -> None:
    facts, _ = referenced(tmp_path, Framework(), lambda x: [x * numpy.nan])
    assert facts["floor"] == "ulp"


@pytest.mark.parametrize("model", [lambda x: [x, x], lambda x: []])
def test_another_number_of_outputs_than_declared_is_refused(tmp_path: Path, model: Any) -> None:
    with pytest.raises(Refused, match="declares 1 outputs") as caught:
        referenced(tmp_path, Framework(), model)
    assert caught.value.type == "OutputCount"


# Modules by name or path


def test_a_module_of_ours_is_found_with_hyphens() -> None:
    assert plugins.load("onnx-tf", "tfparity.worker.routes").__name__ == "tfparity.worker.routes.onnx_tf"


@pytest.mark.usefixtures("_no_cases")
def test_a_file_is_run_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("RUNS = []\n")
    first = plugins.load(str(path), "")
    path.write_text("1 / 0\n")
    assert plugins.load(str(path), "anything") is first


@pytest.mark.usefixtures("_no_cases")
def test_files_of_the_same_name_are_two_modules(tmp_path: Path) -> None:
    modules = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "mine.py").write_text(f"NUMBER = {number}\n")
        modules.append(plugins.load(str(folder / "mine.py"), ""))
    assert [module.NUMBER for module in modules] == [1, 2]
    assert len({module.__name__ for module in modules}) == 2


@pytest.mark.usefixtures("_no_cases")
def test_a_file_that_raises_leaves_no_module_behind_and_can_be_mended(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        plugins.load(str(path), "")
    assert [name for name in sys.modules if name.endswith("_mine") and name.startswith("tfparity_plugin_")] == []
    path.write_text("NUMBER = 12345\n")
    assert plugins.load(str(path), "").NUMBER == 12345


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        ([1.0, numpy.nan], [1.0, numpy.nan], True),
        ([1.0, numpy.nan], [numpy.nan, 1.0], False),
        ([1.0, numpy.inf], [1.0, -numpy.inf], False),
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        ([True, False], [True, True], False),
        ([1.0], [1.0, 1.0], False),
        ([complex(numpy.nan, 1)], [complex(numpy.nan, 2)], True),
        ([], [], True),
    ],
)
def test_arrays_are_the_same_where_nan_meets_nan(old: list[complex], new: list[complex], alike: bool) -> None:
    assert source.same(numpy.asarray(old), numpy.asarray(new)) is alike
