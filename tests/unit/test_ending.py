"""What is said where this process got no memory or no thread, and what is left as a fault of ours."""

from __future__ import annotations

import resource

import pytest

from tfparity import cli
from tfparity.errors import MachineFault
from tfparity.report.ending import no_room


@pytest.mark.parametrize("wrong", [MemoryError(), RuntimeError("can't start new thread")])
def test_a_machine_without_room_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    def short(_: object) -> int:
        raise wrong

    monkeypatch.setattr(cli, "_given", short)
    assert cli.main(["plan"]) == MachineFault.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tfparity: ")


@pytest.mark.parametrize("limit", [2**28, resource.RLIM_INFINITY])
def test_a_library_that_is_not_loaded_is_the_machines_only_under_a_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert (no_room(ImportError("cannot import name 'arrays_file'")) is None) == (limit == resource.RLIM_INFINITY)


def test_any_other_error_is_a_fault_of_ours() -> None:
    assert no_room(RuntimeError("dictionary changed size during iteration")) is None
