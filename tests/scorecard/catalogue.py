"""Everything that is planted."""

from __future__ import annotations

import cells
import delivered
import files
import fuzzed
import machine
import suites
import terminals
from plants import Plant

PLANTS: tuple[Plant, ...] = (
    *cells.PLANTS,
    *delivered.PLANTS,
    *files.PLANTS,
    *fuzzed.PLANTS,
    *machine.PLANTS,
    *suites.PLANTS,
    *terminals.PLANTS,
)
