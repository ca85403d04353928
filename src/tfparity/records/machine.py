"""What this machine does to a process, told apart from what the code in it does. Pure."""

from __future__ import annotations

import errno
import re
import signal

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

#: Errors of the disk in an error's text: ENOSPC, EDQUOT, EFBIG, EIO.
_DISK = re.compile(
    r"no space left on device|disk quota exceeded|\[errno 27\] file too large|\[errno 5\] input/output error",
    re.IGNORECASE,
)

#: What subprocess.CalledProcessError says of a child that a signal ended.
_CHILD = re.compile(r"died with <Signals\.(SIG[A-Z]+)")


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


#: What the system refuses because this machine has too little or is broken, whoever asks.
_REFUSALS = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    )
)


def refused(wrong: OSError) -> bool:
    """Whether the system refused something of ours for want of this machine, and not because of the file: one that is
    missing, that may not be read or that is damaged."""
    return wrong.errno in _REFUSALS


def disk_failed(text: str) -> bool:
    """Whether an error's text is that of a disk that is full, over its quota or broken."""
    return bool(_DISK.search(text))


def caused(text: str) -> str | None:
    """Why this machine is behind an error of that text: the disk, or a signal that ended a child; else None."""
    if disk_failed(text):
        return "the disk is full or failing"
    child = _CHILD.search(text)
    if child and signal.Signals.__members__.get(child[1]) in OUTSIDE:
        return f"{child[1]} from outside to a child process"
    return None
