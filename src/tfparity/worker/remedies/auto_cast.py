"""onnx-tf's own option auto_cast: a type that TensorFlow's operator does not support is cast to one that it does."""

import functools
from contextlib import contextmanager
from typing import Iterator

from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf import backend

    prepare = backend.prepare
    backend.prepare = functools.partial(prepare, auto_cast=True)
    try:
        yield
    finally:
        backend.prepare = prepare


REMEDY = Remedy(revision=1, converting=converting)
