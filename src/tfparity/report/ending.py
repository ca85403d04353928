"""How a command ends where something is wrong: one line, and an exit code of its own."""

from __future__ import annotations

import errno

from tfparity import paths
from tfparity.errors import DiskError, TfparityError
from tfparity.records import machine


def no_room(wrong: MemoryError | ImportError | RuntimeError) -> str | None:
    """What to say where this process got no memory or no thread; None of what is a fault of ours."""
    if isinstance(wrong, MemoryError):
        return "got no memory that it asked for: free some, or run fewer side by side (--jobs 1)"
    if isinstance(wrong, RuntimeError):
        started = "can't start new thread" in str(wrong)
        return "cannot start another thread: raise the limits (ulimit -u, ulimit -v)" if started else None
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return None
    return "a library that it needs does not fit into its address space: raise the limit (ulimit -v)"


def in_a_line(wrong: TfparityError | OSError) -> TfparityError:
    """The error that a command ends with: our own, or what the system refused, with the path and the reason."""
    if isinstance(wrong, TfparityError):
        return wrong
    reason = wrong.strerror or str(wrong) or type(wrong).__name__
    places = " → ".join(str(name) for name in (wrong.filename, wrong.filename2) if name is not None)
    said = f"{places}: {reason}" if places else reason
    if not machine.disk_refused(wrong):
        return TfparityError(said)
    if not places:  # what the output goes to has no name here
        said = f"{said}, where the output goes"
    elif wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        said = f"{said}; make room: {paths.cache().root} is safe to delete"
    if wrong.errno == errno.EFBIG:
        said = f"{said}; raise the limit of a file's size (ulimit -f)"
    if wrong.errno == errno.EIO:
        said = f"{said}; look at the disk"
    return DiskError(said)
