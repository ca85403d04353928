"""TensorFlow 2.16 and later: `tf.keras` is tf-keras (Keras 2) instead of Keras 3.

Under Keras 3, tensorflow-addons does not import, and onnx-tf converts with Keras 3.9 to what fails
when it runs (`only one input size may be -1`). The environment must have tf-keras; without it
TensorFlow says `Keras cannot be imported`.

https://github.com/keras-team/tf-keras
"""

import os

from tfparity.worker.shims import Shim


def apply() -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"


SHIM = Shim(revision=1, apply=apply)
