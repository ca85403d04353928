"""What this machine does to a process is told from what its code does."""

import errno
import signal
import subprocess
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.evidence import files
from tfparity.records import machine
from tfparity.worker import machine_errors

PROJECT = paths.project(Path(__file__).parents[2])


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
        ("[Errno 24] Too many open files: 'x'", True),
        ("[Errno 23] File table overflow", True),
        ("libtorch.so: cannot open shared object file: Too many open files", True),
        ("libtorch.so: failed to map segment from shared object: Cannot allocate memory", True),
        ("Unable to create file (errno = 28, error message = 'x', flags = 13)", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes. Error code 12 (x)", True),
        ("ended by SIGABRT: what(): std::bad_alloc", True),
        ("Failed to allocate memory for requested buffer of size 16", True),
        ("DataLoader worker (pid 4711) is killed by signal: Killed. ", True),
        ("DataLoader worker (pid 4711) is killed by signal: Segmentation fault. ", False),
        ("A process in the process pool was terminated abruptly while the future was running or pending.", True),
        ("The exit codes of the workers are {SIGKILL(-9)}", True),
        ("The exit codes of the workers are {SIGSEGV(-11)}", False),
        (str(subprocess.CalledProcessError(137, "onnxsim")), True),
        (str(subprocess.CalledProcessError(143, "onnxsim")), True),
        ("onnxsim: exit status 1370", False),
        ("[Errno 2] No such file or directory", False),
        ("[Errno 13] Permission denied", False),
        ("no space for you", False),
        ("the model is a file too large for protobuf", False),
    ],
)
def test_an_error_of_the_disk_or_of_a_killed_child_is_the_machines(text: str, caused: bool) -> None:
    assert (machine.caused(text) is not None) == caused


OF_THE_MACHINE = [
    *(OSError(number, "x") for number in machine_errors.NUMBERS),
    MemoryError(),
    RuntimeError("x" * 5000 + "[Errno 28]" + "x" * 5000),
    BrokenProcessPool("A process in the process pool was terminated abruptly while the future was running"),
    subprocess.CalledProcessError(-9, "onnxsim"),
]
OF_THE_CODE = [OSError(errno.ENOENT, "x"), OSError("x"), ValueError("shape"), subprocess.CalledProcessError(1, "x")]


def raised(*exceptions: Exception, cause: bool = True) -> Exception:
    """The last of them, which each one before it led to."""
    before = None
    for one in exceptions:
        if cause:
            one.__cause__ = before
        else:
            one.__context__ = before
        before = one
    assert before is not None
    return before


@pytest.mark.parametrize("exception", OF_THE_MACHINE, ids=lambda one: repr(one)[:40])
@pytest.mark.parametrize("cause", [True, False])
def test_an_exception_is_the_machines_wherever_it_stands_in_its_chain(exception: Exception, cause: bool) -> None:
    assert machine_errors.of(exception)
    assert machine_errors.of(raised(exception, RuntimeError("a"), ValueError("b"), cause=cause))
    with pytest.raises(type(exception)):
        machine_errors.let_through(exception)


@pytest.mark.parametrize("exception", OF_THE_CODE, ids=repr)
def test_every_other_one_is_the_codes(exception: Exception) -> None:
    assert machine_errors.of(raised(exception, RuntimeError("a"))) is None
    machine_errors.let_through(exception)


def test_a_chain_without_end_and_a_message_that_cannot_be_printed_say_nothing() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError("never")

    one, other = Unprintable(), ValueError("b")
    one.__cause__, other.__cause__ = other, one
    assert machine_errors.of(one) is None


def test_what_the_system_refuses_is_one_list() -> None:
    numbers = {number for number in errno.errorcode if machine.refused(OSError(number, "x"))}
    assert numbers == {number for number in errno.errorcode if machine_errors.of(OSError(number, "x"))}
    assert numbers == set(machine_errors.NUMBERS)


def test_no_recorded_failure_reads_as_the_machines() -> None:
    found = {failure.text for content in files.load_all(PROJECT).values() for failure in content.errors.values()}
    assert len(found) > 100
    assert [text for text in found if machine.caused(text)] == []


def test_a_signal_without_a_name_has_its_number() -> None:
    assert machine.signal_name(99) == "signal 99"
