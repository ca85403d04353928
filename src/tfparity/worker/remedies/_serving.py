"""Re-export of what onnx2tf wrote: changed outputs of serving_default, the same variables."""

import os
import re
import shutil
from contextlib import contextmanager
from functools import wraps
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

#: What an ONNX file declares of an output: its name, and its sizes, None where open.
Declared = Tuple[str, List[Any]]

#: From an output's tensor and what is declared of it: its name and another tensor.
Change = Callable[[Any, Declared], Tuple[str, Any]]


@contextmanager
def changed(change: Change) -> Iterator[None]:
    """A context in which onnx2tf.convert also applies `change` to every output."""
    from onnx2tf import onnx2tf

    kept = onnx2tf.convert

    @wraps(kept)  # the route asks its signature which options it has
    def convert(input_onnx_file_path: str, output_folder_path: str, **options: Any) -> None:
        kept(input_onnx_file_path=input_onnx_file_path, output_folder_path=output_folder_path, **options)
        _wrap(output_folder_path, _declared(input_onnx_file_path), change)

    onnx2tf.convert = convert
    try:
        yield
    finally:
        onnx2tf.convert = kept


def _declared(path: str) -> List[Declared]:
    """The outputs of the ONNX file, in its order."""
    import onnx

    return [
        (
            one.name,
            [size.dim_value if size.HasField("dim_value") else None for size in one.type.tensor_type.shape.dim],
        )
        for one in onnx.load(path, load_external_data=False).graph.output
    ]


def _numbered(name: str) -> List[Any]:
    """A sort key that puts output_2 before output_10. (A copy of saved_model's: conversion scripts carry this file
    alone.)"""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _wrap(folder: str, outputs: Sequence[Declared], change: Change) -> None:
    """Save the model in `folder` again. If its outputs have other names than the declared ones, their numbers give the
    order."""
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    served = loaded.signatures["serving_default"]
    module = tf.Module()
    module.loaded = loaded  # keeps its variables

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def serve(**inputs: Any) -> Dict[str, Any]:
        answer = served(**inputs)
        names = [name for name, _ in outputs]
        order = names if sorted(answer) == sorted(names) else sorted(answer, key=_numbered)
        return dict(change(answer[name], output) for name, output in zip(order, outputs))

    specs = {
        name: tf.TensorSpec(one.shape, one.dtype, name) for name, one in served.structured_input_signature[1].items()
    }
    wrapped = folder + ".wrapped"
    tf.saved_model.save(module, wrapped, signatures=serve.get_concrete_function(**specs))
    for name in os.listdir(wrapped):  # what lies beside it stays
        old = os.path.join(folder, name)
        if os.path.isdir(old):
            shutil.rmtree(old)
        elif os.path.exists(old):
            os.remove(old)
        shutil.move(os.path.join(wrapped, name), old)
    os.rmdir(wrapped)
