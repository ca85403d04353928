"""An .onnx file is a case: read for what it takes and gives, run by onnx.reference, handed on as it is."""

from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tfparity.errors import CaseError, UsageError
from tfparity.inputs import case_files as cases
from tfparity.inputs import case_sources
from tfparity.inputs import onnx_file as onnx_reader
from tfparity.inputs.own_models import Declared
from tfparity.paths import Project
from tfparity.planning import plan, routes
from tfparity.worker import declare, plugins
from tfparity.worker.declare import Case
from tfparity.worker.exporters import onnx_file as exporter
from tfparity.worker.frameworks import onnx_file
from tfparity.worker.messages import NotApplicable, Refused
from tfparity.worker.routes import onnx_tf, onnx_tf_dynamo

WEIGHT = numpy.arange(12, dtype="float32").reshape(4, 3) / 7


def saved(folder: Path, *, opset: int = 13, dtype: int = TensorProto.FLOAT, shape: Any = ("N", 4), **more: Any) -> Path:
    """One input times a weight, plus a constant, through a cast that says float32."""
    nodes = [
        helper.make_node("Constant", [], ["shift"], value=numpy_helper.from_array(numpy.ones(3, "float32"), "v")),
        helper.make_node("Cast", ["x.1"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "shift"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x.1", dtype, shape)]
    if more.get("weights_are_inputs"):
        inputs.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, (4, 3)))
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (None, 3))],
        [numpy_helper.from_array(WEIGHT, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = folder / "My Net.onnx"
    beside = (
        {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0} if more.get("beside") else {}
    )
    onnx.save(model, str(path), **beside)
    return path


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(path: Path, inputs: tuple[str, ...] = (), axes: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> Case:
        monkeypatch.setattr(declare, "_registry", {})
        monkeypatch.setattr(plugins, "_loaded", {})
        (case,) = cases.load(
            case_sources.files([str(path)], Declared(inputs, outputs, axes), tmp_path / "made")
        ).values()
        return case

    return of


# Read


@pytest.mark.parametrize("more", [{}, {"weights_are_inputs": True}])
def test_a_file_tells_its_opset_and_what_it_takes_and_gives(tmp_path: Path, more: dict[str, Any]) -> None:
    found = onnx_reader.read(saved(tmp_path, opset=11, **more))
    assert found.opset == 11
    assert found.inputs == (onnx_reader.Value("x.1", "float32", ("N", 4)),)
    assert found.outputs == (onnx_reader.Value("y", "float32", (None, 3)),)
    assert found.external == ()


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "empty"])
def test_what_is_no_onnx_file_is_told_by_name(tmp_path: Path, damage: str) -> None:
    path = saved(tmp_path)
    data = {"cut": path.read_bytes()[:100], "text": b"hello\n", "empty": b""}
    path.unlink() if damage == "missing" else path.write_bytes(data[damage])
    with pytest.raises(UsageError, match=r"My Net\.onnx: cannot be read as ONNX"):
        onnx_reader.read(path)


def test_weights_that_a_node_holds_beside_the_file_are_found(tmp_path: Path) -> None:
    path = saved(tmp_path)
    model = onnx.load(str(path))
    tensor = model.graph.node[0].attribute[0].t
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="more/shift.bin")
    path.write_bytes(model.SerializeToString())
    assert onnx_reader.read(path).external == ("more/shift.bin",)


def test_a_type_that_no_one_knows_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'x\.1' is of no known type \(99\)"):
        onnx_reader.read(saved(tmp_path, dtype=99))


def test_a_size_below_one_is_open_and_so_is_a_shape_that_is_not_there(tmp_path: Path) -> None:
    assert onnx_reader.read(saved(tmp_path, shape=(-1, 4))).inputs[0].shape == (None, 4)
    assert onnx_reader.read(saved(tmp_path, shape=None)).inputs[0].shape is None


# Declared


def test_a_file_is_a_case_that_keeps_its_names(made: Any, tmp_path: Path) -> None:
    case = made(saved(tmp_path))
    assert (case.id, case.onnx_opset, case.trained) == ("yours/my-net", 13, True)
    assert [(i.name, i.kind, i.shape) for i in case.inputs] == [("x.1", "normal", ("N", 4))]
    assert case.axes == {"N": declare.BATCH}
    assert [output.name for output in case.outputs] == ["y"]
    assert case.factory() == str(tmp_path / "My Net.onnx")
    assert declare.declared(case.declaration()).onnx_opset == 13


def test_what_is_declared_goes_before_what_the_file_says(made: Any, tmp_path: Path) -> None:
    case = made(saved(tmp_path), ("x.1=uniform(N, 4, low=-1)",), ("N=3,4",), ("ranking(y)",))
    assert (case.inputs[0].kind, case.axes) == ("uniform", {"N": (3, 4)})
    assert case.outputs[0] == declare.ranking("y")


def test_integers_are_of_the_type_that_the_file_takes(made: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, dtype=TensorProto.INT32, shape=("N", None))
    case = made(path, ('x.1=integers(N, "x.1-1", high=9)',), ("N=2,3", "x.1-1=4,5"))
    assert (case.inputs[0].dtype, case.inputs[0].shape) == ("int32", ("N", "x.1-1"))


@pytest.mark.parametrize(
    ("file", "declared", "said"),
    [
        ({"shape": ("N", "sequence")}, {}, "'x.1' has a dimension 'sequence' of any size.* --axis sequence=16,7,24"),
        ({"shape": ("N", None)}, {}, "a dimension 'x.1-1' of any size"),
        ({"dtype": TensorProto.INT64}, {}, r"is of int64: say how high it goes: --input 'x\.1=integers\(N, 4, high="),
        ({"dtype": TensorProto.DOUBLE}, {}, "is of float64: no kind of input gives that"),
        ({"dtype": TensorProto.INT64, "shape": ("N", 4)}, {"axes": ("M=1,2",)}, "is of int64"),
        ({"shape": None}, {}, "'x.1' has no shape: say one: --input 'x.1=normal"),
        ({}, {"inputs": ("x.1=normal(N, M)",), "axes": ("N=1,2",)}, "the axis 'M' needs sizes: .* --axis M=16,7,24"),
        ({}, {"inputs": ("other=normal(3)",)}, r"has no input 'other'; it has 'x\.1'"),
        ({}, {"outputs": ("ranking(z)",)}, "has no output 'z'; it has 'y'"),
        ({}, {"outputs": ("odd(y)",)}, "--output 'odd\\(y\\)': there is no kind 'odd'; kinds"),
        ({}, {"axes": ("M=1,2",)}, "has no axis 'M'; it has 'N'"),
        ({"shape": ("N", "a\x1b[31m b")}, {}, r"--axis 'a\\x1b\[31m b=16,7,24'"),
    ],
)
def test_what_a_file_leaves_open_is_asked_for(
    made: Any, tmp_path: Path, file: dict[str, Any], declared: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        made(saved(tmp_path, **file), **declared)


def test_another_file_or_other_weights_beside_it_are_another_case(made: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, beside=True)
    case = made(path)
    before = cases.digest(case)
    assert cases.digest(case) == before
    (tmp_path / "weights.bin").write_bytes(bytes(48))
    changed = cases.digest(case)
    assert changed != before
    saved(tmp_path, opset=13, shape=("M", 4), beside=True)
    assert cases.digest(case) not in (before, changed)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(CaseError, match="which is no file of its folder"):
        cases.digest(case)


def test_a_file_goes_as_it_is_first_and_not_where_torch_is_asked_for(made: Any, tmp_path: Path) -> None:
    case = made(saved(tmp_path, opset=11))
    assert routes.way(onnx_tf.ROUTE, case) == routes.Way("onnx-file", "onnx-file", (11, 13, 12, 14))
    both = {"torch": "2.15.0", "onnx": "1.23.2", "onnx-tf": "1.10.0", "tensorflow": "2.15.1"}

    def answer(route: Any, packages: dict[str, str]) -> Any:
        side, kind = plan._Side("e", packages), plan._Kind(bool(case.onnx_opset), ())
        (found,) = plan._column(route, [kind], [None], side, side, Project(tmp_path))
        return found

    assert answer(onnx_tf.ROUTE, both) == (None, None)
    assert answer(onnx_tf.ROUTE, {**both, "onnx": "1.12.0"}) == ("not-applicable", "needs onnx>=1.13, e has 1.12.0")
    assert answer(onnx_tf_dynamo.ROUTE, both)[0] == "not-applicable"


# Run


def test_the_reference_runs_in_both_precisions(made: Any, tmp_path: Path) -> None:
    case = made(saved(tmp_path))
    model = onnx_file.build(case)
    x = numpy.random.RandomState(0).normal(size=(5, 4)).astype("float32")
    truth = x.astype("float64") @ WEIGHT.astype("float64") + 1
    (single,) = onnx_file.run(model, [x])
    assert single.dtype == "float32"
    assert numpy.abs(single - truth).max() < 1e-5
    (wide,) = onnx_file.run(onnx_file.double(model), [x], double=True)
    assert wide.dtype == "float64"
    assert numpy.abs(wide - truth).max() < 1e-14
    (again,) = onnx_file.run(model, [x])
    assert numpy.array_equal(again, single)
    assert onnx_file.parameters(model) == 12 + 3


def test_an_output_is_of_the_type_that_the_file_declares(made: Any, tmp_path: Path) -> None:
    model = onnx_file.build(made(saved(tmp_path)))
    for graph, kept in ((model, "float32"), (onnx_file.double(model), "float64")):
        graph.evaluator.run = lambda outputs, feeds: [numpy.ones((1, 3), "float64")]  # as onnx 1.13 widens
        (given,) = onnx_file.run(graph, [numpy.ones((1, 4), "float32")])
        assert given.dtype == kept


def test_every_weight_is_moved_constants_of_nodes_too(made: Any, tmp_path: Path) -> None:
    model = onnx_file.build(made(saved(tmp_path)))
    x = numpy.ones((1, 4), "float32")
    (before,) = onnx_file.run(model, [x])
    moved = {name: outputs[0] for name, outputs in onnx_file.moved_weights(model, [x])}
    assert sorted(moved) == ["shift", "weight"]
    assert all(0 < numpy.abs(after - before).max() < 0.1 for after in moved.values())
    assert numpy.abs(numpy.abs(moved["shift"] - before) - 0.01).max() < 1e-6


@pytest.mark.parametrize(
    ("old", "new"),
    [("onnx_opset=13", "onnx_opset=12"), ("'y'", "'z'"), ("name='x.1'", "name='x'"), ("normal('N'", "boolean('N'")],
)
def test_a_file_that_is_not_what_the_case_says_is_refused(made: Any, tmp_path: Path, old: str, new: str) -> None:
    file = Path(made(saved(tmp_path)).file)
    file.write_text(file.read_text().replace(old, new))
    declare._registry.clear()
    plugins._loaded.clear()
    (case,) = cases.load([file]).values()
    with pytest.raises(Refused, match="the file"):
        onnx_file.build(case)


def test_the_file_goes_on_unchanged_at_its_own_opset_and_converted_at_another(made: Any, tmp_path: Path) -> None:
    path = saved(tmp_path)
    case = made(path)
    model = onnx_file.build(case)
    exporter.export(model, [], case, [], 13, str(tmp_path))
    assert onnx.load(str(tmp_path / "model.onnx")) == onnx.load(str(path))
    assert exporter.check(str(tmp_path)) == 13
    exporter.export(model, [], case, [], 14, str(tmp_path))
    assert exporter.check(str(tmp_path)) == 14


# Operators that onnx's evaluator lacks


def quantized(folder: Path, opset: int, *, operator: str = "DequantizeLinear", domain: str = "") -> Path:
    """A weight of int8, by another scale for each column, times the input: y = x · (scale · weight)."""
    codes = numpy.arange(-6, 6, dtype="int8").reshape(4, 3)
    nodes = [
        helper.make_node(
            operator, ["codes", "scale"], ["weight"], domain=domain, **({"axis": 1} if opset >= 13 else {})
        ),
        helper.make_node("MatMul", ["x", "weight"], ["y"]),
    ]
    scale = numpy.array([0.5, 0.25, 0.125], "float32") if opset >= 13 else numpy.array(0.5, "float32")
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 4))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (2, 3))],
        [numpy_helper.from_array(codes, "codes"), numpy_helper.from_array(scale, "scale")],
    )
    known = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    path = folder / "quantized.onnx"
    onnx.save(helper.make_model(graph, opset_imports=known, ir_version=8), str(path))
    return path


@pytest.mark.parametrize("opset", [10, 11, 12, 13, 15, 17, 19])
def test_what_the_evaluator_lacks_at_an_older_opset_it_has_of_the_file_as_upgraded(
    made: Any, tmp_path: Path, opset: int
) -> None:
    path = quantized(tmp_path, opset)
    model = onnx_file.build(made(path))
    x = numpy.arange(8, dtype="float32").reshape(2, 4)
    codes = numpy.arange(-6, 6).reshape(4, 3)
    scale = numpy.array([0.5, 0.25, 0.125]) if opset >= 13 else 0.5
    for found in (onnx_file.run(model, [x])[0], onnx_file.run(onnx_file.double(model), [x], double=True)[0]):
        numpy.testing.assert_allclose(found, x @ (scale * codes), rtol=1e-6)
    assert onnx_file.opset_of(model.proto) == opset  # what is converted is the file as it is
    moved = dict(onnx_file.moved_weights(model, [x]))
    assert list(moved) == (["scale"] if opset >= 13 else [])
    assert all(not numpy.allclose(outputs[0], x @ (scale * codes), rtol=1e-3) for outputs in moved.values())


def test_what_the_evaluator_lacks_at_every_opset_cannot_be_judged(made: Any, tmp_path: Path) -> None:
    path = quantized(tmp_path, 13, operator="MadeUp", domain="com.example")
    with pytest.raises(NotApplicable, match="cannot be judged: onnx's evaluator"):
        onnx_file.build(made(path))


def test_what_the_evaluator_lacks_only_when_it_runs_cannot_be_judged_either(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx_file.build(made(saved(tmp_path), axes=("N=2,1",)))

    def run(*_: object) -> None:
        raise NotImplementedError("mode 'cubic' is not implemented")

    monkeypatch.setattr(model.evaluator, "run", run)
    with pytest.raises(NotApplicable, match=r"cannot be judged: .*mode 'cubic'"):
        onnx_file.run(model, [numpy.ones((2, 4), "float32")])
