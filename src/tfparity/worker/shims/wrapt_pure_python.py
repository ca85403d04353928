"""wrapt without its C extension.

On some Python 3.12 builds TensorFlow 2.18 and 2.20 fail with `this __dict__ descriptor does not
support '_DictWrapper' objects`: TensorFlow's wrapper of dictionaries meets wrapt's C object proxy.
wrapt's own Python implementation does not have that.

https://github.com/tensorflow/tensorflow/issues/60687
"""

import os

from tfparity.worker.shims import Shim


def apply() -> None:
    os.environ["WRAPT_DISABLE_EXTENSIONS"] = "1"


SHIM = Shim(revision=1, apply=apply)
