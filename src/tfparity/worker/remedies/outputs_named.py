"""Outputs that onnx2tf has numbered get the names of the ONNX file again: the SavedModel is wrapped."""

from contextlib import contextmanager
from typing import Any, Iterator, Tuple

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._serving import Declared, changed


def _named(value: Any, output: Declared) -> Tuple[str, Any]:
    return output[0], value


@contextmanager
def converting() -> Iterator[None]:
    with changed(_named):
        yield


REMEDY = Remedy(revision=1, converting=converting)
