"""The two sides of an upgrade as they are asked for, and the session that holds both."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from tfparity.features.session import Session
from tfparity.features.upgrade.report import Sides
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier


def read(base: str, head: Sequence[str], choice: Choice) -> tuple[Session, Sides]:
    """The session over both toolchains, and their names. Without --tier every case counts.

    Raises UsageError for an unknown toolchain, with the one that is most likely meant.
    """
    first, second = (_named(id, choice) for id in (base, head[0]))
    asked = replace(choice, toolchains=(first, second), tier=choice.tier or Tier.ALL.value)
    return Session(asked), named(first, second)


def named(base: str, head: str) -> Sides:
    """Two toolchains of the matrix."""
    return Sides(base, head, base, head, command([base, head]))


def _named(id: str, choice: Choice) -> str:
    (found,) = Selection(replace(choice, toolchains=(id,))).toolchains
    return found


def command(words: Sequence[str]) -> str:
    """What makes such a report again."""
    return f"nox -s upgrade -- {shlex.join(words)}"


def tier_to_run(choice: Choice) -> Tier:
    """Of which cases --run runs what is missing: those of --tier; without it all that are named, else smoke."""
    return Selection(choice).tier
