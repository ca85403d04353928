"""A process held to its own folder, and to its own kin: what it starts is held to that, too.

Three of the kernel's means, each for what the others leave open: Landlock for writing, and for memory and signals of
others; a mount namespace, in which all else is read-only, for modes and times; a filter of system calls for what is
done to other processes by their number. `python -I confinement.py FOLDER` prints which of them this system lacks.
https://docs.kernel.org/userspace-api/landlock.html, https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Any, List, NamedTuple, Sequence

#: System calls of Landlock and mount_setattr, by the same number on every architecture but Alpha.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _MOUNT_SETATTR = 444, 445, 446, 442

#: linux/landlock.h: asks for the version; a rule for what lies beneath a folder.
_VERSION, _PATH_BENEATH = 1, 1

#: linux/landlock.h: writing to a file; removing folders and files; making devices, folders, files, sockets, pipes,
#: disks and links. By the version that they came with: moving to another folder, truncating.
_WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
_SINCE = {2: 1 << 13, 3: 1 << 14}

#: linux/landlock.h, since version 6: no abstract socket of others, no signal to others.
_SCOPES = 0b11

#: linux/sched.h: new mount, IPC and user namespaces; a child that is its parent's sibling.
_NEWNS, _NEWIPC, _NEWUSER, _CLONE_PARENT = 0x00020000, 0x08000000, 0x10000000, 0x8000

#: linux/mount.h.
_BIND, _REC, _PRIVATE, _NOSUID, _NODEV = 4096, 16384, 1 << 18, 2, 4
_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 1, -100, 0x8000

#: linux/prctl.h.
_PR_CAPBSET_DROP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 24, 22, 38, 36

#: linux/capability.h.
_CAPABILITY_VERSION = 0x20080522

#: What `confine` does it by: a mount namespace, Landlock, a filter of system calls.
MOUNTS, LANDLOCK, CALLS = "mounts", "Landlock", "calls"

_SHARED_MEMORY = "/dev/shm"  # nosec B108 # one of its own

#: MiB that /dev/shm of a request takes: they count for no limit of memory.
SHARED_MIB = 1024


def version() -> int:
    """The version of Landlock here, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def confine(folder: str) -> List[str]:
    """From now on this process writes below `folder`, to devices, to what /proc has of itself, and, where the folder
    does not lie there, to /tmp and /var/tmp; it changes no mode elsewhere and no limit of others, reads the memory of
    no process but those that it starts, and from Landlock's version 6 on signals no other: as far as the system has the
    means. To be called before there is a second thread. Returns the means that it lacks, of MOUNTS, LANDLOCK and CALLS.
    Raises OSError where one that it has fails."""
    libc, here = _libc(), os.path.realpath(folder)
    _did(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    had = {MOUNTS: _own_mounts(libc, here), LANDLOCK: _landlock(libc, here), CALLS: _filter_calls(libc)}
    return [means for means, is_there in had.items() if not is_there]


def _shared(here: str) -> List[str]:
    """The folders for temporary files that the sandbox has of its own, but where `here` lies."""
    known = ("/tmp", "/var/tmp")  # nosec B108
    return [place for place in known if os.path.isdir(place) and not here.startswith(os.path.realpath(place) + os.sep)]


def _own_mounts(libc: Any, here: str) -> bool:
    """Every mount read-only but these, a /dev/shm and shared memory of its own; False where namespaces within the
    sandbox's, or mounts in them, are denied: all stays as it is. Raises OSError where it comes half way."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_NEWUSER | _NEWNS | _NEWIPC):
        return False
    own = [place for place in (_SHARED_MEMORY,) if os.path.isdir(place)]
    written = [here, *_shared(here)]
    try:
        who = {"setgroups": "deny", "uid_map": "%d %d 1" % (user, user), "gid_map": "%d %d 1" % (group, group)}
        for name, text in who.items():
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
        _mount(libc, "none", "/", None, _REC | _PRIVATE)
        for place in written:
            _mount(libc, place, place, None, _BIND | _REC)
        for place in own:
            _mount(libc, "tmpfs", place, "tmpfs", _NOSUID | _NODEV, "mode=1777,size=%dm" % SHARED_MIB)
    except OSError:
        _drop_capabilities(libc)
        return False
    _read_only(libc, "/", True, _AT_RECURSIVE)
    for place in ("/proc", *written, *own):
        _read_only(libc, place, False, 0)
    _drop_capabilities(libc)
    return True


def _mount(libc: Any, source: str, target: str, kind: Any, flags: int, data: Any = None) -> None:
    words = (os.fsencode(source), os.fsencode(target), kind and kind.encode(), ctypes.c_ulong(flags))
    _did(libc.mount(*words, data and data.encode()))


def _read_only(libc: Any, place: str, yes: bool, flags: int) -> None:
    changed = (_RDONLY, 0) if yes else (0, _RDONLY)
    attributes = struct.pack("=QQQQ", *changed, 0, 0)
    _did(libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(place), flags, attributes, ctypes.c_size_t(32)))


def _drop_capabilities(libc: Any) -> None:
    """The first process of a user namespace has all of them there."""
    capability = 0
    while libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    _did(libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION, 0), struct.pack("=6I", *[0] * 6)))


def _landlock(libc: Any, here: str) -> bool:
    known = version()
    if not known:
        return False
    rights = _WRITES | sum(right for since, right in _SINCE.items() if known >= since)
    attributes = struct.pack("=QQQ", rights, 0, _SCOPES)[: 24 if known >= 6 else 8]
    rules = _did(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        for place in (here, "/dev", "/proc/self", *_shared(here)):
            _add(libc, rules, place, rights)
        _did(libc.syscall(_RESTRICT_SELF, rules, 0))
    finally:
        os.close(rules)
    return True


def _add(libc: Any, rules: int, place: str, rights: int) -> None:
    opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    try:
        _did(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", rights, opened), 0))
    finally:
        os.close(opened)


class _Numbers(NamedTuple):
    """Of an architecture: as audit.h calls it, and the numbers of system calls. whose: prlimit64, sched_setparam,
    sched_setscheduler, sched_setattr, sched_setaffinity; never: unshare, ioprio_set; absent: memfd_create, shmget,
    add_key, request_key, keyctl."""

    audit: int
    clone: int
    prctl: int
    setpriority: int
    whose: Sequence[int]
    never: Sequence[int]
    absent: Sequence[int]


_ARCHITECTURES = {
    "x86_64": _Numbers(0xC000003E, 56, 157, 141, (302, 142, 144, 314, 203), (272, 251), (319, 29, 248, 249, 250)),
    "aarch64": _Numbers(0xC00000B7, 220, 167, 140, (261, 118, 119, 274, 122), (97, 30), (279, 194, 217, 218, 219)),
}
_X32 = 0x40000000

#: clone3, memfd_secret, io_uring_setup, by the same number on both: as if this kernel had them not, which programs know
#: how to do without.
_ABSENT = (435, 447, 425)

#: linux/bpf_common.h, linux/seccomp.h: the instructions, what they end with, where the words of a call lie.
_LOAD, _IS, _ABOVE, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24


def _filter_calls(libc: Any) -> bool:
    """No limit, priority or scheduler of another process is set; no namespace is made; what a process leaves comes to
    it, and no child is made that is no child of it. The library makes processes by the older call, whose flags can be
    seen. No memory without an address, which no limit counts, and no key, which outlives its process. False where the
    numbers of calls are not known."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    own = os.getpid()
    denied = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    allowed = (_RETURN, 0, 0, _ALLOW)
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IS, 1, 0, known.audit),
        denied,
        (_LOAD, 0, 0, _NUMBER),
        (_ABOVE, 0, 1, _X32),
        denied,
        (_IS, 0, 4, known.clone),
        (_LOAD, 0, 0, _FIRST),
        (_HAS, 0, 1, _CLONE_PARENT | _NEWUSER),
        denied,
        allowed,
        (_IS, 0, 4, known.prctl),
        (_LOAD, 0, 0, _FIRST),
        (_IS, 0, 1, _PR_SET_CHILD_SUBREAPER),
        denied,
        allowed,
        (_IS, 0, 7, known.setpriority),
        (_LOAD, 0, 0, _FIRST),
        (_IS, 0, 3, 0),  # of a process
        (_LOAD, 0, 0, _SECOND),
        (_IS, 2, 0, 0),  # its own
        (_IS, 1, 0, own),
        denied,
        allowed,
    ]
    for number in (*known.absent, *_ABSENT):
        program += [(_IS, 0, 1, number), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    for number in known.never:
        program += [(_IS, 0, 1, number), denied]
    for number in known.whose:
        program += [(_IS, 0, 5, number), (_LOAD, 0, 0, _FIRST), (_IS, 2, 0, 0), (_IS, 1, 0, own), denied, allowed]
    program.append(allowed)
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    given = struct.pack("@HP", len(program), ctypes.addressof(code))
    _did(libc.prctl(_PR_SET_SECCOMP, 2, given, 0, 0))
    return True


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _did(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, "the process cannot be confined: %s" % os.strerror(code))
    return result


if __name__ == "__main__":
    print(" ".join(confine(sys.argv[1])))
