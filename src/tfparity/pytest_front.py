"""What our pytest suites over planned cells share: the options, and bad input in one line with its own exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tfparity import cli, options
from tfparity.campaign import Campaign
from tfparity.errors import TfparityError


def add_options(parser: pytest.Parser, title: str) -> pytest.OptionGroup:
    """The options of `tfparity run`, in a group of that title."""
    group = parser.getgroup("tfparity", title)
    for option in options.OPTIONS:
        group.addoption(option.flag, help=option.help, **option.settings)
    return group


@contextmanager
def ends_in_a_line() -> Iterator[None]:
    """An error of ours, or of the system, ends the session with one line and its own exit code."""
    try:
        yield
    except (TfparityError, OSError) as wrong:
        ended = cli.in_a_line(wrong)
        pytest.exit(str(ended), returncode=ended.exit_code)


def read_all(campaign: Campaign) -> None:
    """Read all that can be wrong, to be called while a session starts: while tests are collected, pytest.exit would be
    a traceback."""
    with ends_in_a_line():
        campaign.read()
