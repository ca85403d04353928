"""What toolchains and environments that no matrix names are called: their ids are ours, a person asked in words."""

from __future__ import annotations

import re

#: Id → what it was asked for as, of this process.
_words: dict[str, str] = {}

#: An id in a text; as part of a path it stays, for there it is a name.
_ID = re.compile(r"(?<![\w/.-])adhoc_[0-9a-f]{12}(?![\w.-])")


def call(id: str, words: str) -> None:
    """Say what that id stands for ("tf2.15-torch2.15 with torch==2.4.1")."""
    _words[id] = words


def in_words(text: str) -> str:
    """The text with ids in words, as far as they are known."""
    return _ID.sub(lambda found: _words.get(found[0], found[0]), text) if "adhoc_" in text else text
