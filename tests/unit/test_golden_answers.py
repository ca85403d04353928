"""Golden answers: what is read, what is refused before an array is, and how answers are held against them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from tfparity.engine.worker_client import Takes
from tfparity.errors import ArtifactError, GoldenError, UsageError
from tfparity.features.runtimes import golden_answers
from tfparity.inputs import golden
from tfparity.inputs.artifact import Artifact
from tfparity.judging.answers import held
from tfparity.records.vocabulary import Grade

X = numpy.linspace(-2, 3, 24, dtype="float32").reshape(4, 6)
ARTIFACT = Artifact(Path("/served"), "saved-model")


def written(folder: Path, **arrays: Any) -> Path:
    file = folder / "io.npz"
    numpy.savez(file, **{name.replace("_of_", "/"): array for name, array in arrays.items()})
    return file


def refused(file: Path) -> str:
    with pytest.raises(GoldenError) as wrong:
        golden.read(file)
    assert wrong.value.exit_code == 26
    return str(wrong.value).replace(str(file), "FILE")


def test_inputs_and_outputs_are_read_by_name(tmp_path: Path) -> None:
    read = golden.read(written(tmp_path, inputs_of_x=X, **{"outputs/a/b:0": X + 1, "outputs/ids": numpy.arange(3)}))
    assert list(read.inputs) == ["x"]
    assert list(read.outputs) == ["a/b:0", "ids"]
    assert (read.outputs["a/b:0"] == X + 1).all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"inputs_of_x": X}, "FILE: has no outputs/NAME"),
        ({"outputs_of_x": X}, "FILE: has no inputs/NAME"),
        ({"inputs_of_x": X, "y": X}, "FILE: 'y' is neither inputs/NAME nor outputs/NAME"),
        ({"inputs_of_x": X, "outputs_of_": X}, "FILE: 'outputs/' is neither"),
        ({"inputs_of_x": X, "outputs_of_y": numpy.array(["text"])}, "FILE: 'outputs/y' holds <U4"),
        ({"inputs_of_x": X, "outputs_of_y": numpy.array([{}], dtype=object)}, "FILE: 'outputs/y' holds object"),
        ({"inputs_of_x": X, "outputs_of_y": X * numpy.nan}, "FILE: the answer outputs/y has no finite number"),
    ],
)
def test_other_content_is_told(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    assert refused(written(tmp_path, **arrays)).startswith(said)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 and no more"])
def test_what_is_no_npz_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "io.npz"
    file.write_bytes(content)
    assert refused(file).startswith("FILE: is no .npz file of arrays, or is damaged")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "io.npz") == "FILE: is not there"


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, inputs_of_x=X, outputs_of_y=X)
    file.write_bytes(file.read_bytes()[:-30])
    assert "is damaged" in refused(file)


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20, 2**20)])
def test_sizes_are_looked_at_before_an_array_is_read(
    tmp_path: Path, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "io.npz"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("inputs/x", "outputs/y"):
            with io.BytesIO() as head:
                numpy.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
                archive.writestr(f"{name}.npy", head.getvalue())
    monkeypatch.setattr(numpy, "load", lambda *_, **__: pytest.fail("read"))
    assert refused(file) == "FILE: its arrays take more than 2 GiB"


def test_an_array_that_is_shorter_than_it_says_is_told(tmp_path: Path) -> None:
    file = tmp_path / "io.npz"
    with zipfile.ZipFile(file, "w") as archive, io.BytesIO() as head:
        numpy.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (2**20,)})
        archive.writestr("inputs/x.npy", head.getvalue())
    assert refused(file) == "FILE: 'inputs/x' says that it is larger than it is"


# Held against


@pytest.mark.parametrize(
    ("change", "grade", "right"),
    [
        (0.0, Grade.FLOAT32_NOISE, True),
        (1e-6, Grade.FLOAT32_NOISE, True),
        (1e-5, Grade.WITHIN_1E5, True),
        (1e-3, Grade.WITHIN_1E3, False),
        (0.5, Grade.DIVERGED, False),
        (numpy.nan, Grade.DIVERGED, False),
    ],
)
def test_a_difference_has_the_grade_of_a_conversion(change: float, grade: Grade, right: bool) -> None:
    found = held({"y": X}, {"y": X + numpy.float32(change)})
    assert (found.grade, found.right) == (grade, right)


def test_the_largest_difference_is_that_of_any_output() -> None:
    large = X * 1000
    found = held({"a": X, "b": large}, {"a": X + numpy.float32(1e-4), "b": large + numpy.float32(1e-3)})
    assert found.grade is Grade.WITHIN_1E3
    assert found.max_abs == pytest.approx(1e-3, rel=0.1)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"output_0": X}, "answers output_0, not y"),
        ({"y": X, "z": X}, "answers y, z, not y"),
        ({}, "answers nothing, not y"),
        ({"y": X[:2]}, "output 'y' has shape (2, 6) instead of (4, 6)"),
        ({"y": X.astype("int32")}, "output 'y' came back as integer instead of floating"),
    ],
)
def test_other_names_shapes_and_kinds_are_wrong(answers: dict[str, Any], said: str) -> None:
    assert held({"y": X}, answers).detail == said


def test_integers_are_exact() -> None:
    ids = numpy.arange(5)
    assert held({"y": ids}, {"y": ids.astype("int32")}).right
    assert not held({"y": ids}, {"y": ids + (ids == 4)}).right


# Made


def takes(*inputs: tuple[str, str, tuple[int, ...] | None]) -> Takes:
    return Takes(inputs, (("y", "float32", (1,)),))


def test_inputs_that_nobody_declares_are_by_the_signature() -> None:
    made = golden_answers.made(
        takes(("x", "float32", (1, 3)), ("ids", "int32", (1, 4)), ("keep", "bool", ())), [], ARTIFACT
    )
    assert [(one.name, one.kind, one.shape, one.dtype) for one in made] == [
        ("x", "normal", (1, 3), "float32"),
        ("ids", "integers", (1, 4), "int32"),
        ("keep", "boolean", (), "bool"),
    ]


def test_a_declared_input_takes_the_dtype_of_the_signature() -> None:
    (made,) = golden_answers.made(takes(("x:0", "float16", (-1, 3))), ["x:0=uniform(2, 3, low=1, high=2)"], ARTIFACT)
    assert (made.name, made.kind, made.shape, made.dtype) == ("x:0", "uniform", (2, 3), "float16")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ([], r"^'x' has open axes \(\?, 3\): say --input 'x=normal\(2, 3\)'$"),
        (["x=normal(batch, 3)"], "write sizes, not names of axes"),
        (["y=normal(2, 3)"], "the artifact takes x"),
        (["x=normal("], "cannot be read"),
        (["x=noise(2)"], "there is no kind .noise.; kinds: normal"),
    ],
)
def test_what_cannot_be_made_is_told(declared: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        golden_answers.made(takes(("x", "float32", (-1, 3))), declared, ARTIFACT)


def test_a_dtype_that_cannot_be_made_is_told() -> None:
    with pytest.raises(ArtifactError, match="takes 'text' of string"):
        golden_answers.made(takes(("text", "string", (1,))), [], ARTIFACT)
