"""Whose fault a failure is: the exporter's, the converter's, or nobody can say. Pure.

Three hops: torch → referee → converted model. The referee, ONNX Runtime, may be wrong itself, so that a second one
(onnx's own evaluator) is heard before the exporter is blamed for a wrong answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tfparity.records import blame
from tfparity.records.vocabulary import Outcome, Stage

if TYPE_CHECKING:
    from tfparity.judging.compare import Comparison

EXPORTER, CONVERTER, UNKNOWN = "exporter", "converter", "unknown"

#: How the referee names the operator of a node of the file that it cannot run or load.
_NODES = (
    re.compile(r"running (\w+) node"),
    re.compile(r"In Node, \(\"[^\"]*\", (\w+),"),
    re.compile(r"Op \((\w+)\)"),
    re.compile(r"implementation for (\w+)\("),
)


class Blame(NamedTuple):
    """Who, and a sentence that says by what."""

    who: str
    because: str


class Second(NamedTuple):
    """What a second referee's answer for the exported file came to; None where it has none. alike: whether the
    converted model answers as the first referee does."""

    hop: Comparison | None
    alike: bool = False


def wrong_answer(measured: Comparison, hop: Comparison | None, second: Second | None) -> Blame:
    """Of a wrong answer: `measured` is the converted model's, `hop` the referee's. Without a second referee the first
    one is believed, and against one where the converted model, a third reader of the file, reads it alike."""
    if hop is None:
        return Blame(UNKNOWN, blame.NO_REFEREE)
    if hop.grade.rank < measured.grade.rank:
        return Blame(CONVERTER, blame.CONVERTER)
    if hop.complete and not measured.complete:
        return Blame(CONVERTER, blame.CONVERTER_SHAPES)
    wrong_too = second is not None and second.hop is not None and second.hop.grade.rank >= measured.grade.rank
    if second is None or second.alike or wrong_too:
        return Blame(EXPORTER, blame.EXPORTER)
    if second.hop is None:
        return Blame(UNKNOWN, blame.NO_SECOND)
    return Blame(CONVERTER, blame.SECOND)


def error(stage: Stage, outcome: Outcome, message: str, *, answered: bool, refused: str | None) -> str | None:
    """Of an error while the file is converted, loaded or run: the exporter where the referee fails at the same
    operator of the file, else the converter. None of other stages and of what a limit ended.

    answered: whether the referee ran the file; refused: why it did not, None where there is no file for it.
    """
    if stage not in (Stage.CONVERT, Stage.LOAD, Stage.PARITY) or outcome not in (Outcome.FAIL, Outcome.CRASH):
        return None
    if answered or refused is None:
        return CONVERTER
    operator = next((found[1] for found in (node.search(refused) for node in _NODES) if found), None)
    if operator is None:
        return UNKNOWN
    named = re.search(rf"(?<![a-z0-9]){re.escape(operator)}(?![a-z])", message, re.IGNORECASE)
    return EXPORTER if named else CONVERTER
