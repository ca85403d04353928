"""What an artifact says that it takes, and arrays held against it; a signature read without TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from tfparity.worker.artifacts import _wire, c_api
from tfparity.worker.artifacts._fitting import chosen_signature, fitted
from tfparity.worker.messages import Refused


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A message by its wire format: numbers, and what has a length."""

    def number(value: int) -> bytes:
        out = bytearray()
        value &= 2**64 - 1
        while True:
            out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
            value >>= 7
            if not value:
                return bytes(out)

    return b"".join(
        number(key << 3) + number(value)
        if isinstance(value, int)
        else number(key << 3 | 2) + number(len(value)) + value
        for key, value in fields
    )


def tensor(name: str, dtype: int, *sizes: int, unknown: bool = False) -> bytes:
    shape = message(*((2, message((1, size))) for size in sizes), *([(3, 1)] if unknown else []))
    return message((1, name.encode()), (2, dtype), (3, shape))


def entry(name: str, value: bytes) -> bytes:
    return message((1, name.encode()), (2, value))


def graph(*signatures: tuple[str, bytes]) -> bytes:
    return message((1, b"about"), *((5, entry(name, value)) for name, value in signatures))


SERVED = message((1, entry("x", tensor("serve_x:0", 1, -1, 300))), (2, entry("y", tensor("call:1", 9, unknown=True))))


def test_a_signature_is_read_by_its_wire_format() -> None:
    inputs, outputs = c_api._signature(graph(("__saved_model_init_op", b""), ("serving_default", SERVED)))
    assert inputs == {"x": {"tensor": "serve_x:0", "dtype": "float32", "shape": [-1, 300]}}
    assert outputs == {"y": {"tensor": "call:1", "dtype": "int64", "shape": None}}


def test_a_scalar_has_no_sizes() -> None:
    scalar = message((1, entry("x", tensor("x:0", 10))), (2, entry("y", tensor("y:0", 19, 3))))
    inputs, outputs = c_api._signature(graph(("mine", scalar)))
    assert (inputs["x"]["shape"], inputs["x"]["dtype"]) == ([], "bool")
    assert (outputs["y"]["shape"], outputs["y"]["dtype"]) == ([3], "float16")


def test_text_is_refused() -> None:
    with pytest.raises(Refused, match="type 7"):
        c_api._signature(graph(("serving_default", message((1, entry("x", tensor("x:0", 7, -1)))))))


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x80", b"\x0b", b"\xff" * 12])
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no message"):
        list(_wire.fields(data))


@pytest.mark.parametrize(
    ("names", "chosen"),
    [(["a", "serving_default"], "serving_default"), (["only"], "only"), (["a", "b"], None), ([], None)],
)
def test_the_signature_that_is_served_is_called(names: list[str], chosen: str | None) -> None:
    if chosen is None:
        with pytest.raises(Refused, match=f"among its {len(names)} signatures"):
            chosen_signature(names)
    else:
        assert chosen_signature(names) == chosen


TAKES: list[list[Any]] = [["x", "float32", [-1, 3]], ["ids", "int32", None]]
X, IDS = numpy.ones((2, 3), "float32"), numpy.arange(4)


def test_integers_come_in_the_width_of_the_signature_where_they_fit() -> None:
    found = fitted([("ids", IDS), ("x", X)], TAKES)
    assert {name: array.dtype for name, array in found.items()} == {"x": "float32", "ids": "int32"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": X}, "the artifact takes ids, x, not x"),
        ({"x": X, "ids": IDS, "mask": IDS}, "takes ids, x, not ids, mask, x"),
        ({"x": X.astype("float64"), "ids": IDS}, "'x' is float64, the artifact takes float32"),
        ({"x": X, "ids": IDS + 2**40}, "'ids' is int64, the artifact takes int32"),
        ({"x": X, "ids": IDS.astype("float32")}, "'ids' is float32, the artifact takes int32"),
        ({"x": X[:, :2], "ids": IDS}, r"'x' is \(2, 2\), the artifact takes \(\?, 3\)"),
        ({"x": X[0], "ids": IDS}, r"'x' is \(3\), the artifact takes \(\?, 3\)"),
    ],
)
def test_other_names_types_and_sizes_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        fitted(list(given.items()), TAKES)
