"""What this machine does to a process is told from what its code does."""

import signal
import subprocess

import pytest

from tfparity.records import machine


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGXCPU])
def test_a_signal_from_outside_says_nothing_of_the_code(number: signal.Signals) -> None:
    assert machine.ended_from_outside(-number) == f"{number.name} from outside"


@pytest.mark.parametrize(
    "status", [None, 0, 1, 137, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL, -signal.SIGBUS]
)
def test_a_crash_is_the_codes_own(status: int | None) -> None:
    assert machine.ended_from_outside(status) is None


@pytest.mark.parametrize(
    ("text", "caused"),
    [
        ("[Errno 28] No space left on device: 'x'", True),
        ("Disk quota exceeded", True),
        ("[Errno 27] File too large", True),
        ("[Errno 5] Input/output error: 'graph.pb'", True),
        (str(subprocess.CalledProcessError(-9, "onnxsim")), True),
        (str(subprocess.CalledProcessError(-11, "onnxsim")), False),
        (str(subprocess.CalledProcessError(1, "onnxsim")), False),
        ("no space for you", False),
        ("the model is a file too large for protobuf", False),
    ],
)
def test_an_error_of_the_disk_or_of_a_killed_child_is_the_machines(text: str, caused: bool) -> None:
    assert (machine.caused(text) is not None) == caused


def test_a_signal_without_a_name_has_its_number() -> None:
    assert machine.signal_name(99) == "signal 99"
