"""Which of the remedies that a rule names a failing cell has still to try. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from tfparity.records.cells import Attempt, Cell, Failure
from tfparity.records.vocabulary import Outcome

#: How many remedies an attempt may take together.
MOST_TOGETHER = 3


def more(named: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Of the remedies that a failure names, those that may be added to the ones taken."""
    return tuple(name for name in named if name not in taken) if len(taken) < MOST_TOGETHER else ()


def untried(cell: Cell, named: Sequence[str]) -> tuple[str, ...]:
    """Of the remedies that a failing cell's rule names, those that no attempt added to what the deciding one took. One
    that the time limit left out counts as tried: the evidence says so in its place."""
    if not cell.verdict.failing:
        return ()
    tried = {attempt.remedies for attempt in cell.attempts}
    return tuple(name for name in more(named, cell.named) if (*cell.named, name) not in tried)


def left_out(failed: Attempt, remedy: str, seconds: float) -> Attempt:
    """What stands in the evidence for an attempt by one more remedy than a failed one took, where those of a cell may
    take `seconds` and have."""
    message = f"the remedies tried before used up the {seconds:.0f} s of remedy-seconds in matrix.yaml"
    return Attempt(
        opset=failed.opset,
        file_opset=None,
        remedies=(*failed.remedies, remedy),
        stage=failed.stage,
        outcome=Outcome.SKIPPED,
        error=Failure(failed.stage, "LeftOut", message),
        host=failed.host,
    )


def all_left_out(cell: Cell) -> tuple[str, ...]:
    """The remedies that the time limit of a cell's remedies left out, each once."""
    skipped = (attempt for attempt in cell.attempts if attempt.outcome is Outcome.SKIPPED and attempt.remedies)
    return tuple(dict.fromkeys(attempt.remedies[-1] for attempt in skipped))
