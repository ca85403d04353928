"""A person's own models without a case file: `module:function`, a folder that `save_pretrained` wrote, an .onnx file.

Each becomes a case file in the cache, a few lines that could have been written by hand (docs/yours.md), so that the
rest of tfparity knows only case files. What is named is located and hashed here and never imported; case_sources tells
which of these it is.
"""

from __future__ import annotations

import ast
import hashlib
import json
import keyword
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.inputs import case_digest as case_source
from tfparity.inputs import module_names, python_source
from tfparity.inputs import onnx_file as onnx_reader
from tfparity.inputs.names import closest
from tfparity.records.keys import Json
from tfparity.worker import declare

#: The kinds of inputs and outputs that a declaration on the command line may name (see worker.declare).
INPUTS = ("normal", "uniform", "integers", "mask", "boolean")
OUTPUTS = ("floating", "integer", "ranking", "set_of_boxes")

#: Sizes tried on an axis of tokens, the exported one first, and on one of audio samples.
SEQUENCE = (16, 7, 24)
SAMPLES = (4000, 3200, 5600)

#: So much is guessed of an .onnx file: nobody types more, and a hostile file has thousands of inputs.
MOST_GUESSED = 20

_OUTPUT = re.compile(r"\s*(?:(\w+)\s*\(\s*([^()]+?)\s*\)|([^()]+?))\s*")
_MODULE_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")

#: How a Hugging Face architecture's name ends → what its answer holds.
_ANSWERS = {
    "ForQuestionAnswering": ("start_logits", "end_logits"),
    "Model": ("last_hidden_state",),
    "Encoder": ("last_hidden_state",),
}
_LOGITS = ("logits",)


@dataclass(frozen=True)
class Declared:
    """What is said of a model beside its name, as written on the command line: `--input NAME=KIND(DIM, …)`,
    `--output [KIND(]NAME[)]`, `--axis NAME=SIZE,SIZE…`."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The same as words of a command line."""
        said = (("--input", self.inputs), ("--output", self.outputs), ("--axis", self.axes))
        return tuple(word for option, texts in said for text in texts for word in (option, text))


class Unsaid(UsageError):
    """A model does not say all that is needed of it. `example`: what would say it, which is only a guess."""

    def __init__(self, message: str, example: Declared) -> None:
        self.example = example
        super().__init__(message)


@dataclass(frozen=True)
class Where:
    """Where else a function's module may be: in folders of `--path`, or in packages that toolchains hold. `packages`
    gives the names of those, and is asked only where a module is found nowhere else."""

    path: tuple[Path, ...] = ()
    packages: Callable[[], Collection[str]] = tuple


NOWHERE = Where()


@dataclass(frozen=True)
class _Model:
    """What a made case file says."""

    id: str
    inputs: Mapping[str, str]  # name → call, as source
    outputs: Sequence[str]  # calls, as source
    axes: Mapping[str, Sequence[int]]
    about: str
    body: str
    requires: Mapping[str, str] = field(default_factory=dict)
    onnx_opset: int = 0


def of_onnx_file(path: Path, declared: Declared, folder: Path) -> Path:
    """The case file for an .onnx file, made in `folder`. Raises UsageError where the file is wrong, or does not say
    enough."""
    return _write(folder, paths.real(path), [_onnx_file(path, declared)])


def completed(path: Path, declared: Declared) -> Declared:
    """What is declared of an .onnx file, with a guess of whatever is needed and neither declared nor in the file, of
    MOST_GUESSED things at most. Raises UsageError for a file that needs more, or is none of our models whatever is said
    of it."""
    for _ in range(MOST_GUESSED):
        try:
            _onnx_file(path, declared)
        except Unsaid as unsaid:
            more = unsaid.example
            declared = Declared(declared.inputs + more.inputs, declared.outputs, declared.axes + more.axes)
        else:
            return declared
    _onnx_file(path, declared)
    return declared


def names_function(source: str) -> bool:
    """Whether it reads `module:function`."""
    return bool(_MODULE_FUNCTION.fullmatch(source)) and all(map(_is_name, re.split("[.:]", source)))


def of_function(source: str, declared: Declared, folder: Path, where: Where = NOWHERE) -> Path:
    """The case file for `module:function`, made in `folder`. Raises UsageError where there is no such module, or too
    little is declared."""
    root, model = _function(source, declared, where)
    return _write(folder, root, [model])


def of_pretrained(pretrained: Path, declared: Declared, folder: Path) -> Path:
    """The case file for a folder that `save_pretrained` wrote, made in `folder`. Raises UsageError where its config
    does not say enough."""
    return _write(folder, pretrained, _pretrained(pretrained, declared))


def family(pretrained: Path) -> str | None:
    """The family of architectures that a Hugging Face folder is of, as the zoo spells it ("xlm-roberta"); None where
    it is no such folder."""
    if not (pretrained / "config.json").is_file():
        return None
    named = _config(pretrained).get("model_type")
    return named.replace("_", "-") if isinstance(named, str) and named else None


def of_builder(id: str, body: str, declared: Declared, place: Path, folder: Path, requires: Mapping[str, str]) -> Path:
    """The case file for a classifier of images, made in `folder`. body: of its factory; place: what it reads."""
    inputs = _inputs(declared) or {"images": "normal('batch', 3, 224, 224, name='images')"}
    outputs = [said for _, said in _outputs(declared)] or ["ranking('logits')"]
    return _write(folder, place, [_Model(_id(id), inputs, outputs, _axes(declared), f"{id}.", body, requires)])


def _write(folder: Path, place: Path, models: Sequence[_Model]) -> Path:
    """The case file. `place` is where the model lies: the bodies call it by a name that no digest follows. Raises
    UsageError where inputs, outputs and axes do not go together."""
    for model in models:
        _whole(model)
    head = f"# Made by tfparity from what --cases names.\n{_HEAD}\n{case_source.PLACE} = {str(place)!r}\n"
    text = "\n\n".join([head, *map(_source, models)])
    name = re.sub(r"[^a-z0-9]+", "-", models[0].id.partition("/")[2])
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.py"
    folder.mkdir(parents=True, exist_ok=True)
    paths.write_text(path, text)
    return path


_HEAD = f"from tfparity import case, {', '.join(sorted((*INPUTS, *OUTPUTS)))}  # noqa: F401\n"


def _whole(model: _Model) -> None:
    """Raises UsageError where an axis has no sizes, sizes no axis, or an input and an output one name."""
    used = list(dict.fromkeys(axis for call in model.inputs.values() for axis in _axes_of(call)))
    for axis, sizes in model.axes.items():
        if axis not in used:
            said = f"--axis {shlex.quote(_shown(axis))}={','.join(map(str, sizes))}"
            raise UsageError(f"{said}: no input has that axis; there are {', '.join(map(repr, used)) or 'none'}")
    for axis in used:
        if axis not in model.axes and axis != "batch":
            raise UsageError(f"the axis {axis!r} of an input needs sizes: {_say_axis(axis)}")
    for call in model.outputs:
        output = python_source.expression(call)
        name = ast.literal_eval(output.args[0] if isinstance(output, ast.Call) else output)
        if name in model.inputs:
            way = "" if model.onnx_opset else ": --output names it otherwise"
            raise UsageError(f"an input and an output are both named {name!r}{way}")


def _source(model: _Model) -> str:
    lines = [
        "@case(",
        f"    {model.id!r},",
        f"    inputs=[{', '.join(model.inputs.values())}],",
        f"    outputs=[{', '.join(model.outputs)}],",
        f"    axes={dict(model.axes)!r},",
        f"    requires={dict(model.requires)!r},",
        f"    onnx_opset={model.onnx_opset}," if model.onnx_opset else "    trained=True,",
        ")",
        "def model():",
        f"    {json.dumps(model.about)}",
        *(f"    {line}" if line else "" for line in model.body.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    return "yours/" + (re.sub(r"[^a-z0-9_.]+", "-", name.lower()).strip("-.") or "model")


# What the command line declares


def _parsed(text: str, what: str) -> ast.expr:
    try:
        return python_source.expression(text.strip())
    except SyntaxError:
        raise UsageError(f"{what} {text!r} cannot be read: {_FORMS[what]}") from None


_FORMS = {
    "--input": "write NAME=KIND(DIM, …), such as 'images=normal(batch, 3, 224, 224)' or "
    f"'input_ids=integers(batch, sequence, high=30522)'; kinds: {', '.join(INPUTS)}",
    "--output": f"write NAME or KIND(NAME), such as 'ranking(logits)'; kinds: {', '.join(OUTPUTS)}",
    "--axis": "write NAME=SIZE,SIZE…, the exported size first, such as 'sequence=16,7,24'",
}


def declared_inputs(texts: Sequence[str]) -> dict[str, declare.Input]:
    """What `--input NAME=KIND(DIM, …)` declares, by name. Raises UsageError for what cannot be read."""
    return {name: getattr(declare, kind)(*shape, **rest, name=name) for name, kind, shape, rest in _calls(texts, {})}


def _inputs(declared: Declared, dtypes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name → the call that declares it. `dtypes`: of the inputs of a file, whose names may be no parameter's."""
    found: dict[str, str] = {}
    for name, kind, shape, rest in _calls(declared.inputs, dtypes):
        given = [repr(part) for part in shape] + [f"{word}={value!r}" for word, value in rest.items()]
        found[name] = f"{kind}({', '.join([*given, f'name={name!r}'])})"
    return found


def _calls(
    texts: Sequence[str], dtypes: Mapping[str, str] | None
) -> Iterator[tuple[str, str, list[int | str], dict[str, Any]]]:
    """Name, kind, shape and the rest of each declaration."""
    seen: set[str] = set()
    for text in texts:
        name, _, call_text = text.partition("=")
        call = _parsed(call_text, "--input")
        wrong = UsageError(f"--input {text!r} cannot be read: {_FORMS['--input']}")
        if not (
            (dtypes is not None or _is_name(name.strip()))
            and isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
        ):
            raise wrong
        if call.func.id not in INPUTS:
            raise UsageError(f"--input {text!r}: {_no_kind(call.func.id, INPUTS)}")
        shape = [part.id if isinstance(part, ast.Name) else _constant(part, (int, str), wrong) for part in call.args]
        rest = {str(word.arg): _constant(word.value, (int, float, str), wrong) for word in call.keywords}
        dtype = (dtypes or {}).get(name.strip(), "")
        if "int" in dtype and call.func.id in ("integers", "mask"):
            rest.setdefault("dtype", dtype)
        _fits(text, call.func.id, shape, rest)
        _once("--input", text, name.strip(), seen)
        seen.add(name.strip())
        yield name.strip(), call.func.id, shape, rest


def _no_kind(kind: str, kinds: Sequence[str]) -> str:
    """What is said of a kind that is none."""
    meant = closest(kind, kinds)
    return f"there is no kind {kind!r}{f', did you mean {meant!r}?' if meant else ';'} kinds: {', '.join(kinds)}"


def _fits(text: str, kind: str, shape: Sequence[int | str], rest: Mapping[str, Json]) -> None:
    """Raises UsageError where the kind does not take these words, or they are no sizes, numbers or dtypes."""
    try:
        made = getattr(declare, kind)(*shape, **{**rest, "name": "x"})
    except TypeError as refused:
        raise UsageError(f"--input {text!r}: {str(refused).replace('()', '')}") from None
    wrong = "a name stands before '='" if "name" in rest else declare.problem(made)
    if wrong:
        raise UsageError(f"--input {text!r}: {wrong}")


def _constant(part: ast.expr, kinds: type | tuple[type, ...], wrong: UsageError) -> Any:
    try:
        value = ast.literal_eval(part)
    except ValueError:
        raise wrong from None
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise wrong
    return value


def _outputs(declared: Declared, *, any_name: bool = False) -> list[tuple[str, str]]:
    """Names, each with what declares it. `any_name`: not only what may stand in code."""
    found: list[tuple[str, str]] = []
    for text in declared.outputs:
        said = _OUTPUT.fullmatch(text)
        kind, name = (said[1], said[2] or said[3]) if said else (None, "")
        if name and kind not in (None, *OUTPUTS):
            raise UsageError(f"--output {text!r}: {_no_kind(kind, OUTPUTS)}")
        if not name or not (any_name or _is_name(name)):
            raise UsageError(f"--output {text!r} cannot be read: {_FORMS['--output']}")
        _once("--output", text, name, [other for other, _ in found])
        found.append((name, f"{kind}({name!r})" if kind else repr(name)))
    return found


def _axes(declared: Declared) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for text in declared.axes:
        name, _, sizes = text.partition("=")
        if not re.fullmatch(r"\s*\d{1,9}(\s*,\s*\d{1,9})+\s*", sizes) or not name.strip():
            raise UsageError(f"--axis {text!r} cannot be read: {_FORMS['--axis']}")
        tried = tuple(int(size) for size in sizes.split(","))
        if len(set(tried)) < len(tried) or 0 in tried:
            raise UsageError(f"--axis {text!r}: asks for two or more different sizes, each above 0")
        _once("--axis", text, name.strip(), found)
        found[name.strip()] = tried
    return found


def _once(option: str, text: str, name: str, before: Collection[str]) -> None:
    """Raises UsageError where an option says something of what another of its kind has said already."""
    if name in before:
        raise UsageError(f"{option} {text!r}: another {option} names {_shown(name)} already")


# A function of a module


def _function(source: str, declared: Declared, where: Where) -> tuple[Path, _Model]:
    """Where it is imported from, and the model."""
    module, _, function = source.partition(":")
    found = _located(module, where.path)
    package = None if found else _held(module, where.packages())
    if found is None and package is None:
        raise UsageError(
            f"{module}: no such module in {_searched(where.path)}, and no chosen toolchain has a package of that name "
            "(what is installed beside tfparity does not count: name its folder with --path); a case file is named by "
            "its path (my_cases.py)"
        )
    inputs = _inputs(declared)
    if not inputs:
        raise UsageError(f"{source}: what does the model take? {_FORMS['--input'].replace('write', 'say --input')}")
    root, code = found or (Path(), None)
    lacking = module_names.lacks(root, module, function) if found else None
    if lacking:
        raise UsageError(f"{source}: {lacking}")
    lines = [f"from {module} import {function}", "", f"return {function}().eval()"]
    if code is not None:
        lines = ["import sys", "", f"CODE = {code!r}", f"sys.path.insert(0, {case_source.PLACE})", *lines]
    return root, _Model(
        _id(f"{module}.{function}"),
        inputs,
        [said for _, said in _outputs(declared)] or ["'output'"],
        _axes(declared),
        f"What {source} gives.",
        "\n".join(lines),
        {package: ""} if package else {},
    )


def _located(module: str, path: Sequence[Path]) -> tuple[Path, str] | None:
    """The folder from which the module can be imported, and a digest of what it is: of every file of its top-level
    package, or of the .py files beside the one file that it is; None without one. What is installed beside tfparity is
    none of a model's: its folder would hide the toolchain's packages."""
    below = Path(*module.split("."))
    installed = [paths.real(prefix) for prefix in (sys.prefix, sys.base_prefix)]
    searched = [paths.real(entry) for entry in sys.path if entry]
    for root in (*path, Path.cwd(), *(entry for entry in searched if not any(map(entry.is_relative_to, installed)))):
        if (root / below).with_suffix(".py").is_file() or (root / below / "__init__.py").is_file():
            top = root / below.parts[0]
            files = top.rglob("*") if top.is_dir() else root.glob("*.py")
            code = sorted(file for file in files if file.is_file() and "__pycache__" not in file.parts)
            return paths.real(root), paths.digest(code, root)
    return None


def _held(module: str, packages: Collection[str]) -> str | None:
    """The package, of those that toolchains hold, that such a module is of: of the same name but for what joins its
    words."""
    top = module.partition(".")[0].lower()
    return next((name for name in packages if re.sub(r"[-.]+", "_", name.lower()) == top), None)


def _searched(path: Sequence[Path]) -> str:
    return ", ".join([*map(str, path), str(Path.cwd())]) + " or on PYTHONPATH"


# An .onnx file


def _onnx_file(path: Path, declared: Declared) -> _Model:
    """Inputs, outputs and axes as the file names them; what is declared goes before."""
    found = onnx_reader.read(path)
    said, axes = _inputs(declared, {value.name: value.dtype for value in found.inputs}), _axes(declared)
    kinds = dict(_outputs(declared, any_name=True))
    names = [value.name for value in found.outputs]
    for what, asked, there in (
        ("input", said, [value.name for value in found.inputs]),
        ("output", kinds, names),
    ):
        _refuse_unknown(path, what, asked, there)
    inputs = {value.name: said.get(value.name) or _onnx_input(path, value, axes) for value in found.inputs}
    used = list(dict.fromkeys(axis for call in inputs.values() for axis in _axes_of(call)))
    for axis in used:
        if axis not in axes and axis != "batch":
            raise Unsaid(f"{path}: the axis {axis!r} needs sizes: {_say_axis(axis)}", _axis_example(axis))
    _refuse_unknown(path, "axis", axes, used)
    outputs = [kinds.get(name, repr(name)) for name in names]
    body = f"return {case_source.PLACE}"
    return _Model(_id(path.stem), inputs, outputs, axes, f"The file {path.name}.", body, {}, found.opset)


def _refuse_unknown(path: Path, what: str, asked: Iterable[str], there: Sequence[str]) -> None:
    for name in asked:
        if name not in there:
            raise UsageError(f"{path}: has no {what} {name!r}; it has {', '.join(map(repr, there)) or 'none'}")


def _axes_of(call: str) -> list[str]:
    """The axes in what _inputs or _onnx_input made."""
    parts = python_source.expression(call).args  # type: ignore[attr-defined]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _say_axis(axis: str) -> str:
    return f"say which to try, the exported one first: {shlex.join(_axis_example(axis).words)}"


def _axis_example(axis: str) -> Declared:
    return Declared(axes=(f"{_shown(axis)}=16,7,24",))


def _shown(name: str) -> str:
    """A file's name for something, fit for a terminal."""
    return name if name.isprintable() else repr(name)[1:-1]


def _onnx_input(path: Path, value: onnx_reader.Value, axes: dict[str, tuple[int, ...]]) -> str:
    """The call that declares it; sizes for its symbolic dimensions go into `axes`: for a first one those of a batch."""
    if value.shape is None:
        example = Declared((f"{_shown(value.name)}=normal(batch, 3, 224, 224)",))
        raise Unsaid(f"{path}: the input {value.name!r} has no shape: say one: {shlex.join(example.words)}", example)
    shape: list[int | str] = []
    for place, size in enumerate(value.shape):
        symbol = size if size is not None else "batch" if place == 0 else f"{value.name}-{place}"
        if isinstance(symbol, str) and symbol not in axes:
            if place:
                raise Unsaid(
                    f"{path}: the input {value.name!r} has a dimension {symbol!r} of any size: {_say_axis(symbol)}",
                    _axis_example(symbol),
                )
            axes[symbol] = declare.BATCH
        shape.append(symbol)
    kind = {"float32": "normal", "bool": "boolean"}.get(value.dtype)
    if kind is None and "mask" in value.name.lower() and value.dtype in ("int32", "int64"):
        kind = "mask"
    if kind is None:
        dims = ", ".join(str(size) if str(size).isidentifier() else json.dumps(size) for size in shape)
        wrong = f"{path}: the input {value.name!r} is of {value.dtype}"
        if "int" not in value.dtype:
            raise UsageError(f"{wrong}: no kind of input gives that")
        example = Declared((f"{_shown(value.name)}=integers({dims}, high=30522)",))
        raise Unsaid(f"{wrong}: say how high it goes: {shlex.join(example.words)}", example)
    given = [repr(size) for size in shape] + ([f"dtype={value.dtype!r}"] if kind == "mask" else [])
    return f"{kind}({', '.join([*given, f'name={value.name!r}'])})"


# A Hugging Face folder


def _pretrained(folder: Path, declared: Declared) -> list[_Model]:
    """The model as saved, and once more with eager attention: the fused one needs an opset that not every converter
    has."""
    config = _config(folder)
    named = config.get("architectures")
    architecture = str(named[0]) if isinstance(named, list) and named else ""
    if not _is_name(architecture):
        raise UsageError(f"{folder}/config.json: names no architecture; save the model with save_pretrained()")
    inputs, axes = _inputs(declared), _axes(declared)
    if not inputs:
        inputs, axes = _usual_inputs(folder, config, axes)
    answers = next((names for end, names in _ANSWERS.items() if architecture.endswith(end)), _LOGITS)
    usual = [(name, f"ranking({name!r})" if name == "logits" else repr(name)) for name in answers]
    names, outputs = zip(*(_outputs(declared) or usual), strict=True)
    code = paths.digest(sorted(path for path in folder.iterdir() if path.is_file()))

    def made(id: str, more: str, requires: Mapping[str, str]) -> _Model:
        body = _PRETRAINED.format(
            code=code,
            place=case_source.PLACE,
            architecture=architecture,
            more=more,
            parameters=", ".join(inputs),
            given=", ".join(f"{name}={name}" for name in inputs),
            answers=", ".join(f"found.{name}" for name in names),
        )
        return _Model(id, inputs, outputs, axes, f"{architecture} of {folder.name}.", body, requires)

    id = _id(folder.name)
    return [
        made(id, "", {"transformers": ">=4"}),
        made(f"{id}-eager", ', attn_implementation="eager"', {"transformers": ">=4.36"}),
    ]


_PRETRAINED = """\
import torch
from transformers import {architecture}

FILES = {code!r}
network = {architecture}.from_pretrained({place}, local_files_only=True{more}).float()
network.config.use_cache = False

class Tensors(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = network

    def forward(self, {parameters}):
        found = self.network({given}, return_dict=True)
        return {answers}

return Tensors().eval()"""


def _is_name(text: Any) -> bool:
    """Whether it may stand as a name in what is made."""
    return isinstance(text, str) and text.isidentifier() and not keyword.iskeyword(text)


def _size(value: Any) -> int | None:
    """A size that a config tells, None for what is none: it goes into code."""
    return value if type(value) is int and value > 0 else None


def _config(folder: Path) -> dict[str, Json]:
    try:
        value = json.loads(paths.read_text(folder / "config.json"))
    except (OSError, ValueError, RecursionError) as wrong:
        raise UsageError(f"{folder}/config.json: cannot be read: {wrong}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{folder}/config.json: is no object")
    return value


def _usual_inputs(
    folder: Path, config: Mapping[str, Json], axes: dict[str, tuple[int, ...]]
) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """What the processor of such a model gives, by what its config holds."""
    vocabulary, longest = (_size(config.get(name)) for name in ("vocab_size", "max_position_embeddings"))
    image, channels = config.get("image_size"), _size(config.get("num_channels")) or 3
    sides = [_size(side) for side in image] if isinstance(image, list) else [_size(image)] * 2
    found: dict[str, str] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    if config.get("conv_kernel") and config.get("feat_extract_norm"):
        found["input_values"] = "normal('batch', 'samples', name='input_values')"
        sizes["samples"] = SAMPLES
    elif vocabulary and not image:
        segments = _size(config.get("type_vocab_size")) or 0
        sizes["sequence"] = tuple(min(size, longest or size) for size in SEQUENCE)
        found["input_ids"] = f"integers('batch', 'sequence', high={vocabulary}, name='input_ids')"
        found["attention_mask"] = "mask('batch', 'sequence', name='attention_mask')"
        if segments > 1:  # of a single one, as RoBERTa has it, processors give none
            found["token_type_ids"] = f"integers('batch', 'sequence', high={segments}, name='token_type_ids')"
        if config.get("is_encoder_decoder"):
            sizes["target"] = (5, 3, 9)
            found["decoder_input_ids"] = f"integers('batch', 'target', high={vocabulary}, name='decoder_input_ids')"
    elif len(sides) == 2 and all(sides) and not vocabulary:
        found["pixel_values"] = f"normal('batch', {channels}, {sides[0]}, {sides[1]}, name='pixel_values')"
    else:
        raise UsageError(f"{folder}: its config does not tell what the model takes; {_FORMS['--input']}")
    return found, {**sizes, **axes}
