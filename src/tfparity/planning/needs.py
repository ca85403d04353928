"""What a planned cell may still need of a run, in words."""

from __future__ import annotations

from enum import StrEnum


class Need(StrEnum):
    """The names of needs; evidence/needs.py tells of a cell whether it has them."""

    UNTRIED = "untried"
    STALE = "stale"
    UNTESTED = "untested"
