"""Subjects of a latency measurement as our side sees them."""

from __future__ import annotations

from collections.abc import Sequence

from tfparity.errors import UsageError
from tfparity.worker import subjects
from tfparity.worker.subjects import Subject

#: All of them, in the order in which they are shown.
NAMES = subjects.NAMES

#: What the others are held against.
BASELINE = NAMES[0]

#: The module of each, as a worker finds it.
MODULES: dict[str, str] = {name: name for name in NAMES}


def declared(name: str) -> Subject:
    """What a subject's module declares."""
    return subjects.load(MODULES[name])


def named(words: Sequence[str]) -> tuple[str, ...]:
    """Those subjects, each once and in the order in which they are shown, torch always among them; all for none. Raises
    UsageError for a name that is none."""
    unknown = [word for word in words if word not in NAMES]
    if unknown:
        raise UsageError(f"--subject {unknown[0]}: there are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if not words or name in words or name == BASELINE)
