"""A user's own examples: what is taken, and that each way to be wrong has one clear message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import builders
import numpy
import pytest

from tfparity.errors import DataError
from tfparity.inputs import calibration
from tfparity.worker.declare import integers, normal

CASE = builders.case(
    "y",
    inputs=(normal("batch", 3, 8, name="images"), integers("batch", "sequence", high=9, name="ids")),
    axes={"batch": (2, 1), "sequence": (4, 6)},
)


def saved(folder: Path, **arrays: Any) -> Path:
    numpy.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def images(count: int = 5) -> Any:
    return numpy.random.RandomState(0).normal(size=(count, 3, 8)).astype("float32")


def ids(count: int = 5) -> Any:
    return numpy.arange(count * 4).reshape(count, 4)


def test_rows_become_batches_of_the_exported_size(tmp_path: Path) -> None:
    found = calibration.read(saved(tmp_path, images=images(), ids=ids()))
    assert found.write(CASE, tmp_path / "laid-out.npz") == (0, 1)
    with numpy.load(tmp_path / "laid-out.npz") as stored:
        assert sorted(stored.files) == ["input/0/ids", "input/0/images", "input/1/ids", "input/1/images"]
        assert (stored["input/1/images"] == images()[2:4]).all()


def test_an_axis_of_examples_before_the_models_own_is_taken_too(tmp_path: Path) -> None:
    whole = numpy.stack([images(2), images(2)])
    found = calibration.read(saved(tmp_path, images=whole, ids=numpy.stack([ids(2), ids(2)])))
    assert [len(each) for each in found.examples(CASE).values()] == [2, 2]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"image": images(), "ids": ids()}, r"lacks the input 'images' of family/name, did you mean 'image'\?"),
        ({"images": images()}, r"lacks the input 'ids' of family/name\b.*It has images; the model takes images, ids"),
        ({"images": images(), "ids": ids(), "mask": ids()}, r"'mask' is no input of family/name"),
        ({"images": images().astype("float64"), "ids": ids()}, r"takes float32: save it with \.astype\('float32'\)"),
        ({"images": images()[:, :2], "ids": ids()}, r"has the shape \(5, 2, 8\), .* takes \(batch, 3, 8\)"),
        ({"images": images()[0], "ids": ids()}, r"an array of examples has the shape \(examples, 3, 8\)"),
        ({"images": images(1), "ids": ids(1)}, r"'images' has 1 rows, and one batch has 2"),
        ({"images": images(6), "ids": ids(4)}, r"different numbers of examples: 3 of images, 2 of ids"),
    ],
)
def test_what_is_not_the_models_input_is_refused(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    found = calibration.read(saved(tmp_path, **arrays))
    with pytest.raises(DataError, match=rf"^{tmp_path}/data\.npz: .*{said}"):
        found.examples(CASE)


def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        calibration.read(tmp_path / "nothing.npz")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        calibration.read(tmp_path)
    (tmp_path / "text.npz").write_text("images: yes")
    with pytest.raises(DataError, match=r"is no \.npz file"):
        calibration.read(tmp_path / "text.npz")
    numpy.save(tmp_path / "one.npy", images())
    with pytest.raises(DataError, match=r"is no \.npz file: write it with numpy\.savez"):
        calibration.read(tmp_path / "one.npy")
    (tmp_path / "cut.npz").write_bytes(saved(tmp_path, images=images()).read_bytes()[:200])
    with pytest.raises(DataError, match=r"is no \.npz file"):
        calibration.read(tmp_path / "cut.npz")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Told:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    objects = numpy.array([Told()], dtype=object)
    with pytest.raises(DataError, match="holds Python objects"):
        calibration.read(saved(tmp_path, images=objects))
    assert not (tmp_path / "ran").exists()
