"""Golden answers: an .npz of `inputs/NAME` and `outputs/NAME`, read after a look at what it says of its arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from tfparity import paths
from tfparity.errors import GoldenError
from tfparity.inputs import arrays_file
from tfparity.records.fingerprint import printable

Array = numpy.ndarray[Any, Any]

INPUTS, OUTPUTS = "inputs/", "outputs/"

#: Bytes of all arrays together.
MOST_BYTES = 2 * 2**30

#: Arrays in a file.
MOST_ARRAYS = 1000

_KINDS = "fiub"  # floats, integers, truth


@dataclass(frozen=True)
class Golden:
    """What went in and what is to come out, by name. file: where it stands, which a worker reads itself."""

    file: Path
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


def read(file: Path) -> Golden:
    """The answers in that file. Raises GoldenError where it is no .npz of such arrays, or they are too large."""
    inputs: dict[str, Array] = {}
    outputs: dict[str, Array] = {}
    if not file.is_file():
        raise GoldenError("is not there", file=file)
    try:
        with zipfile.ZipFile(file) as archive:
            _look(archive, file)
        with numpy.load(file, allow_pickle=False) as stored:
            for key in stored.files:
                side = inputs if key.startswith(INPUTS) else outputs
                side[key.partition("/")[2]] = stored[key]
    except GoldenError:
        raise
    except Exception as wrong:  # noqa: BLE001 - of damage zlib, lzma, bz2 and numpy's reader raise what they like
        said = printable(str(wrong)) or type(wrong).__name__
        raise GoldenError(f"is no .npz file of arrays, or is damaged: {said}", file=file) from None
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not numpy.isfinite(array).any():
            raise GoldenError(
                f"the answer {OUTPUTS}{name} has no finite number: nothing could be held against it", file=file
            )
    return Golden(paths.real(file), inputs, outputs)


def _look(archive: zipfile.ZipFile, file: Path) -> None:
    """Names, kinds and sizes, by what the heads of the arrays say. Raises GoldenError."""
    names = archive.namelist()
    if len(names) > MOST_ARRAYS:
        raise GoldenError(f"has {len(names)} arrays, more than {MOST_ARRAYS}", file=file)
    total = 0
    sides = {INPUTS: 0, OUTPUTS: 0}
    for key, head in arrays_file.heads(archive).items():
        side = next((side for side in sides if key.startswith(side) and len(key) > len(side)), None)
        if side is None:
            raise GoldenError(f"{printable(key)!r} is neither {INPUTS}NAME nor {OUTPUTS}NAME", file=file)
        sides[side] += 1
        if head.dtype.kind not in _KINDS:
            raise GoldenError(f"{printable(key)!r} holds {head.dtype}: numbers and truth alone are compared", file=file)
        if not all(type(length) is int and length >= 0 for length in head.shape):
            raise GoldenError(f"{printable(key)!r} has the shape {head.shape}", file=file)
        total += head.size
        if total > MOST_BYTES:
            raise GoldenError(f"its arrays take more than {MOST_BYTES // 2**30} GiB", file=file)
        if head.size > head.stored:
            raise GoldenError(f"{printable(key)!r} says that it is larger than it is", file=file)
    for side, count in sides.items():
        if not count:
            raise GoldenError(f"has no {side}NAME", file=file)
