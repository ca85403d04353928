"""What `--case` names: globs of cases, single cells, a file of either, or a sample drawn at random."""

from __future__ import annotations

import fnmatch
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.errors import UsageError

if TYPE_CHECKING:
    from tfparity.records.cells import PlannedCell

#: "random-50", "random-50:1234": so many cases, drawn by that seed.
_SAMPLE = re.compile(r"random-([1-9]\d*)(?::(\d+))?")


@dataclass(frozen=True)
class Sample:
    """So many cases, drawn by a seed."""

    number: int
    seed: int

    @property
    def told(self) -> str:
        """What draws the same cases again."""
        again = f"random-{self.number}:{self.seed}"
        cases = "1 case" if self.number == 1 else f"{self.number} cases"
        return f"{cases} at random by seed {self.seed} (the same ones again: --case {again})"


@dataclass(frozen=True)
class CaseChoice:
    """globs: of cases; cells: each glob with the route that alone is meant, None for all; sample: what is drawn of
    these, None for all."""

    globs: tuple[str, ...] = ()
    cells: tuple[tuple[str, str | None], ...] = ()
    sample: Sample | None = None

    def of(self, planned: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Those of the cells that are meant, in their order. Of a sample only cases count that can be run somewhere."""
        found = [cell for cell in planned if self._names(cell)]
        if self.sample is None:
            return found
        cases = sorted({cell.case for cell in found if cell.applicable})
        drawn = set(random.Random(self.sample.seed).sample(cases, min(self.sample.number, len(cases))))
        return [cell for cell in found if cell.case in drawn]

    def _names(self, cell: PlannedCell) -> bool:
        return not self.cells or any(
            (route is None or route == cell.route) and fnmatch.fnmatch(cell.case, glob) for glob, route in self.cells
        )


def seeded(words: Iterable[str]) -> tuple[str, ...]:
    """The words with a seed for each sample that has none: whoever reads them draws the same cases."""
    return tuple(
        f"{word}:{random.SystemRandom().randrange(10**6)}"
        if (sample := _SAMPLE.fullmatch(word)) and not sample[2]
        else word
        for word in words
    )


def read(words: Sequence[str]) -> CaseChoice:
    """What these words mean: a glob, "glob route", "random-N:SEED", or "@FILE" with a line for each of the former.

    Lines that begin with # are comments. Raises UsageError for a file that cannot be read or names nothing, and for a
    second sample.
    """
    cells: list[tuple[str, str | None]] = []
    samples: list[Sample] = []
    for word in _lines(words):
        sample = _SAMPLE.fullmatch(word)
        if sample:
            samples.append(Sample(int(sample[1]), int(sample[2] or 0)))
        else:
            glob, _, route = word.partition(" ")
            cells.append((glob, route.strip() or None))
    if len(samples) > 1:
        raise UsageError("--case names two samples: draw one")
    globs = tuple(dict.fromkeys(glob for glob, _ in cells))
    return CaseChoice(globs, tuple(cells), samples[0] if samples else None)


def _lines(words: Sequence[str]) -> list[str]:
    found = []
    for word in words:
        if word.startswith("@"):
            found += _of_file(Path(word.removeprefix("@")))
        else:
            found.append(word.strip())
    return found


def _of_file(path: Path) -> list[str]:
    try:
        text = paths.read_text(path)
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "it is no text in UTF-8"
        raise UsageError(f"--case @{path}: cannot be read: {reason}") from None
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        raise UsageError(f"--case @{path}: names no cell")
    return named
