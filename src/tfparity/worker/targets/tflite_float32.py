"""A .tflite file of 32-bit floats, by TensorFlow's own converter."""

import os
from typing import Any, Dict

from tfparity.worker.runtimes import saved_model, tflite
from tfparity.worker.targets import Target


def make(artifact: str, folder: str) -> Dict[str, Any]:
    """Convert with TFLite's own operators; if they do not suffice, also with TensorFlow's, which every runtime that
    serves the file must then have: https://www.tensorflow.org/lite/guide/ops_select"""
    import tensorflow as tf

    def converted(select: bool) -> Any:
        converter = tf.lite.TFLiteConverter.from_saved_model(artifact, signature_keys=["serving_default"])
        if select:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        return converter.convert()

    select = False
    try:
        model = converted(select)
    except Exception as lacking:
        if "ops" not in str(lacking).lower():
            raise
        select = True
        model = converted(select)
    os.mkdir(folder)
    with open(os.path.join(folder, tflite.MODEL), "wb") as file:
        file.write(model)
    return {"select_tf_ops": select, "megabytes": round(len(model) / 1e6, 2)}


TARGET = Target(
    revision=1,
    remedies=("max-pool-without-pads",),
    make=make,
    load=tflite.RUNTIME.load,
    pin_threads=saved_model.RUNTIME.pin_threads,
)
