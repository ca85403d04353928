"""Which known name a person meant who wrote another. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name most likely meant: spelt alike, with the same last part, one that begins or ends so, or one that
    is close. None where none is. Of several that begin or end so the shortest, then the first by name."""
    plain = {_plain(name): name for name in sorted(known, key=lambda name: (len(name), name), reverse=True)}
    asked = _plain(word)
    if not asked:
        return None
    tail = asked.rpartition("/")[2]
    alike = [name for name in plain if name == asked]
    last = [name for name in plain if name.rpartition("/")[2] == tail]
    part = [name for name in plain if name.startswith(asked) or name.endswith(asked)]
    for found in (alike, last, part):
        if found:
            return min((plain[name] for name in found), key=lambda name: (len(name), name))
    tails = {name.rpartition("/")[2]: name for name in plain}
    close = difflib.get_close_matches(asked, plain, n=1) or [
        tails[name] for name in difflib.get_close_matches(tail, tails, n=1)
    ]
    return plain[close[0]] if close else None


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """So many known names, the one most likely meant first, then those with numbers of it ("2.16"), then those that are
    spelt most alike: none is far enough to be left out."""
    choices = sorted(known, key=lambda name: (len(name), name))
    first, asked, numbers = closest(word, choices), _plain(word), set(_NUMBER.findall(word))

    def likeness(name: str) -> tuple[bool, int, float]:
        shared = len(numbers & set(_NUMBER.findall(name)))
        return name == first, shared, difflib.SequenceMatcher(None, asked, _plain(name)).ratio()

    return sorted(choices, key=likeness, reverse=True)[:count]


_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def _plain(name: str) -> str:
    """Without case, wildcards and the kind of what joins its words."""
    return re.sub(r"[-_ ]+", "-", re.sub(r"[*?\[\]!]", "", name.lower())).strip("-/")
