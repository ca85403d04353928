"""Arrays of an .npz file, read after a look at what it says of them: it may be anybody's. Nothing is unpickled."""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy
from numpy.lib import format as npy

from tfparity import paths

Array = numpy.ndarray[Any, Any]


class TooLarge(ValueError):
    """The arrays take more room than they may."""


class Head(NamedTuple):
    """What an array says of itself before its elements. stored: bytes of it that are there."""

    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]
    stored: int

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def heads(archive: zipfile.ZipFile) -> dict[str, Head]:
    """By name what each array says of itself, true or not. Raises what zipfile and numpy raise of damage."""
    found = {}
    for member in archive.infolist():
        with archive.open(member) as stream:
            shape, dtype = _head(stream)
        found[member.filename.removesuffix(".npy")] = Head(shape, dtype, member.file_size)
    return found


def _head(stream: IO[bytes]) -> tuple[tuple[int, ...], numpy.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"an array in format {version}")
    return shape, dtype


def exchanged(path: Path) -> dict[str, Head]:
    """The heads of a file as workers and bundles exchange it, which is not compressed: its arrays take no more room
    than the file. Raises ValueError of any other, OSError, and as `heads`."""
    with os.fdopen(paths.open_untrusted(path), "rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > os.fstat(file.fileno()).st_size:
            raise ValueError("its arrays take more room than the file")
        found = heads(archive)
    for name, head in found.items():
        if not all(type(length) is int and length >= 0 for length in head.shape) or head.dtype.hasobject:
            raise ValueError(f"{name!r} is no array of numbers")
        if head.size > head.stored:
            raise ValueError(f"{name!r} says that it is larger than it is")
    if len(found) < len(members):
        raise ValueError("an array stands twice")
    return found


def read(path: Path, at_most: int) -> dict[str, Array]:
    """The arrays of such a file. Raises TooLarge where they take more bytes, and as `exchanged`."""
    size = sum(head.size for head in exchanged(path).values())
    if size > at_most:
        raise TooLarge(f"its arrays take {size} bytes, and {at_most} are expected at most")
    with os.fdopen(paths.open_untrusted(path), "rb") as file, numpy.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
