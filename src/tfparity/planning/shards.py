"""One of several shares of a plan, for machines that run beside each other: every case with all its cells in one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfparity.errors import UsageError

if TYPE_CHECKING:
    from tfparity.planning.keys import Keys
    from tfparity.records.cells import PlannedCell

#: Of one run.
MOST = 9999

_FORM = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})")


@dataclass(frozen=True, order=True)
class Shard:
    """The `number`-th of so many shares, counted from 1."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST:
            raise ValueError(f"{self.number}/{self.of} is no share")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def share(self, planned: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Its part of a plan: of its cases, in the order of their ids, each `of`-th."""
        cases = sorted({cell.case for cell in planned})[self.number - 1 :: self.of]
        mine = frozenset(cases)
        return [cell for cell in planned if cell.case in mine]


def read(text: str) -> Shard:
    """ "2/5". Raises UsageError for what is no share."""
    found = _FORM.fullmatch(text)
    try:
        return Shard(*map(int, found.groups() if found else ()))
    except (TypeError, ValueError):
        raise UsageError(f"--shard {text!r}: write which of how many, such as 1/4 to 4/4") from None


def digest(planned: Iterable[PlannedCell], keys: Keys, asked: str) -> str:
    """Of a whole plan: the same where the same cells are run of the same content, packages and cases included, and the
    same is `asked` of them; what cannot be run, too, so that plans of nothing are told apart."""
    lines = [
        asked,
        *sorted(f"{cell.id} {cell.verdict or keys.base(keys.crossing(cell))}" for cell in planned),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
