"""A process that writes to its own folder alone, by Landlock: what it starts is held to that, too.

https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
import sys
from typing import Any, Sequence

#: System calls, by the same number on every architecture but Alpha.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

#: linux/landlock.h: asks for the version; a rule for what lies beneath a folder.
_VERSION, _PATH_BENEATH = 1, 1

#: linux/landlock.h: writing to a file; removing folders and files; making devices, folders, files, sockets, pipes,
#: disks and links. By the version that they came with: moving to another folder, truncating.
_WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
_SINCE = {2: 1 << 13, 3: 1 << 14}

#: linux/landlock.h, since version 6: no abstract socket of others, no signal to others.
_SCOPES = 0b11

#: linux/prctl.h.
_PR_SET_NO_NEW_PRIVS = 38


def version() -> int:
    """The version of Landlock here, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def confine(folder: str) -> None:
    """From now on this process writes below `folder`, to devices, to what /proc has of itself, and, where the folder
    does not lie there, to /tmp and /var/tmp; it reads the memory of no process but those that it starts, and from
    version 6 on signals no other. Raises OSError where the system refuses."""
    known = version()
    rights = _WRITES | sum(right for since, right in _SINCE.items() if known >= since)
    attributes = struct.pack("=QQQ", rights, 0, _SCOPES)[: 24 if known >= 6 else 8]
    libc = _libc()
    rules = _did(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        for place in _places(folder):
            _add(libc, rules, place, rights)
        _did(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _did(libc.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)


def _places(folder: str) -> Sequence[str]:
    here = os.path.realpath(folder)
    shared = ("/tmp", "/var/tmp")  # nosec B108 # the sandbox's own
    apart = [place for place in shared if not here.startswith(os.path.realpath(place) + os.sep)]
    return [place for place in (here, "/dev", "/proc/self", *apart) if os.path.isdir(place)]


def _add(libc: Any, rules: int, place: str, rights: int) -> None:
    opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        _did(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0))
    finally:
        os.close(opened)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _did(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, "Landlock: %s" % os.strerror(code))
    return result
