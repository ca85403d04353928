"""A .tflite file of 32-bit floats, by TensorFlow's own converter."""

import os
from typing import Any, Dict

from tfparity.worker.saved_model import pin_threads
from tfparity.worker.tflite import MODEL, load

__all__ = ["REMEDIES", "REVISION", "load", "make", "pin_threads"]

REVISION = 1

#: Each is tried where the SavedModel is right and the file is not.
REMEDIES = ("max-pool-without-pads",)


def make(artifact: str, folder: str) -> Dict[str, Any]:
    """With TFLite's own operators; where they do not suffice, with TensorFlow's beside them, which every runtime that
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
    with open(os.path.join(folder, MODEL), "wb") as file:
        file.write(model)
    return {"select_tf_ops": select, "megabytes": round(len(model) / 1e6, 2)}
