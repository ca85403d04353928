"""Foreign text made harmless. Escaping is the template's business; this is about what escaping lets through."""

from __future__ import annotations

import sys
import unicodedata

#: Longest error text that is kept, in characters: enough for any that was recorded, not for a log of a megabyte.
LONGEST = 4000

#: Control characters (but for line ends and tabs), marks that turn the direction of text or cannot be seen, halves of
#: surrogate pairs: shown as �. Line separators that JavaScript once took for line ends: a space.
_HARMFUL = {
    code: " " if chr(code) in "\x85\u2028\u2029" else "\ufffd"
    for code in range(sys.maxunicode + 1)
    if (unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs") and chr(code) not in "\n\t") or code in (0x2028, 0x2029)
}


def plain(value: object, longest: int = LONGEST) -> str:
    """A foreign text with nothing in it that moves what stands beside it, cut to `longest` characters."""
    text = str(value)
    cut = f"{text[:longest]} … ({len(text) - longest:,} more characters)" if len(text) > longest else text
    return cut.translate(_HARMFUL)
