"""Arrays of an .npz file, read after a look at what it says of them: it may be anybody's. Nothing is unpickled."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy
from numpy.lib import format as npy

from tfparity import paths

Array = numpy.ndarray[Any, Any]

#: Bytes that are read of a file at once. A list of arrays that takes more is none: 40,000 arrays take less.
AT_ONCE = 4 * 2**20


class TooLarge(ValueError):
    """The arrays take more room than they may."""


class Head(NamedTuple):
    """What an array says of itself before its elements. stored: bytes of it that are there; columns_first: the order of
    its elements, as Fortran has it."""

    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]
    stored: int
    columns_first: bool

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def heads(opened: zipfile.ZipFile) -> dict[str, Head]:
    """By name what each array says of itself, true or not. Raises what zipfile and numpy raise of damage."""
    found = {}
    for member in opened.infolist():
        with opened.open(member) as stream:
            found[member.filename.removesuffix(".npy")] = _head(stream, member)
    return found


def _head(stream: IO[bytes], member: zipfile.ZipInfo) -> Head:
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, columns_first, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, columns_first, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"an array in format {version}")
    return Head(shape, dtype, member.file_size, columns_first)


class _Bounded(io.BufferedReader):
    """A file of which no more than AT_ONCE bytes are read at once: zipfile reads the whole list of members so, and then
    takes nine times as much memory for it."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = AT_ONCE + 1 if size is None or size < 0 else min(size, AT_ONCE + 1)
        found = super().read(wanted)
        if len(found) > AT_ONCE:
            raise ValueError(f"its list of arrays takes more than {AT_ONCE} bytes")
        return found


@contextmanager
def archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A file of arrays of anybody's, opened. Raises ValueError where its list of them is too long, OSError, and what
    zipfile raises of damage."""
    with _Bounded(io.FileIO(paths.open_untrusted(path))) as file, zipfile.ZipFile(file) as opened:
        yield opened


def exchanged(path: Path) -> dict[str, Head]:
    """The heads of a file as workers and bundles exchange it, which is not compressed: its arrays take no more room
    than the file. Raises ValueError of any other, and as `archive` and `heads`."""
    with archive(path) as opened:
        return _exchanged(opened)


def _exchanged(opened: zipfile.ZipFile) -> dict[str, Head]:
    members = opened.infolist()
    assert opened.fp is not None
    if sum(member.file_size for member in members) > os.fstat(opened.fp.fileno()).st_size:
        raise ValueError("its arrays take more room than the file")
    found = heads(opened)
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
    with archive(path) as opened:
        found = _exchanged(opened)
        size = sum(head.size for head in found.values())
        if size > at_most:
            raise TooLarge(f"its arrays take {size} bytes, and {at_most} are expected at most")
        members = zip(found.items(), opened.infolist(), strict=True)
        return {name: _array(opened, member, head) for (name, head), member in members}


def _array(opened: zipfile.ZipFile, member: zipfile.ZipInfo, head: Head) -> Array:
    """An array by what was checked of it: whoever left the file may write to it while it is read."""
    elements = bytearray(head.size)
    with opened.open(member) as stream:
        _head(stream, member)
        for at in range(0, head.size, AT_ONCE):
            part = stream.read(min(AT_ONCE, head.size - at))
            if len(part) != min(AT_ONCE, head.size - at):
                raise ValueError("an array ends too early")
            elements[at : at + len(part)] = part
    return numpy.ndarray(head.shape, head.dtype, elements, order="F" if head.columns_first else "C")
