"""What this machine does to a process, told apart from what the code in it does. Pure."""

from __future__ import annotations

import signal

from tfparity.worker import machine_errors

#: Signals that come from outside: the kernel's OOM killer, a service manager, a terminal, a resource limit. Code under
#: test that crashes ends by SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS.
OUTSIDE = frozenset(
    (
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGKILL,
        signal.SIGTERM,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    )
)


def signal_name(number: int) -> str:
    """ "SIGKILL" for 9; "signal 99" for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ended_from_outside(status: int | None) -> str | None:
    """Why a process that ended with that status (minus the signal's number) says nothing of its code, else None."""
    if status is None or status >= 0 or -status not in OUTSIDE:
        return None
    return f"{signal_name(-status)} from outside"


def refused(wrong: OSError) -> bool:
    """Whether the system refused something of ours for want of this machine, and not because of the file: one that is
    missing, that may not be read or that is damaged."""
    return wrong.errno in machine_errors.NUMBERS


def disk_refused(wrong: OSError) -> bool:
    """Whether that is for want of the disk: it is full, over its quota or broken, or a file may not grow."""
    return machine_errors.NUMBERS.get(wrong.errno or 0) == machine_errors.DISK


def disk_failed(text: str) -> bool:
    """Whether an error's text is that of a disk that is full, over its quota or broken."""
    return machine_errors.of_text(text) == machine_errors.DISK


def caused(text: str) -> str | None:
    """Why this machine is behind an error of that text: the disk, memory, open files, or a signal that ended a child;
    else None."""
    return machine_errors.of_text(text)


#: The reason of `caused` where there is no memory.
NO_MEMORY = machine_errors.MEMORY
