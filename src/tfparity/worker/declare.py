"""How a case is declared: `@case`, the kinds of its inputs and outputs.

Both sides read the same case file: our side to plan and compare, the worker to build the model. Registering costs
nothing; the factory imports its framework inside.
"""

import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

Axis = Union[int, str]

#: Sizes tried on the axis "batch": the exported one first. Two, because an exporter that
#: specialises on 0 and 1 would otherwise bake the size in.
BATCH = (2, 1, 5)

#: Seeds of the inputs that every comparison uses.
SEEDS = (0, 1, 2)

#: What an input may be.
DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


class DeclarationError(Exception):
    """A case is declared wrongly; `file` and `line` say where."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class Input(NamedTuple):
    """One input: a named, seeded array. `shape` mixes sizes and axis names."""

    name: str
    kind: str
    shape: Tuple[Axis, ...]
    dtype: str
    arguments: Tuple[Tuple[str, float], ...]
    make: Optional[Callable[[Tuple[int, ...], int], Any]] = None  # of the kind "given"

    def axes(self) -> List[str]:
        return [axis for axis in self.shape if isinstance(axis, str)]


class Output(NamedTuple):
    """One output: its name in the signature and how it is compared."""

    name: str
    kind: str  # float | integer | set-of-boxes | ranking


class Sample(NamedTuple):
    """One run of the model: a seed, a size for every axis, and the axis that differs from the
    exported shape (None at the exported shape)."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a sample
    seed: int
    sizes: Dict[str, int]
    axis: Optional[str]


class Case(NamedTuple):
    """A model with seeded inputs. `axes` gives, per named axis, the exported size and then the others to try.
    `trained`: its weights stay as the factory gives them. `answer`: says in a line what the outputs mean.
    `onnx_opset`: of the .onnx file that the factory names; 0 where it gives a model."""

    id: str
    inputs: Tuple[Input, ...]
    outputs: Tuple[Output, ...]
    axes: Dict[str, Tuple[int, ...]]
    requires: Dict[str, str]
    tags: Tuple[str, ...]
    insensitive: Dict[str, str]
    factory: Callable[[], Any]
    file: str
    line: int
    operators: Tuple[str, ...] = ()
    trained: bool = False
    answer: Optional[Callable[[Mapping[str, Any]], str]] = None
    onnx_opset: int = 0

    def samples(self) -> List[Sample]:
        """Every run that a comparison needs: all seeds at the exported shape, then, axis by axis,
        all seeds at each other size."""
        exported = {axis: sizes[0] for axis, sizes in self.axes.items()}
        runs: List[Tuple[int, Dict[str, int], Optional[str]]] = [(seed, exported, None) for seed in SEEDS]
        for axis in sorted(self.axes):
            for size in self.axes[axis][1:]:
                for seed in SEEDS:
                    runs.append((seed, dict(exported, **{axis: size}), axis))
        return [Sample(index, seed, dict(sizes), axis) for index, (seed, sizes, axis) in enumerate(runs)]

    def output_axes(self, references: Mapping[str, Any]) -> List[Dict[int, str]]:
        """Per output {dimension: named axis} for every dimension whose size follows one, as the reference arrays of a
        bundle have it, by their keys "float32/<sample>/<output>"."""
        exported, *others = [sample for sample in self.samples() if sample.seed == SEEDS[0]]
        found: List[Dict[int, str]] = []
        for output in self.outputs:
            base = references["float32/%d/%s" % (exported.index, output.name)].shape
            axes: Dict[int, str] = {}
            for sample in others:
                shape = references["float32/%d/%s" % (sample.index, output.name)].shape
                if sample.axis is not None and len(shape) == len(base):
                    for dimension, (size, before) in enumerate(zip(shape, base)):
                        if size != before:
                            axes.setdefault(dimension, sample.axis)
            found.append(axes)
        return found

    def declaration(self) -> Dict[str, Any]:
        """The declaration without its factory, as JSON values: what both sides exchange."""
        declared: Dict[str, Any] = {
            "id": self.id,
            "inputs": [
                {
                    "name": i.name,
                    "kind": i.kind,
                    "shape": list(i.shape),
                    "dtype": i.dtype,
                    "arguments": dict(i.arguments),
                }
                for i in self.inputs
            ],
            "outputs": [{"name": o.name, "kind": o.kind} for o in self.outputs],
            "axes": {axis: list(sizes) for axis, sizes in sorted(self.axes.items())},
            "requires": dict(sorted(self.requires.items())),
            "tags": sorted(self.tags),
            "insensitive": dict(sorted(self.insensitive.items())),
            "operators": sorted(self.operators),
        }
        if self.trained:
            declared["trained"] = True
        if self.onnx_opset:
            declared["onnx_opset"] = self.onnx_opset
        return declared


def _whole(text: str) -> bool:
    """Whether UTF-8 can hold it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def is_id(text: Any) -> bool:
    """Whether the text may be a case's id: ids become paths below a folder and are printed to terminals unescaped."""
    parts = text.split("/") if isinstance(text, str) else []
    return len(parts) > 1 and all(
        part and all(c.islower() or c.isdigit() or c in "-_." for c in part) and part[0] != "." for part in parts
    )


def declared(value: Mapping[str, Any]) -> Case:
    """The case that `Case.declaration` described; its factory raises when called. Raises KeyError, TypeError or
    ValueError."""

    def gone() -> Any:
        raise DeclarationError("case %r: its factory stayed where it was exported" % value["id"])

    if not is_id(value["id"]):
        raise ValueError("%r is no id of a case" % (value["id"],))
    if not value["inputs"] or not value["outputs"]:
        raise ValueError("%s has no inputs or no outputs" % value["id"])
    axes = {axis for i in value["inputs"] for axis in i["shape"] if isinstance(axis, str)}
    sizes = value["axes"]
    if axes != set(sizes) or not all(
        len(tried) > 1 and all(type(n) is int and n > 0 for n in tried) for tried in sizes.values()
    ):
        raise ValueError("the axes of %s are not those of its inputs, with two sizes or more each" % value["id"])
    if not {o["kind"] for o in value["outputs"]} <= {"float", "integer", "ranking", "set-of-boxes"}:
        raise ValueError("%s has an output of an unknown kind" % value["id"])
    return Case(
        value["id"],
        tuple(
            Input(i["name"], i["kind"], tuple(i["shape"]), i["dtype"], tuple(sorted(i["arguments"].items())))
            for i in value["inputs"]
        ),
        tuple(Output(o["name"], o["kind"]) for o in value["outputs"]),
        {axis: tuple(sizes) for axis, sizes in value["axes"].items()},
        dict(value["requires"]),
        tuple(value["tags"]),
        dict(value["insensitive"]),
        gone,
        "",
        0,
        tuple(value["operators"]),
        bool(value.get("trained")),
        onnx_opset=int(value.get("onnx_opset", 0)),
    )


def _input(name: Optional[str], kind: str, shape: Sequence[Axis], dtype: str, **arguments: float) -> Input:
    return Input(name or "", kind, tuple(shape), dtype, tuple(sorted(arguments.items())))


def normal(*shape: Axis, name: Optional[str] = None, mean: float = 0.0, std: float = 1.0) -> Input:
    """float32, normally distributed."""
    return _input(name, "normal", shape, "float32", mean=mean, std=std)


def uniform(*shape: Axis, name: Optional[str] = None, low: float = 0.0, high: float = 1.0) -> Input:
    """float32, uniform in [low, high): images after ToTensor."""
    return _input(name, "uniform", shape, "float32", low=low, high=high)


def integers(*shape: Axis, high: int, low: int = 0, name: Optional[str] = None, dtype: str = "int64") -> Input:
    """Integers, uniform in [low, high): token ids, pixels (dtype "uint8")."""
    return _input(name, "integers", shape, dtype, low=low, high=high)


def mask(*shape: Axis, name: Optional[str] = None, dtype: str = "int64") -> Input:
    """Ones with a seeded run of zeros at the end of each row (at least half stays 1): an attention mask."""
    return _input(name, "mask", shape, dtype)


def boolean(*shape: Axis, name: Optional[str] = None) -> Input:
    """bool, true with probability one half."""
    return _input(name, "boolean", shape, "bool")


def given(
    *shape: Axis, make: Callable[[Tuple[int, ...], int], Any], dtype: str = "float32", name: Optional[str] = None
) -> Input:
    """The array that `make(shape, seed)` returns: pictures, sentences, sounds. `make` is a function of the case file;
    it runs where the model is built and imports its libraries inside."""
    return _input(name, "given", shape, dtype)._replace(make=make)


def floating(name: str) -> Output:
    """Compared as numbers, in float64."""
    return Output(name, "float")


def integer(name: str) -> Output:
    """Compared exactly."""
    return Output(name, "integer")


def ranking(name: str) -> Output:
    """Scores whose order along the last axis matters: compared as numbers, top-k agreement kept."""
    return Output(name, "ranking")


def set_of_boxes(name: str) -> Output:
    """Rows (x1, y1, x2, y2, score, label) of shape (boxes, 6), compared as a set."""
    return Output(name, "set-of-boxes")


def problem(declared: Any) -> Optional[str]:
    """What is wrong with one input, its name and axes aside; None if it is valid."""
    if not isinstance(declared, Input):
        return "%r is no input: write normal(…), integers(…), …" % (declared,)
    sizes = [size for size in declared.shape if not isinstance(size, str)]
    numbers = all(type(value) in (int, float) for _, value in declared.arguments)
    if not all(type(size) is int and size > 0 for size in sizes) or not numbers or declared.dtype not in DTYPES:
        return "sizes are 1 or more and whole, bounds are numbers, a dtype is one of %s" % ", ".join(DTYPES)
    bounds = dict(declared.arguments)
    return "high is above low" if "high" in bounds and bounds["low"] >= bounds["high"] else None


_registry: Dict[str, Case] = {}


def case(
    id: str,
    *,
    inputs: Sequence[Input],
    outputs: Sequence[Union[str, Output]] = ("output",),
    axes: Optional[Mapping[str, Sequence[int]]] = None,
    requires: Optional[Mapping[str, str]] = None,
    tags: Sequence[str] = (),
    insensitive: Optional[Mapping[str, str]] = None,
    operators: Sequence[str] = (),
    trained: bool = False,
    answer: Optional[Callable[[Mapping[str, Any]], str]] = None,
    onnx_opset: int = 0,
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register a factory of a torch.nn.Module, or of the path of an .onnx file, as a case.

    id: "family/name", lower case, unique. inputs: a sole input may leave its name out ("input").
    outputs: names (compared as float) or floating/integer/ranking/set_of_boxes, in the model's order.
    axes: per named axis other than "batch", the exported size and then the others to try.
    requires: package -> version specifier, decides not-applicable before anything runs.
    tags: words to choose by; "smoke" and "core" are tiers, "heavy" is in neither of these nor in "full".
    insensitive: glob of weight names, "input:<name>" or "output:<name>" -> why the outputs cannot depend on it, or it
    on the inputs (softmax is invariant to a key bias).
    operators: the ONNX operators that the case is there for.
    trained: the weights mean something: none is spread, no batch norm is calibrated, and one that the outputs do not
    depend on is a property of the model (the inputs and the outputs are still held to move).
    answer: from the inputs and outputs by name, numpy arrays at the exported shape, what they mean to a person, in a
    line (the pitch, the nearest sentence): torch's and TensorFlow's are kept side by side. It may import numpy.
    onnx_opset: the factory gives the path of an .onnx file of that opset instead of a model; inputs and outputs are
    named as the file names them, and its weights are taken as they are.

    Raises DeclarationError, with the place, on a wrong or doubled declaration.
    """

    def register(factory: Callable[[], Any]) -> Callable[[], Any]:
        code = getattr(factory, "__code__", None)
        if code is None:
            raise DeclarationError("case %r: @case stands over a function, which makes the model" % (id,))
        file, line = os.path.abspath(code.co_filename), code.co_firstlineno

        def refuse(message: str) -> None:
            raise DeclarationError("case %r: %s" % (id, message), file, line)

        if not is_id(id):
            refuse("an id reads family/name, in lower-case letters, digits, '-', '_' and '.'")
        if id in _registry:
            refuse("declared twice; the first is at %s:%d" % (_registry[id].file, _registry[id].line))
        for given, what in ((outputs, "outputs"), (tags, "tags"), (operators, "operators")):
            if isinstance(given, str):
                refuse("%s takes a list: [%r]" % (what, given))
            if any(isinstance(one, str) and not _whole(one) for one in given):
                refuse("%s holds half of a surrogate pair, which no file can hold" % what)
        if not inputs or not outputs:
            refuse("needs at least one input and one output")
        for number, one in enumerate(inputs):
            wrong = problem(one)
            if wrong:
                refuse("input %s: %s" % (getattr(one, "name", "") or number, wrong))
        for output in outputs:
            if not isinstance(getattr(output, "name", output), str):
                refuse("%r is no output: write its name, or floating(name), ranking(name), …" % (output,))
        for texts, what in ((requires, "requires"), (insensitive, "insensitive")):
            if not all(isinstance(part, str) for pair in dict(texts or {}).items() for part in pair):
                refuse("%s holds texts only, such as {'torch': '>=2'}" % what)
            if not all(_whole(part) for pair in dict(texts or {}).items() for part in pair):
                refuse("%s holds half of a surrogate pair, which no file can hold" % what)
        named = [i if i.name or len(inputs) > 1 else i._replace(name="input") for i in inputs]
        made = [o if isinstance(o, Output) else floating(o) for o in outputs]
        names = [i.name for i in named] + [o.name for o in made]
        if not all(names):
            refuse("with two or more inputs each needs name=")
        if len(set(names)) != len(names):
            refuse("an input or output name stands twice: %s" % ", ".join(names))
        for i in named:
            if i.make and not (hasattr(i.make, "__code__") and i.make.__code__.co_filename == code.co_filename):
                refuse("what gives the input %r must be a function of this file" % i.name)
        sizes: Dict[str, Tuple[int, ...]] = {}
        others = dict(axes or {})
        used = {axis for i in named for axis in i.axes()}
        for axis in sorted(used):
            asked = others.pop(axis, BATCH if axis == "batch" else ())
            tried = tuple(asked) if isinstance(asked, (tuple, list)) else ()
            if len(set(tried)) < max(2, len(tried)) or not all(type(size) is int and size > 0 for size in tried):
                refuse(
                    "axis %r needs axes={%r: (exported size, another, ...)}, two or more different sizes" % (axis, axis)
                )
            sizes[axis] = tried
        if others:
            refuse("axes names %s, which no input has" % ", ".join(sorted(others)))
        _registry[id] = Case(
            id,
            tuple(named),
            tuple(made),
            sizes,
            dict(requires or {}),
            tuple(tags),
            dict(insensitive or {}),
            factory,
            file,
            line,
            tuple(operators),
            trained or bool(onnx_opset),
            answer,
            onnx_opset,
        )
        return factory

    return register


def registered() -> Dict[str, Case]:
    """Every case registered so far, by id."""
    return dict(_registry)
