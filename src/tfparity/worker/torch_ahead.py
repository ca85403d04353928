"""torch, for processes that import TensorFlow as well: what comes second may crash, and here that is TensorFlow.

torch._dynamo brings triton, which aborts where TensorFlow 2.20 or later is there before it
(https://github.com/tensorflow/tensorflow/issues/124205); torch 1.8 segfaults after TensorFlow 2.4.
"""

import contextlib

import torch

with contextlib.suppress(ImportError):  # torch before 2.0 has none
    import torch._dynamo  # noqa: F401
