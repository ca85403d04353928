"""A runtime's answers held against golden ones, or against its own under another setting. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfparity.judging import compare
from tfparity.judging.arrays import Array
from tfparity.records.cells import finite
from tfparity.records.vocabulary import Grade
from tfparity.worker.declare import Output, Sample

_ONCE = Sample(0, 0, {}, None)


@dataclass(frozen=True)
class Held:
    """grade: the worst of the outputs; max_abs: the largest difference of any output, None where it is not finite or an
    output lacks; detail: how it is wrong, None where it is right."""

    grade: Grade
    max_abs: float | None
    detail: str | None

    @property
    def right(self) -> bool:
        return self.detail is None


def held(golden: Mapping[str, Array], answers: Mapping[str, Array]) -> Held:
    """`answers` against `golden`, by name: graded as a conversion is, where the floor is that of golden answers without
    a second run (4 ulp of the largest of an output). Integers and truth are exact, and names are the same."""
    if sorted(golden) != sorted(answers):
        return Held(Grade.DIVERGED, None, f"answers {_listed(answers)}, not {_listed(golden)}")
    measured = [_one(name, golden[name], answers[name]) for name in sorted(golden)]
    grade = max((one.grade for one in measured), key=lambda one: one.rank)
    largest = finite(max(one.max_abs for one in measured))
    wrong = [one.detail for one in measured if not one.grade.right or not one.complete]
    return Held(grade, largest, "; ".join(wrong) or None)


def _one(name: str, golden: Array, answer: Array) -> compare.Comparison:
    known = {f"float32/0/{name}": golden, f"ulp/0/{name}": golden}
    kind = "float" if golden.dtype.kind == "f" else "integer"
    return compare.compare([Output(name, kind)], [_ONCE], known, {f"output/0/{name}": answer})


def _listed(names: Mapping[str, Array]) -> str:
    return ", ".join(sorted(names)) or "nothing"
