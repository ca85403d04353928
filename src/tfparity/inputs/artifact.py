"""An artifact that is to be run: a SavedModel's folder or a .tflite file of anybody's, looked at and never loaded here.

What is none, or is cut off, is told before anything starts: loaders of several runtimes would each say it otherwise.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfparity import paths
from tfparity.errors import ArtifactError

Kind = Literal["saved-model", "tflite"]

#: What a SavedModel's folder has: https://www.tensorflow.org/guide/saved_model#the_savedmodel_format_on_disk
GRAPHS = ("saved_model.pb", "saved_model.pbtxt")

#: At bytes 4 to 7 of a .tflite file.
_IDENTIFIER = b"TFL3"

#: Fields of the tables Model, SubGraph and Buffer of the schema:
#: https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/lite/schema/schema.fbs
_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_TENSORS, _OPERATORS = 0, 3
_DATA, _OFFSET, _SIZE = 0, 1, 2


@dataclass(frozen=True)
class Artifact:
    """path: the folder or the file, resolved."""

    path: Path
    kind: Kind

    @property
    def megabytes(self) -> float:
        """10^6 bytes, all files together."""
        files = paths.below(self.path) if self.path.is_dir() else [self.path]
        return round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 2)


def located(path: Path) -> Artifact:
    """The artifact at that path; of a folder that `tfparity convert` wrote, its SavedModel, else its .tflite file.

    Raises ArtifactError with what is there instead.
    """
    if not path.exists():
        raise ArtifactError("is not there", file=path)
    if path.is_file():
        return _file(path)
    if not path.is_dir():
        raise ArtifactError("is neither a folder nor a file", file=path)
    for inside in (path, path / "saved_model"):
        graph = next((inside / name for name in GRAPHS if (inside / name).is_file()), None)
        if graph is not None:
            if graph.suffix == ".pb":
                _looked_at(graph, _whole_message, "the file is cut off, or is no SavedModel's: copy or make it again")
            return Artifact(paths.real(inside), "saved-model")
    models = sorted(path.glob("*.tflite"))
    if len(models) == 1:
        return _file(models[0])
    raise ArtifactError(_instead(path, models), file=path)


def _file(path: Path) -> Artifact:
    if path.name in GRAPHS:
        raise ArtifactError("is the graph of a SavedModel; name its folder, where its weights are too", file=path)
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:8] == _IDENTIFIER:
        _looked_at(path, _whole_tables, "the file is cut off: copy or make it again")
        return Artifact(paths.real(path), "tflite")
    known = {
        ".tflite": "its content is no .tflite file's (bytes 4 to 7 are not TFL3)",
        ".pb": "is a graph alone (a frozen graph?), and no SavedModel: that is a folder with saved_model.pb",
        ".onnx": "is to be converted first: tfparity convert makes a SavedModel or a .tflite file of it",
        ".keras": "is a Keras model: model.export(FOLDER) writes the SavedModel that is served",
        ".h5": "is a Keras model: model.export(FOLDER) writes the SavedModel that is served",
    }
    said = known.get(path.suffix.lower(), "is neither a SavedModel's folder nor a .tflite file")
    raise ArtifactError("is empty" if not head else said, file=path)


def _instead(folder: Path, models: list[Path]) -> str:
    """What a folder without an artifact of its own has."""
    if models:
        return f"has {len(models)} .tflite files: name one"
    versions = sorted(one.name for one in folder.iterdir() if one.name.isdigit() and _has_graph(one))
    if versions:
        return f"has versions as TensorFlow Serving takes them: name one, {folder.name}/{versions[-1]}"
    if any(folder.glob("*.pb")):
        named = ", ".join(sorted(file.name for file in folder.glob("*.pb")))
        return f"has {named} and no saved_model.pb: a graph alone is no SavedModel"
    empty = not any(folder.iterdir())
    return "is empty" if empty else "has neither saved_model.pb nor a .tflite file"


def _has_graph(folder: Path) -> bool:
    return any((folder / name).is_file() for name in GRAPHS)


def _looked_at(path: Path, whole: Callable[[mmap.mmap], bool], wrong: str) -> None:
    """Raises ArtifactError where the file is not whole."""
    found = False
    with (
        path.open("rb") as file,
        suppress(struct.error, IndexError, ValueError),  # ValueError: an empty file
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        found = whole(data)
    if not found:
        raise ArtifactError(wrong, file=path)


def _whole_message(data: mmap.mmap) -> bool:
    """Whether a SavedModel's message ends where the file does and has a graph: `meta_graphs` is field 2.
    https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/protobuf/saved_model.proto"""
    at, graphs = 0, 0
    while at < len(data):
        tag, at = _varint(data, at)
        value, at = _varint(data, at)
        if tag == (2 << 3 | 2):
            graphs, at = graphs + 1, at + value
        elif tag != 1 << 3:
            return False
    return at == len(data) and graphs > 0


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number of a message, and where the next field begins."""
    value = shift = 0
    while shift <= 63:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise IndexError


def _whole_tables(data: mmap.mmap) -> bool:
    """Whether what a Model's tables point to lies within the file: its operators, tensors and weights.
    https://flatbuffers.dev/internals/"""
    (model,) = struct.unpack_from("<I", data, 0)
    graphs = _vector(data, model, _SUBGRAPHS)
    buffers = _vector(data, model, _BUFFERS)
    for graph in graphs:
        for table in (graph, *_vector(data, graph, _TENSORS), *_vector(data, graph, _OPERATORS)):
            _table(data, table)
    for table in _vector(data, model, _CODES):
        _table(data, table)
    for table in buffers:
        held = _field(data, table, _DATA)
        if held is not None:
            start = held + _u32(data, held)
            if start + 4 + _u32(data, start) > len(data):
                return False
        offset, size = _field(data, table, _OFFSET), _field(data, table, _SIZE)
        if offset is not None and size is not None and _u64(data, offset) + _u64(data, size) > len(data):
            return False
    return bool(graphs)


def _u32(data: mmap.mmap, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _u64(data: mmap.mmap, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])


def _table(data: mmap.mmap, table: int) -> tuple[int, int]:
    """Where a table's list of fields is, and its length in bytes. Raises IndexError where the file ends before it."""
    fields = table - int(struct.unpack_from("<i", data, table)[0])
    length, size = struct.unpack_from("<HH", data, fields)
    if table + size > len(data) or fields + length > len(data):
        raise IndexError
    return fields, int(length)


def _field(data: mmap.mmap, table: int, number: int) -> int | None:
    """Where a field of a table lies; None where it is left out."""
    fields, size = _table(data, table)
    if 4 + 2 * number + 2 > size:
        return None
    offset = int(struct.unpack_from("<H", data, fields + 4 + 2 * number)[0])
    return table + offset if offset else None


def _vector(data: mmap.mmap, table: int, number: int) -> list[int]:
    """Where the tables of a vector of tables begin."""
    held = _field(data, table, number)
    if held is None:
        return []
    start = held + _u32(data, held)
    count = _u32(data, start)
    if start + 4 + 4 * count > len(data):
        raise IndexError
    places = [start + 4 + 4 * index for index in range(count)]
    return [place + _u32(data, place) for place in places]
