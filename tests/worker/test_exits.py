"""What would end our process without a word raises in the code that asks for it; what that forks ends as it likes."""

from __future__ import annotations

import os
import threading

import pytest

from tfparity.records import exits


def _child_ends_with(status: int) -> int:
    child = os.fork()
    if not child:
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_ends_by_os_exit_meanwhile_and_afterwards() -> None:
    """As multiprocessing ends its children."""
    with exits.guarded():
        assert _child_ends_with(7) == 7
        with exits.guarded():
            assert _child_ends_with(8) == 8
        with pytest.raises(SystemExit, match=r"os\._exit\(3\)"):
            os._exit(3)
    assert _child_ends_with(9) == 9


def test_a_thread_beside_is_not_guarded() -> None:
    """A signal's handler may end us at once."""
    ends = []
    with exits.guarded():
        thread = threading.Thread(target=lambda: ends.append(getattr(exits._guarded, "process", None)))
        thread.start()
        thread.join()
    assert ends == [None]
