"""What came of a probe's calls: arrays in, per call whether the artifact is right. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfparity.judging import closeness
from tfparity.judging.compare import Arrays
from tfparity.records.cells import Problem
from tfparity.worker.declare import Output


@dataclass(frozen=True)
class Called:
    """One call as it came out. wrong: how, None where it is right; silent: torch says nothing of any output; turn:
    which of the artifact's calls is wrong, where it answered this one more than once."""

    wrong: str | None
    silent: bool = False
    max_abs: float = 0.0
    turn: int | None = None


def called(
    outputs: Sequence[Output],
    references: Arrays,
    place: int,
    candidates: Arrays,
    turns: Sequence[int],
    failed: Mapping[int, Problem],
    *,
    exact_nan: bool,
    small: bool,
) -> Called:
    """The call at that place of `references`, which the candidate answered in each of `turns`: wrong where one is.

    failed: per turn, why it could not run.
    """
    silent, most = True, 0.0
    again = len(turns) > 1
    for turn in turns:
        problem = failed.get(turn)
        if problem is not None:
            return Called(f"{problem.type}: {problem.message}", False, math.inf, turn if again else None)
        for output in outputs:
            runs = {
                kind: references[f"{kind}/{place}/{output.name}"]
                for kind in closeness.RUNS
                if f"{kind}/{place}/{output.name}" in references
            }
            found = closeness.hold(
                output, runs, candidates.get(f"output/{turn}/{output.name}"), exact_nan=exact_nan, small=small
            )
            if found.wrong:
                return Called(found.wrong, False, found.max_abs, turn if again else None)
            silent, most = silent and found.silent, max(most, found.max_abs)
    return Called(None, silent, most)
