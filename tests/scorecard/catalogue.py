"""Everything that is planted."""

from __future__ import annotations

import cells
import files
import fuzzed
import machine
import suites
import terminals
from plants import Plant

PLANTS: tuple[Plant, ...] = (
    *cells.PLANTS,
    *files.PLANTS,
    *fuzzed.PLANTS,
    *machine.PLANTS,
    *suites.PLANTS,
    *terminals.PLANTS,
)
