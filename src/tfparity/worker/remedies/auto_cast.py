"""onnx-tf's own option auto_cast: a type that TensorFlow's operator lacks is cast to one that it has."""

import functools
from contextlib import contextmanager
from typing import Iterator

REVISION = 1


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf import backend

    prepare = backend.prepare
    backend.prepare = functools.partial(prepare, auto_cast=True)
    try:
        yield
    finally:
        backend.prepare = prepare
