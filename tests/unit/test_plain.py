"""What an encoding lacks is written in ASCII; no control sequence of other people's is written at all."""

import errno
import io
import os
import re
import sys

import pytest
from rich.table import Table
from rich.text import Text

from tfparity.report import plain, terminal, words


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_text_can_be_written(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    plain.take(stream)
    stream.write("✓ ◐ ✗ 1 → 2 … 漢字 \udcff\N{RIGHT-TO-LEFT OVERRIDE}" if encoding != "utf-8" else "✓ → 漢字")
    stream.flush()
    written = stream.buffer.getvalue().decode(encoding)
    assert written == ("✓ → 漢字" if encoding == "utf-8" else written)
    assert encoding == "utf-8" or written.startswith(("+ / x 1 -> 2 ... ?? ?", "+ / x 1 -> 2 … ?? ?"))


def test_every_sign_of_a_verdict_has_an_ascii_form_of_its_own() -> None:
    signs = [words.verdict(verdict).sign for verdict in words.VERDICTS]
    forms = [sign.translate(plain.PLAIN) for sign in signs]
    assert all(form.isascii() for form in forms)
    assert len(set(forms)) == len(set(signs))


def test_a_stream_that_is_no_file_stays_as_it_is() -> None:
    plain.take(io.StringIO())


#: What a terminal would obey, or a person would not see.
HOSTILE = "a\x1b[2Jb\x1b]0;owned\x07c\rd\x08e\x9bf\x7fg\u202eh\u200bi\u2028j\udcffk"


def hidden(text: str) -> list[str]:
    """The characters in a text that are none to see."""
    return [character for character in text.replace("\n", "") if not character.isprintable()]


def test_a_screen_shows_a_text_line_by_line_and_nothing_else() -> None:
    stream = io.StringIO()
    screen = plain.take(stream)
    print(HOSTILE, "two", sep="\t", file=screen)
    print("three", file=screen, flush=True)
    assert stream.getvalue() == "abc d e f g h i j k\ttwo\nthree\n"


@pytest.mark.parametrize("colours", [False, True])
def test_a_console_adds_its_own_colours_alone(colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    out = terminal.console(plain.take(stream), colours=colours)
    table = Table(HOSTILE)
    table.add_row(Text(HOSTILE, "bold red"))
    for printed in (Text(HOSTILE, "bold"), HOSTILE, table):
        out.print(printed, markup=False)
    written = stream.getvalue()
    assert ("\x1b[1m" in written) == colours
    assert hidden(re.sub(r"\x1b\[[0-9;]*m", "", written)) == []


class Full(io.StringIO):
    """Nothing can be written to it."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_stream_is_told_of_but_that_of_errors_is_not() -> None:
    with pytest.raises(OSError, match="No space left"):
        print("x", file=plain.take(Full()))
    print("x", file=plain.take(Full(), quiet=True), flush=True)


def test_screens_are_gone_after_a_command() -> None:
    before = sys.stdout, sys.stderr
    with plain.screens():
        assert isinstance(sys.stdout, plain.Screen)
        assert isinstance(sys.stderr, plain.Screen)
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("terminal_of_ones_own", [True, False])
def test_a_path_of_ones_own_can_be_copied_from_ones_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, terminal_of_ones_own: bool
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal_of_ones_own)
    out = terminal.console(plain.Screen(stream))
    print("cannot read <home>/models/net.pt, <homes>", file=plain.Screen(stream))
    out.print(Text("no <home>/code"))
    home = "/home/me" if terminal_of_ones_own else "<home>"
    said = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()]
    assert said == [f"cannot read {home}/models/net.pt, <homes>", f"no {home}/code"]
