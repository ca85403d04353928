"""Signs that an output's encoding lacks, in ASCII: a C locale or latin-1 must not end a run after all its work."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

#: What stands for a sign; "?" for those that are not here, such as what a model's name may hold.
PLAIN = str.maketrans(
    {
        "✓": "+",
        "✗": "x",
        "◐": "/",
        "∅": "0",
        "→": "->",
        "–": "-",
        "—": "-",
        "·": "|",
        "…": "...",
        "×": "x",
        "≥": ">=",
        "≤": "<=",
        "±": "+-",
        "µ": "u",
        "«": '"',
        "»": '"',
    }
)

_NAME = "tfparity-plain"


def _replaced(wrong: UnicodeError) -> tuple[str, int]:
    if not isinstance(wrong, UnicodeEncodeError):
        raise wrong
    signs = wrong.object[wrong.start : wrong.end].translate(PLAIN)
    return signs.encode("ascii", "replace").decode("ascii"), wrong.end


def take(stream: TextIO) -> None:
    """Have the stream write in ASCII what its encoding lacks."""
    codecs.register_error(_NAME, _replaced)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_NAME)
