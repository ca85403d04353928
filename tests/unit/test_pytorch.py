"""PyTorch as the source framework, over a torch of a few lines: what is refused, and which dtype runs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from tfparity.worker.declare import Case, floating, normal
from tfparity.worker.frameworks import pytorch
from tfparity.worker.messages import Refused


class Tensor:
    """A numpy array that answers as a tensor does."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def is_floating_point(self) -> bool:
        return bool(self.array.dtype.kind == "f")

    def double(self) -> "Tensor":
        return Tensor(self.array.astype("float64"))

    def detach(self) -> "Tensor":
        return self

    def cpu(self) -> "Tensor":
        return self

    def numpy(self) -> Any:
        return self.array


class Module:
    """A module without weights, trained or not, with its children by name."""

    def __init__(self, training: bool = False, **children: "Module") -> None:
        self.training, self.children = training, children

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        yield prefix, self
        for name, child in self.children.items():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> list["Module"]:
        return [module for _, module in self.named_modules()]

    def eval(self) -> "Module":
        return self

    def state_dict(self, keep_vars: bool = False) -> dict[str, Any]:
        return {}

    def parameters(self) -> list[Any]:
        return []


class Torch(SimpleNamespace):
    """As much of torch as a build and a run touch; `default` is its default dtype."""

    def __init__(self) -> None:
        norms = SimpleNamespace(batchnorm=SimpleNamespace(_BatchNorm=type("_BatchNorm", (Module,), {})))
        super().__init__(
            default="float32",
            float64="float64",
            Tensor=Tensor,
            from_numpy=Tensor,
            no_grad=nullcontext,
            manual_seed=lambda seed: None,
            Generator=lambda: SimpleNamespace(manual_seed=lambda seed: None),
            nn=SimpleNamespace(Module=Module, modules=norms),
        )

    def get_default_dtype(self) -> str:
        return str(self.default)

    def set_default_dtype(self, dtype: str) -> None:
        self.default = dtype


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    fake = Torch()
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


# What is refused


def built(factory: Callable[[], Any], trained: bool = False) -> Any:
    inputs, outputs = (normal(2, name="x"),), (floating("y"),)
    return pytorch.build(Case("a/b", inputs, outputs, {}, {}, (), {}, factory, "", 1, trained=trained))


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(
    ("model", "named"),
    [
        (Module(True), "(Module)"),
        (Module(drop=Module(True)), "(drop)"),
        (Module(a=Module(cell=Module(True)), b=Module()), "(a.cell)"),
        (Module(True, a=Module(True)), "(Module, a)"),
        (Module(**{f"m{number}": Module(True) for number in range(5)}), "(m0, m1, m2 and 2 more)"),
    ],
)
def test_any_module_that_is_left_in_train_mode_is_refused(model: Module, named: str) -> None:
    with pytest.raises(Refused) as caught:
        built(lambda: model)
    assert caught.value.type == "TrainingMode"
    assert named in str(caught.value)
    assert "call model.eval()" in str(caught.value)


def weighing(**state: Any) -> Module:
    """A module of that state."""
    model = Module()
    model.state_dict = lambda keep_vars=False: state  # type: ignore[method-assign]
    return model


def plain(*, is_quantized: bool = False) -> Tensor:
    tensor = Tensor(numpy.ones((2,), "float32"))
    tensor.is_quantized = is_quantized  # type: ignore[attr-defined]
    return tensor


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_quantized_weights_are_refused_in_words(mode: str) -> None:
    packed = {"fc1.scale": plain(), "fc1._packed_params": (plain(is_quantized=True), None)}
    for state, named in ((packed, "fc1._packed_params"), ({"table": plain(is_quantized=True)}, "table")):
        model = weighing(**state)
        model.training = mode == "train"
        with pytest.raises(Refused, match="convert the float model and quantize afterwards") as caught:
            built(lambda model=model: model, trained=True)
        assert caught.value.type == "QuantizedModel"
        assert f"({named})" in str(caught.value)


@pytest.mark.usefixtures("torch")
def test_a_state_that_is_no_tensor_is_left_alone() -> None:
    model = weighing(table=plain(), _extra_state={"step": 3}, dtype="float32", pair=(plain(), "words"))
    assert built(lambda: model, trained=True) is model


@pytest.mark.parametrize("held", [{"step": 3}, None, "words", (1.0, 2.0)])
def test_a_state_that_is_no_tensor_is_not_nudged(torch: Torch, held: Any) -> None:
    kept = Tensor(numpy.ones((2,), "int64"))  # of integers, which no ulp moves
    model = weighing(_extra_state=held, steps=kept)
    assert pytorch.nudged(model, 0).state_dict() == {"_extra_state": held, "steps": kept}


@pytest.mark.usefixtures("torch")
def test_a_model_in_eval_mode_is_built() -> None:
    model = Module(a=Module(b=Module()))
    assert built(lambda: model) is model


@pytest.mark.usefixtures("torch")
@pytest.mark.parametrize(("trained", "changed"), [(False, ["spread", "calibrated"]), (True, [])])
def test_weights_that_are_trained_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, trained: bool, changed: list[str]
) -> None:
    done: list[str] = []
    monkeypatch.setattr(pytorch, "_spread_constants", lambda model: done.append("spread"))
    monkeypatch.setattr(pytorch, "_calibrate", lambda model, case: done.append("calibrated"))
    built(Module, trained=trained)
    assert done == changed


@pytest.mark.usefixtures("torch")
def test_a_factory_of_something_else_is_refused() -> None:
    with pytest.raises(Refused, match=r"gives a int, not a torch\.nn\.Module") as caught:
        built(lambda: 1)
    assert caught.value.type == "NotAModule"


# Which dtype runs


class Seen:
    """A model that keeps what it met: the default dtype, and the dtypes of its inputs."""

    def __init__(self, torch: Torch, answer: Callable[[Tensor], Any] = lambda first: first) -> None:
        self.torch, self.answer = torch, answer
        self.met: list[tuple[str, list[str]]] = []

    def __call__(self, *tensors: Tensor) -> Any:
        self.met.append((self.torch.default, [str(tensor.array.dtype) for tensor in tensors]))
        return self.answer(tensors[0])


GIVEN = [numpy.ones(2, "float32"), numpy.ones(2, "int64"), numpy.ones(2, "bool")]


@pytest.mark.parametrize("usual", ["float32", "bfloat16"])
@pytest.mark.parametrize("double", [False, True])
def test_a_double_run_is_double_throughout_and_leaves_the_default_as_it_was(
    torch: Torch, usual: str, double: bool
) -> None:
    torch.default = usual
    model = Seen(torch)
    (answer,) = pytorch.run(model, GIVEN, double)
    floats = "float64" if double else "float32"
    assert model.met == [("float64" if double else usual, [floats, "int64", "bool"])]
    assert torch.default == usual
    assert answer.dtype == floats


@pytest.mark.parametrize("double", [False, True])
def test_a_run_that_fails_leaves_the_default_dtype_as_it_was(torch: Torch, double: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        pytorch.run(Seen(torch, lambda first: 1 / 0), GIVEN, double)
    assert torch.default == "float32"


def test_a_run_that_sets_the_default_dtype_itself_does_not_keep_it(torch: Torch) -> None:
    def answer(first: Tensor) -> Tensor:
        torch.set_default_dtype("float16")
        return first

    pytorch.run(Seen(torch, answer), GIVEN)
    assert torch.default == "float32"


def test_what_a_model_does_to_its_inputs_stays_with_it(torch: Torch) -> None:
    def answer(first: Tensor) -> Tensor:
        first.array *= 0
        return first

    pytorch.run(Seen(torch, answer), GIVEN)
    assert GIVEN[0].tolist() == [1, 1]


@pytest.mark.parametrize(("answer", "kind"), [({"logits": 1}, "dict"), ((Tensor(GIVEN[0]), None), "NoneType")])
def test_an_answer_that_is_no_tensor_is_refused(torch: Torch, answer: Any, kind: str) -> None:
    with pytest.raises(Refused, match=f"gives a {kind};") as caught:
        pytorch.run(Seen(torch, lambda first: answer), GIVEN, True)
    assert caught.value.type == "OutputType"
    assert torch.default == "float32"
