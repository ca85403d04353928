"""Scripts that make a conversion again without tfparity: what a person types who knows already what works."""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from tfparity import case_source, paths
from tfparity.matrix import Environment
from tfparity.worker.declare import Case, Input

#: What stands where a model of the zoo is built by parts that the script cannot show.
_YOURS = "model = ...  # your model, in eval mode"

_UNMANAGED = re.compile(r"^( *)if True:\n((?:\1    .*\n)+)", re.MULTILINE)


def write(
    folder: Path,
    route: str,
    case: Case,
    environments: Sequence[Environment],
    opset: int,
    remedies: Sequence[str],
    *,
    tflite: bool,
    select_tf_ops: bool,
) -> str | None:
    """Write export.py and convert.py into `folder`; the lines of a shell that run them. None where no script can say it
    all: of a route that has none, of a case whose inputs a function gives, of a remedy that changes what is declared.

    environments: the source's, then the target's where that is another. remedies: those that were taken. tflite:
    whether a .tflite file is made of the SavedModel; select_tf_ops: with TensorFlow's operators beside TFLite's.
    """
    changed = any(_has(name, "declare") for name in remedies)
    if route not in _ROUTES or changed or any(one.kind == "given" for one in case.inputs):
        return None
    exporting, converting = _ROUTES[route]
    source, target = environments[0], environments[-1]
    if case.onnx_opset:
        exporting = _EXPORT_FILE
    values = {
        "model": _model(case),
        "example": _listed(_example(one, case) for one in case.inputs),
        "names": repr([one.name for one in case.inputs]),
        "outputs": repr([output.name for output in case.outputs]),
        "axes": repr(_axes(case)),
        "specs": _listed(
            f"tf.TensorSpec({[None if isinstance(d, str) else d for d in one.shape]}, {one.dtype!r}, {one.name!r})"
            for one in case.inputs
        ),
        "images": repr([one.name for one in case.inputs if len(one.shape) in (3, 4, 5)]),
        "opset": str(opset),
        "dynamo": "dynamo=False," if _pinned(source, "torch") >= Version("2.5") else "",
        "around_export": _around("exporting", remedies),
        "rewritten": _rewritten(remedies),
        "around_convert": _around("converting", remedies),
        "direct": "flatbuffer_direct_output_saved_model=True, " if _pinned(target, "onnx2tf") >= Version("2") else "",
        "select": _SELECT if select_tf_ops else "",
        "file_opset": f"exported = version_converter.convert_version(exported, {opset})"
        if opset != case.onnx_opset
        else "",
    }
    ran = ["# your .onnx file is read as yours.onnx"] if case.onnx_opset else []
    if values["model"] == _YOURS and not case.onnx_opset:
        ran.append("# first put your model into export.py, where it says so")
    _write(folder / "export.py", exporting, values, source, remedies)
    ran.append(f"{source.id}/bin/python export.py")
    _write(folder / "convert.py", converting + (_TFLITE if tflite else ""), values, target, remedies)
    ran.append(f"{target.id}/bin/python convert.py")
    if remedies or target.shims or source.shims:
        _carry(folder / "carried", remedies, [*source.shims, *target.shims])
    return "\n".join(ran)


def _write(
    path: Path, template: str, values: dict[str, str], environment: Environment, remedies: Sequence[str]
) -> None:
    text = textwrap.dedent(template).strip("\n") + "\n"
    for name, value in values.items():
        text = text.replace(f"«{name}»", value)
    # What stands under no context manager moves out to the left; a line ends where its words do.
    text = _UNMANAGED.sub(lambda block: textwrap.indent(textwrap.dedent(block[2]), block[1]), text)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    head = "# Made by tfparity; see README.md.\n"
    if environment.shims:
        names = [name.replace("-", "_") for name in environment.shims]
        head += f"from carried.shims import {', '.join(names)}\n\n"
        head += "".join(f"{name}.apply()\n" for name in names) + "\n"
    if remedies and "carried" in text:
        head += f"from carried.remedies import {', '.join(sorted(name.replace('-', '_') for name in remedies))}\n"
    paths.write_text(path, head + text)


def _listed(parts: object) -> str:
    return "[" + ", ".join(map(str, parts)) + "]"  # type: ignore[call-overload]


def _model(case: Case) -> str:
    """The lines that build the model: those of a made case file, whose function needs nothing beside it."""
    text = Path(case.file).read_text(encoding="utf-8")
    if not text.startswith("# Made by tfparity"):
        return _YOURS
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and any(repr(case.id) in ast.unparse(d) for d in node.decorator_list):
            node.decorator_list = []
            place = next(line for line in text.splitlines() if line.startswith(f"{case_source.PLACE} ="))
            return f"{place}\n\n\n{ast.unparse(node)}\n\n\nmodel = {node.name}()"
    return _YOURS


def _pinned(environment: Environment, package: str) -> Version:
    return Version(environment.pins.get(package, "0"))


def _example(given: Input, case: Case) -> str:
    """An input of the exported shape as a torch expression."""
    shape = [case.axes[size][0] if isinstance(size, str) else size for size in given.shape]
    arguments = dict(given.arguments)
    if given.kind == "integers":
        made = f"torch.randint({int(arguments['low'])}, {int(arguments['high'])}, {shape})"
    elif given.kind in ("mask", "boolean"):
        made = f"torch.ones({shape})"
    else:
        made = f"torch.randn({shape})"
    return f"{made}.to(torch.{given.dtype})"


def _axes(case: Case) -> dict[str, dict[int, str]]:
    named = {one.name: {d: size for d, size in enumerate(one.shape) if isinstance(size, str)} for one in case.inputs}
    return {name: axes for name, axes in named.items() if axes}


def _around(part: str, remedies: Sequence[str]) -> str:
    """A with statement over the context managers of the remedies, or one that does nothing."""
    found = [f"{name.replace('-', '_')}.{part}()" for name in remedies if _has(name, part)]
    return f"with {', '.join(found)}:  # carried" if found else "if True:"


def _rewritten(remedies: Sequence[str]) -> str:
    names = [name.replace("-", "_") for name in remedies if _has(name, "rewrite")]
    if not names:
        return ""
    calls = "\n".join(f"{name}.rewrite(exported)  # carried" for name in names)
    return f'import onnx\n\nexported = onnx.load("model.onnx")\n{calls}\nonnx.save(exported, "model.onnx")'


_SELECT = "converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]"


def _has(name: str, part: str) -> bool:
    from tfparity.worker import remedies

    return hasattr(remedies.load(name), part)


def _carry(folder: Path, remedies: Sequence[str], shims: Sequence[str]) -> None:
    """Copies of the remedies and shims, which stand alone but for an error class."""
    for kind, names in (("remedies", remedies), ("shims", shims)):
        if not names:
            continue
        own = folder / kind
        own.mkdir(parents=True)
        paths.write_text(own / "__init__.py", "")
        modules = [f"{name.replace('-', '_')}.py" for name in names]
        helpers = [path.name for path in (paths.WORKER / kind).glob("_*.py") if path.name != "__init__.py"]
        for module in [*modules, *helpers]:
            text = (paths.WORKER / kind / module).read_text(encoding="utf-8")
            text = text.replace(f"tfparity.worker.{kind}", f"carried.{kind}").replace(
                "tfparity.worker.messages", "carried.messages"
            )
            paths.write_text(own / module, text)
    shutil.copy(paths.WORKER / "messages.py", folder / "messages.py")
    paths.write_text(folder / "__init__.py", "")


_EXPORT_ONNX = """
import torch

«model»
with torch.no_grad():
    «around_export»
        torch.onnx.export(
            model,
            tuple(«example»),
            "model.onnx",
            opset_version=«opset»,
            input_names=«names»,
            output_names=«outputs»,
            dynamic_axes=«axes»,
            «dynamo»
        )
«rewritten»
"""

_EXPORT_FILE = """
import onnx
from onnx import version_converter

exported = onnx.load("yours.onnx")
«file_opset»
onnx.save(exported, "model.onnx")
«rewritten»
"""

_TFLITE = """
import tensorflow as tf

converter = tf.lite.TFLiteConverter.from_saved_model("saved_model", signature_keys=["serving_default"])
«select»
with open("model.tflite", "wb") as file:
    file.write(converter.convert())
"""

#: Route → the script of the torch side and that of the other; «…» are filled in.
_ROUTES: dict[str, tuple[str, str]] = {
    "onnx-tf": (
        _EXPORT_ONNX,
        """
import onnx
import onnx_tf.backend

«around_convert»
    onnx_tf.backend.prepare(onnx.load("model.onnx")).export_graph("saved_model")
""",
    ),
    "onnx2tf": (
        _EXPORT_ONNX,
        """
import os
import sys

os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # it calls onnxsim
from onnx2tf import onnx2tf

onnx2tf.convert(
    input_onnx_file_path="model.onnx", output_folder_path="saved_model", output_signaturedefs=True,
    «direct»keep_ncw_or_nchw_or_ncdhw_input_names=«images» or None,
)
""",
    ),
    "hf-from-pt": (
        """
from transformers import PreTrainedModel

«model»
inside = next(module for module in model.modules() if isinstance(module, PreTrainedModel))
inside.save_pretrained("checkpoint")
with open("class.txt", "w") as file:
    file.write("TF" + type(inside).__name__)
""",
        """
import contextlib

import torch

with contextlib.suppress(ImportError):  # torch before TensorFlow: what comes second may crash
    import torch._dynamo
import tensorflow as tf
import transformers

with open("class.txt") as file:
    network = getattr(transformers, file.read()).from_pretrained("checkpoint", from_pt=True)


@tf.function(input_signature=«specs»)
def serve(*given):
    answer = network(dict(zip(«names», given)), training=False, return_dict=True)
    return {name: answer[name] for name in «outputs»}


tf.saved_model.save(network, "saved_model", signatures={"serving_default": serve.get_concrete_function()})
""",
    ),
}
