"""Scripts that make a conversion again without tfparity: what a person types who knows already what works."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from tfparity import paths
from tfparity.features.convert.templates import (
    EXAMPLES,
    EXPORT_FILE,
    MADE,
    MODEL,
    QUANTIZE,
    QUANTIZE_EXAMPLES,
    QUANTIZE_HEAD,
    RECIPES,
    REWRITTEN,
    ROUTES,
    TFLITE,
    TFLITE_FILES,
    TFLITE_HEAD,
    TFLITE_OPTIONS,
    UNSAID,
)
from tfparity.inputs import case_digest as case_source
from tfparity.inputs import python_source
from tfparity.inputs.matrix import Environment
from tfparity.records.vocabulary import Target
from tfparity.worker.declare import Case, Input
from tfparity.worker.remedies import load

__all__ = ["MADE", "unsaid", "write"]

#: What stands where a model of the zoo is built by parts that the script cannot show.
_YOURS = "model = ...  # your model, in eval mode"

#: A with statement over nothing, and what stands under it.
_UNMANAGED = re.compile(r"^( *)if True:\n((?:\1    .*\n|\n(?=\n*\1    ))+)", re.MULTILINE)


def unsaid(route: str, case: Case) -> str | None:
    """Why no script can say how that route takes the case, in a line; None where one can."""
    if route not in ROUTES:
        return UNSAID.get(route, "the route is none of tfparity's own")
    given = [one.name for one in case.inputs if one.kind == "given"]
    return f"a function of the case's file gives {', '.join(given)}" if given else None


def write(
    folder: Path,
    route: str,
    case: Case,
    environments: Sequence[Environment],
    opset: int,
    remedies: Sequence[str],
    *,
    output_axes: Sequence[Mapping[int, str]],
    tflite: Mapping[Target, bool],
    maker: Environment | None = None,
    examples: int = 0,
) -> str:
    """Write convert.py, export.py where the two sides are apart, and quantize.py where litert-quantizer makes targets,
    into `folder`; the lines of a shell that run them. They write into a folder `made`. `unsaid` tells whether there can
    be any.

    environments: the source's, then the target's where that is another. remedies: those that were taken. output_axes:
    see Case.output_axes. tflite: the .tflite files that are made of what the route gives, and whether with TensorFlow's
    operators beside TFLite's. maker: where those are made that litert-quantizer makes. examples: how many examples.npz
    holds for those that need some.
    """
    for name in remedies:
        declare = load(name).declare
        case = declare(case) if declare else case
    axes = output_axes if case.axes else ()
    exporting, converting = ROUTES[route]
    source, target = environments[0], environments[-1]
    if case.onnx_opset:
        exporting = EXPORT_FILE
    values = {
        "module": MODEL.strip(),
        "model": _model(case),
        "rewritten": _rewritten(remedies),
        "example": _listed(_example(one, case) for one in case.inputs),
        "names": repr([one.name for one in case.inputs]),
        "parameters": ", ".join(one.name for one in case.inputs),
        "outputs": repr([output.name for output in case.outputs]),
        "axes": repr(_axes(case, axes)),
        "open": repr(sorted(case.axes)),
        "open_dimensions": _listed(map(_open, case.inputs)),
        "polymorphic": _listed(repr(f"({''.join(f'{size}, ' for size in one.shape)})") for one in case.inputs),
        "shapes": _listed(map(_shape, case.inputs)),
        "specs": _listed(f"tf.TensorSpec({_shape(one)}, {one.dtype!r}, {one.name!r})" for one in case.inputs),
        "images": _images(case),
        "opset": str(opset),
        "dynamo": "dynamo=False," if _pinned(source, "torch") >= Version("2.5") else "",
        "around_export": _around("exporting", remedies),
        "around_convert": _around("converting", remedies),
        "direct": "flatbuffer_direct_output_saved_model=True," if _pinned(target, "onnx2tf") >= Version("2") else "",
        "examples": _given(case, examples, target) if examples else "",
        "file_opset": f"exported = version_converter.convert_version(exported, {opset})"
        if opset != case.onnx_opset
        else "",
    }
    ran = ["# your .onnx file is read as yours.onnx"] if case.onnx_opset else []
    if values["model"].endswith(_YOURS) and not case.onnx_opset:
        ran.append(f"# first put your model into {'export.py' if exporting else 'convert.py'}, where it says so")
    if exporting:
        _write(folder / "export.py", exporting, values, source, remedies)
        ran.append(f"{source.id}/bin/python export.py")
    apart = [one for one in tflite if one in RECIPES]
    by_tensorflow = {one: select for one, select in tflite.items() if one not in RECIPES}
    if apart and "made/saved_model" in converting:  # they are made of it
        by_tensorflow.setdefault(Target.TFLITE_FLOAT32, any(tflite[one] for one in apart))
    _write(folder / "convert.py", converting + _tflite(by_tensorflow), values, target, remedies)
    ran.append(f"{target.id}/bin/python convert.py")
    if apart and maker is not None:
        _write(folder / "quantize.py", _quantize(apart, examples), {}, maker, ())
        ran.append(f"{maker.id}/bin/python quantize.py")
    carried = [name for name in remedies if any(_has(name, part) for part in ("exporting", "rewrite", "converting"))]
    if carried or target.shims or source.shims:
        _carry(folder / "carried", carried, [*source.shims, *target.shims])
    return "\n".join(ran)


def _write(
    path: Path, template: str, values: Mapping[str, str], environment: Environment, remedies: Sequence[str]
) -> None:
    text = template.strip("\n") + "\n"
    for name, value in values.items():
        if not value:  # and no line that it stood on
            text = re.sub(rf"^ *«{name}»\n", "", text, flags=re.MULTILINE)
        text = text.replace(f"«{name}»", value)
    text = _UNMANAGED.sub(lambda block: textwrap.indent(textwrap.dedent(block[2]), block[1]), text)
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    head = "# Made by tfparity; see README.md.\n"
    if environment.shims:
        names = [_module(name) for name in environment.shims]
        head += f"from carried.shims import {', '.join(names)}\n\n"
        head += "".join(f"{name}.apply()\n" for name in names) + "\n"
    entered = [_module(name) for name in sorted(remedies) if re.search(rf"\b{_module(name)}\.\w+\(", text)]
    if entered:
        head += f"from carried.remedies import {', '.join(entered)}\n\n"
    paths.write_text(path, head + text)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _listed(parts: object) -> str:
    return "[" + ", ".join(map(str, parts)) + "]"  # type: ignore[call-overload]


def _model(case: Case) -> str:
    """The lines that build the model: those of a made case file, whose function needs nothing beside it."""
    text = paths.read_text(Path(case.file))
    sizes = ", ".join(f"{one.name} of {', '.join(map(str, one.shape))}" for one in case.inputs)
    yours = f"# {case.id} was checked, with {sizes}: other sizes go into the example below, too\n{_YOURS}"
    if not text.startswith("# Made by tfparity"):
        return yours
    for node in python_source.module(text).body:
        if isinstance(node, ast.FunctionDef) and any(repr(case.id) in ast.unparse(d) for d in node.decorator_list):
            node.decorator_list = []
            place = next(line for line in text.splitlines() if line.startswith(f"{case_source.PLACE} ="))
            return f"{place}\n\n\n{ast.unparse(node)}\n\n\nmodel = {node.name}()"
    return yours


def _pinned(environment: Environment, package: str) -> Version:
    return Version(environment.pins.get(package, "0"))


def _example(given: Input, case: Case) -> str:
    """An input of the exported shape as a torch expression."""
    shape = [case.axes[size][0] if isinstance(size, str) else size for size in given.shape]
    arguments = dict(given.arguments)
    if given.kind == "integers":
        made = f"torch.randint({int(arguments['low'])}, {int(arguments['high'])}, {shape})"
    elif given.kind == "uniform":
        made = f"torch.empty({shape}).uniform_({arguments['low']}, {arguments['high']})"
    elif given.kind in ("mask", "boolean"):
        made = f"torch.ones({shape})"
    else:
        made = f"torch.randn({shape})"
    return f"{made}.to(torch.{given.dtype})"


def _axes(case: Case, outputs: Sequence[Mapping[int, str]]) -> dict[str, dict[int, str]]:
    """The dimensions that are open, of inputs and outputs by name."""
    named = {one.name: _open(one) for one in case.inputs}
    named.update((output.name, dict(axes)) for output, axes in zip(case.outputs, outputs, strict=False))
    return {name: axes for name, axes in named.items() if axes}


def _open(given: Input) -> dict[int, str]:
    return {d: size for d, size in enumerate(given.shape) if isinstance(size, str)}


def _shape(given: Input) -> tuple[int | None, ...]:
    return tuple(None if isinstance(size, str) else size for size in given.shape)


def _images(case: Case) -> str:
    """onnx2tf's option for the inputs that it would turn to channels last."""
    names = [one.name for one in case.inputs if len(one.shape) in (3, 4, 5)]
    return f"keep_ncw_or_nchw_or_ncdhw_input_names={names}," if names else ""


def _around(part: str, remedies: Sequence[str]) -> str:
    """A with statement over the context managers of the remedies, or one that does nothing."""
    found = [f"{_module(name)}.{part}()" for name in remedies if _has(name, part)]
    return f"with {', '.join(found)}:  # carried" if found else "if True:"


def _rewritten(remedies: Sequence[str]) -> str:
    names = [_module(name) for name in remedies if _has(name, "rewrite")]
    calls = "\n".join(f"{name}.rewrite(exported)  # carried" for name in names)
    return REWRITTEN.strip("\n").replace("«calls»", calls) if names else ""


_SELECT = "converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]"


def _tflite(made: Mapping[Target, bool]) -> str:
    """What makes the .tflite files."""
    if not made:
        return ""
    parts = []
    for target, select in made.items():
        options = [*TFLITE_OPTIONS[target], *([_SELECT] if select else [])]
        text = TFLITE.replace("«file»", TFLITE_FILES[target])
        parts.append(text.replace("«options»\n", "".join(f"{line}\n" for line in options)))
    return TFLITE_HEAD + "".join(parts)


def _quantize(made: Sequence[Target], examples: int) -> str:
    """What makes files of model.tflite with litert-quantizer."""
    calls = [(TFLITE_FILES[target], *RECIPES[target]) for target in made]
    needed = any(ranges for *_, ranges in calls)
    given = QUANTIZE_EXAMPLES.strip("\n").replace("«count»", str(examples)) if needed else ""
    parts = [
        QUANTIZE.replace("«recipe»", recipe).replace("«ranges»", ranges).replace("«file»", file)
        for file, recipe, ranges in calls
    ]
    return QUANTIZE_HEAD.replace("«examples»\n", f"{given}\n" if given else "") + "".join(parts)


def _given(case: Case, examples: int, environment: Environment) -> str:
    """A function that gives the examples: by name from TensorFlow 2.7 on, else in the order of the names."""
    names = [one.name for one in case.inputs]
    if max(_pinned(environment, "tensorflow"), _pinned(environment, "tensorflow-cpu")) >= Version("2.7"):
        answer = f'"serving_default", {{name: stored[f"{{name}}/{{number}}"] for name in {names}}}'
    else:
        answer = f'[stored[f"{{name}}/{{number}}"] for name in {sorted(names)}]'
    return EXAMPLES.strip("\n").replace("«count»", str(examples)).replace("«answer»", answer)


def _has(name: str, part: str) -> bool:
    return getattr(load(name), part) is not None


#: How the lines begin by which a remedy or a shim declares itself to tfparity.
_DECLARING = (
    "from tfparity.worker.remedies import Remedy",
    "from tfparity.worker.shims import Shim",
    "REMEDY =",
    "SHIM =",
)


def _plain(text: str) -> str:
    """The code of a remedy or a shim, without what declares it to tfparity."""
    lines = text.splitlines(keepends=True)
    for node in reversed(python_source.module(text).body):
        if lines[node.lineno - 1].startswith(_DECLARING):
            del lines[node.lineno - 1 : node.end_lineno]
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines)).rstrip("\n") + "\n"


def _carry(folder: Path, remedies: Sequence[str], shims: Sequence[str]) -> None:
    """Copies of the remedies and shims, which stand alone but for an error class."""
    for kind, names in (("remedies", remedies), ("shims", shims)):
        if not names:
            continue
        own = folder / kind
        own.mkdir(parents=True)
        paths.write_text(own / "__init__.py", "")
        modules = [f"{_module(name)}.py" for name in names]
        helpers = [path.name for path in (paths.WORKER / kind).glob("_*.py") if path.name != "__init__.py"]
        for module in [*modules, *helpers]:
            text = _plain((paths.WORKER / kind / module).read_text(encoding="utf-8"))
            text = text.replace(f"tfparity.worker.{kind}", f"carried.{kind}").replace(
                "tfparity.worker.messages", "carried.messages"
            )
            paths.write_text(own / module, text)
    for module in ("messages.py", "machine_errors.py"):
        text = (paths.WORKER / module).read_text(encoding="utf-8")
        paths.write_text(folder / module, text.replace("from tfparity.worker import", "from carried import"))
    paths.write_text(folder / "__init__.py", "")
