"""A signal ends the command as Ctrl-C does, after what other threads wait for has been ended."""

from __future__ import annotations

import signal

import pytest

from tfparity import signals
from tfparity.environments import uv_command


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was called; nothing of another test's is."""
    called: list[str] = []
    monkeypatch.setattr(signals, "_first", [])
    signals.at_end(lambda: called.append("one"))
    signals.at_end(lambda: called.append("other"))
    return called


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_asked_for_it_is_called_before_the_command_ends(first: list[str], number: signal.Signals) -> None:
    with pytest.raises(signals.Ended) as ended:
        signals._end(number, None)
    assert first == ["one", "other"]
    assert signals.exit_code(ended.value) == 128 + number


@pytest.mark.parametrize("was", [signal.SIG_IGN, signal.SIG_DFL])
def test_that_a_child_ended_is_heard_whoever_started_us(was: signal.Handlers) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    signal.signal(signal.SIGCHLD, was)
    try:
        signals.take()
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    finally:
        for number, handler in zip((signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP), before, strict=True):
            signal.signal(number, handler)


def test_uv_is_ended_by_a_signal() -> None:
    assert uv_command.end in signals._first
