"""What an encoding lacks is written in ASCII."""

import io

import pytest

from tfparity.report import plain, words


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
