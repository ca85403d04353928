"""torch, imported before TensorFlow by processes that need both: in the other order TensorFlow or torch may crash.

torch._dynamo imports triton, which aborts if TensorFlow 2.20 or later was imported before it
(https://github.com/tensorflow/tensorflow/issues/124205); torch 1.8 segfaults after TensorFlow 2.4.
"""

import contextlib

import torch

with contextlib.suppress(ImportError):  # torch before 2.0 has none
    import torch._dynamo  # noqa: F401
