"""The one way to a person's screen: no control sequence of other people's, signs that an encoding lacks in ASCII."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tfparity import paths
from tfparity.records import called
from tfparity.records.fingerprint import visible

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

#: Standard input, output and errors are the first so many.
STREAMS = 3


def _replaced(wrong: UnicodeError) -> tuple[str, int]:
    if not isinstance(wrong, UnicodeEncodeError):
        raise wrong
    signs = wrong.object[wrong.start : wrong.end].translate(PLAIN)
    return signs.encode("ascii", "replace").decode("ascii"), wrong.end


def shown(text: str) -> str:
    """The text without control sequences, direction marks and whatever else is not seen, line for line: names, paths
    and errors are other people's, and a terminal obeys them."""
    return "".join(part if part in "\n\t" else visible(part) for part in _PARTS.split(text))


def unmasked(text: str) -> str:
    """With this user's home folder in the place of what stands for one in failures, which are kept and published
    without: on a terminal of his own a path is there to be copied."""
    home = paths.home()
    return text if home == paths.NO_HOME else text.replace("<home>/", f"{home}/")


#: What stays as it is.
_PARTS = re.compile(r"([\n\t])")


class Screen(io.TextIOBase):
    """A stream for a person: what is printed to it is `shown`. quiet: where it cannot be written to, nothing is said;
    of errors there is nobody else to tell."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, filters: bool = True) -> None:
        self._stream, self._quiet, self._filters = stream, quiet, filters

    def unfiltered(self) -> Screen:
        """For what filters its texts itself, and adds sequences of its own."""
        return Screen(self._stream, quiet=self._quiet, filters=False)

    def write(self, text: str, /) -> int:
        with self._unless_quiet():
            said = called.in_words(shown(text) if self._filters else text)
            self._stream.write(unmasked(said) if self.isatty() else said)
        return len(text)

    def flush(self) -> None:
        with self._unless_quiet():
            self._stream.flush()

    @contextmanager
    def _unless_quiet(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            if not self._quiet:
                raise
            give_up(self._stream)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def __del__(self) -> None:
        """The stream under it stays open."""


def take(stream: TextIO | None, *, quiet: bool = False) -> Screen:
    """A screen on that stream, which writes in ASCII what its encoding lacks. None, which Python has for a closed one:
    on nothing."""
    codecs.register_error(_NAME, _replaced)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_NAME)
    return Screen(stream if stream is not None else _nowhere(), quiet=quiet)


def _nowhere() -> TextIO:
    """The null device, in the place of the closed stream, too: else the next file that is opened would be it."""
    while (opened := os.open(os.devnull, os.O_RDWR)) < STREAMS:
        os.set_inheritable(opened, True)
    os.close(opened)
    return Path(os.devnull).open("w", encoding="utf-8")


@contextmanager
def screens() -> Iterator[None]:
    """Screens in the place of this process's output and errors."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = take(sys.stdout), take(sys.stderr, quiet=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def give_up(stream: TextIO) -> None:
    """Have what a stream still holds go nowhere: nobody reads it, or there is no room for it."""
    with suppress(OSError):  # it has no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
