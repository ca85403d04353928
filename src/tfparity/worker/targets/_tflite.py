"""What the targets that are .tflite files share: TensorFlow's own converter, and what the file holds."""

import os
from typing import Any, Callable, Dict, Iterator, List

from tfparity.worker.runtimes import saved_model, tflite
from tfparity.worker.targets import Examples, Target

#: Sets the options of a tf.lite.TFLiteConverter.
Configure = Callable[[Any], None]

#: How the names of TensorFlow's own operators begin in a .tflite file.
FLEX = "Flex"


def make(artifact: str, folder: str, configure: Configure, select: bool = True) -> Dict[str, Any]:
    """Convert with TFLite's own operators; if they do not suffice and `select` allows it, also with TensorFlow's, which
    every runtime that serves the file must then have: https://www.tensorflow.org/lite/guide/ops_select"""
    import tensorflow as tf
    from tensorflow.lite.python import schema_py_generated as schema

    def converted(with_select: bool) -> Any:
        converter = tf.lite.TFLiteConverter.from_saved_model(artifact, signature_keys=["serving_default"])
        configure(converter)
        if with_select:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        return converter.convert()

    needed = False
    try:
        model = converted(needed)
    except Exception as lacking:
        if not select or "ops" not in str(lacking).lower():
            raise
        needed = True
        model = converted(needed)
    os.mkdir(folder)
    with open(os.path.join(folder, tflite.MODEL), "wb") as file:
        file.write(model)
    return {"select_tf_ops": needed, "megabytes": megabytes(model), "flex": flex(model, schema)}


def megabytes(model: bytes) -> float:
    """The size of a file, three digits."""
    return float("%.3g" % (len(model) / 1e6))


def flex(model: bytes, schema: Any) -> List[str]:
    """The operators of TensorFlow's own in a .tflite file, by TensorFlow's names. schema: what reads the file."""
    codes = schema.Model.GetRootAsModel(bytearray(model), 0)
    found = set()
    for place in range(codes.OperatorCodesLength()):
        custom = codes.OperatorCodes(place).CustomCode()
        name = custom.decode() if custom else ""
        if name.startswith(FLEX):
            found.add(name[len(FLEX) :])
    return sorted(found)


def representative(artifact: str, examples: Examples) -> Callable[[], Iterator[Any]]:
    """Examples as the converter takes them: by name from TensorFlow 2.7 on
    (https://github.com/tensorflow/tensorflow/releases/tag/v2.7.0), in the order of the names before."""
    import tensorflow as tf

    taken = saved_model.ServingDefault(artifact)
    by_name = tuple(int(part) for part in tf.__version__.split(".")[:2]) >= (2, 7)

    def given() -> Iterator[Any]:
        for example in examples():
            named = {name: value.numpy() for name, value in taken.tensors(list(example.items())).items()}
            yield ("serving_default", named) if by_name else [named[name] for name in sorted(named)]

    return given


def target(make: Callable[[str, str, Examples], Dict[str, Any]], precision: str, **changed: Any) -> Target:
    """A target that is a .tflite file."""
    return Target(
        precision=precision,
        load=tflite.RUNTIME.load,
        pin_threads=saved_model.RUNTIME.pin_threads,
        make=make,
        remedies=("max-pool-without-pads",),
        **changed,
    )
