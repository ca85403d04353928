"""What an artifact is, by what lies there; what is none or is cut off is told before anything runs."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tfparity.errors import ArtifactError
from tfparity.inputs import artifact


def tflite(weights: bytes = b"w" * 64) -> bytes:
    """The least that a .tflite file has: a Model with an empty graph and two buffers, the second with weights."""
    # Root at 24, as tables of 4-byte offsets; vtables first.
    out = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def table(*offsets: int) -> int:
        """A table with room for its fields, after its vtable; where it begins."""
        size = 4 + 4 * len(offsets)
        vtable = len(out)
        fields = [4 + 4 * index if offset >= 0 else 0 for index, offset in enumerate(offsets)]
        out.extend(struct.pack(f"<HH{len(fields)}H", 4 + 2 * len(fields), size, *fields))
        out.extend(b"\0" * (-len(out) % 4))
        start = len(out)
        out.extend(struct.pack("<i", start - vtable) + b"\0" * (4 * len(offsets)))
        return start

    def point(at: int, to: int) -> None:
        struct.pack_into("<I", out, at, to - at)

    def vector(*tables: int) -> int:
        start = len(out)
        out.extend(struct.pack("<I", len(tables)) + b"\0" * (4 * len(tables)))
        return start

    model = table(-1, -1, 1, -1, 1)
    struct.pack_into("<I", out, 0, model)
    graphs = vector(0)
    point(model + 4 + 4 * 2, graphs)
    buffers = vector(0, 0)
    point(model + 4 + 4 * 4, buffers)
    graph = table()
    point(graphs + 4, graph)
    point(buffers + 4, table())
    held = table(1)
    point(buffers + 8, held)
    point(held + 4, len(out))
    out.extend(struct.pack("<I", len(weights)) + weights)
    return bytes(out)


#: schema version 1, one graph of five bytes.
SAVED = b"\x08\x01\x12\x05hello"


def told(path: Path) -> str:
    with pytest.raises(ArtifactError) as refused:
        artifact.located(path)
    assert refused.value.exit_code == 24
    return str(refused.value).replace(f"{path}", "HERE").replace(str(path.parent), "ABOVE")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(SAVED)
    return folder


def test_a_folder_with_a_saved_model_is_one(saved: Path) -> None:
    assert artifact.located(saved) == artifact.Artifact(saved, "saved-model")


def test_what_convert_wrote_is_its_saved_model_else_its_tflite_file(tmp_path: Path, saved: Path) -> None:
    both, alone = tmp_path / "both", tmp_path / "alone"
    for folder in (both, alone):
        folder.mkdir()
        (folder / "model.tflite").write_bytes(tflite())
        (folder / "verdict.json").write_text("{}")
    saved.rename(both / "saved_model")
    assert artifact.located(both) == artifact.Artifact(both / "saved_model", "saved-model")
    assert artifact.located(alone) == artifact.Artifact(alone / "model.tflite", "tflite")


def test_a_tflite_file_is_known_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(tflite())
    assert artifact.located(tmp_path / "model.bin").kind == "tflite"


@pytest.mark.parametrize("kept", [8, 12, 30, 60, -1, -40])
def test_a_tflite_file_that_is_cut_off_is_told(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(tflite()[:kept])
    assert told(file) == "HERE: the file is cut off: copy or make it again"


@pytest.mark.parametrize("content", [SAVED[:-1], SAVED[:3], SAVED[:2], b"", b"not a graph", b"\x12\xff\xff\xff\xff"])
def test_a_saved_model_whose_graph_is_cut_off_is_told(saved: Path, content: bytes) -> None:
    (saved / "saved_model.pb").write_bytes(content)
    assert "the file is cut off, or is no SavedModel's" in told(saved)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("saved_model.pb", SAVED, "HERE: is the graph of a SavedModel; name its folder"),
        ("frozen.pb", b"graph", "HERE: is a graph alone (a frozen graph?), and no SavedModel"),
        ("model.tflite", b"this is a text", "HERE: its content is no .tflite file's"),
        ("model.tflite", b"", "HERE: is empty"),
        ("model.onnx", b"\x08\x07\x12\x04torc", "HERE: is to be converted first"),
        ("model.keras", b"PK\x03\x04....", "HERE: is a Keras model"),
        ("model.zip", b"PK\x03\x04....", "HERE: is neither a SavedModel's folder nor a .tflite file"),
    ],
)
def test_a_file_that_is_no_artifact_is_told(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert told(tmp_path / name).startswith(said)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "is empty"),
        (["weights.bin"], "has neither saved_model.pb nor a .tflite file"),
        (["graph.pb"], "has graph.pb and no saved_model.pb: a graph alone is no SavedModel"),
        (["a.tflite", "b.tflite"], "has 2 .tflite files: name one"),
        (["1/saved_model.pb", "2/saved_model.pb"], "has versions as TensorFlow Serving takes them: name one, served/2"),
    ],
)
def test_a_folder_that_is_none_is_told(tmp_path: Path, files: list[str], said: str) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(SAVED)
    assert told(folder) == f"HERE: {said}"


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert told(tmp_path / "nothing") == "HERE: is not there"
