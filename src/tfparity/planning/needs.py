"""What a planned cell may still need of a run, in words."""

from __future__ import annotations

from enum import StrEnum

from tfparity.records.vocabulary import Verdict


class Need(StrEnum):
    """The names of needs; evidence/needs.py tells of a cell whether it has them."""

    UNTRIED = "untried"
    STALE = Verdict.STALE.value
    UNTESTED = Verdict.UNTESTED.value
    NOT_PROBED = "not-probed"

    @property
    def level(self) -> int:
        """The level that a run has to have to give what is needed."""
        return 2 if self is Need.NOT_PROBED else 1
