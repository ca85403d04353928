"""What onnx2tf left channels last comes out channels first: the SavedModel is wrapped in transposes of its outputs."""

import os
import shutil
from contextlib import contextmanager
from functools import wraps
from typing import Any, Dict, Iterator, Sequence

REVISION = 1

#: From channels last to channels first, by rank.
_TURNS = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def _is_turned(given: Sequence[Any], declared: Sequence[Any]) -> bool:
    """Whether an output's static shape may be the declared one (None where open) with its channels put last. Where
    the sizes leave both readings open it is taken for turned; parity tells."""
    turn = _TURNS.get(len(declared))
    if turn is None or len(given) != len(declared):
        return False
    return all(None in pair or pair[0] == pair[1] for pair in zip([given[axis] for axis in turn], declared))


def _wrap(folder: str, declared: Dict[str, Sequence[Any]]) -> None:
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    served = loaded.signatures["serving_default"]
    module = tf.Module()
    module.loaded = loaded  # keeps its variables

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def serve(**inputs: Any) -> Dict[str, Any]:
        answer = served(**inputs)
        return {
            name: tf.transpose(value, _TURNS[len(value.shape)])
            if value.shape.rank is not None and _is_turned(value.shape.as_list(), declared.get(name, ()))
            else value
            for name, value in answer.items()
        }

    specs = {
        name: tf.TensorSpec(one.shape, one.dtype, name) for name, one in served.structured_input_signature[1].items()
    }
    wrapped = folder + ".channels-first"
    tf.saved_model.save(module, wrapped, signatures=serve.get_concrete_function(**specs))
    for name in os.listdir(wrapped):  # what lies beside it, such as a .tflite file, stays
        old = os.path.join(folder, name)
        if os.path.isdir(old):
            shutil.rmtree(old)
        elif os.path.exists(old):
            os.remove(old)
        shutil.move(os.path.join(wrapped, name), old)
    os.rmdir(wrapped)


@contextmanager
def converting() -> Iterator[None]:
    import onnx
    from onnx2tf import onnx2tf

    kept = onnx2tf.convert

    @wraps(kept)  # the route asks its signature which options it has
    def convert(input_onnx_file_path: str, output_folder_path: str, **options: Any) -> None:
        kept(input_onnx_file_path=input_onnx_file_path, output_folder_path=output_folder_path, **options)
        graph = onnx.load(input_onnx_file_path, load_external_data=False).graph
        declared: Dict[str, Sequence[Any]] = {
            one.name: [
                size.dim_value if size.HasField("dim_value") else None for size in one.type.tensor_type.shape.dim
            ]
            for one in graph.output
        }
        _wrap(output_folder_path, declared)

    onnx2tf.convert = convert
    try:
        yield
    finally:
        onnx2tf.convert = kept
