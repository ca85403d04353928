"""What a planned cell may still need of a run, in words."""

from __future__ import annotations

from enum import StrEnum

from tfparity.records.vocabulary import Verdict


class Need(StrEnum):
    """The names of needs; evidence/needs.py tells of a cell whether it has them."""

    UNTRIED = "untried"
    STALE = Verdict.STALE.value
    UNTESTED = Verdict.UNTESTED.value
