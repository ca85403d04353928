"""The sandbox's own process: `python -I sandbox_process.py PLACES COMMAND…` runs the command inside namespaces.

PLACES is JSON, lists of paths: "writes", "reads" (seen even beside sockets), "private" (/tmp and the like), "made" (an
empty folder); and "told", the number of a descriptor that a line goes to where no sandbox is made.

User, mount, process, network and IPC namespaces: no network but a loopback of its own, no process but its own, every
file system read-only but for "writes", a /tmp of its own, the plain devices alone, no capability. It ends as the
command ends, by the same signal too, and whatever the command started ends with it.
Linux 5.12 (mount_setattr), standard library; imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

#: The status it ends with where the namespaces cannot be made; the reason is the last line on the error stream.
REFUSED = 125

#: linux/sched.h: new mount, IPC, user, process and network namespaces.
_NAMESPACES = 0x00020000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

#: linux/mount.h.
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_ATTR_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 1, -100, 0x8000

#: The number of mount_setattr on every architecture but Alpha: https://man7.org/linux/man-pages/man2/mount_setattr.2.html
_MOUNT_SETATTR = 442

#: linux/prctl.h.
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38

#: linux/sockios.h and linux/if.h: to bring a loopback up.
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41

#: What a process may need of /dev; no disk, no terminal, no accelerator.
_DEVICES = ("null", "zero", "full", "random", "urandom")

#: Parts of /proc that change the system for whom the system's root is: a process of root's, even without capabilities.
_SYSTEM = ("sys", "sysrq-trigger", "irq", "bus", "fs")

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - one of its own  # nosec B108

_libc = ctypes.CDLL(None, use_errno=True)


def _did(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _mount(source: str | Path, target: str | Path, kind: str | None, flags: int, data: str | None = None) -> None:
    given = (os.fsencode(source), os.fsencode(target), kind.encode() if kind else None)
    _did(_libc.mount(*given, ctypes.c_ulong(flags), data.encode() if data else None), f"mount {target}")


def _bind(source: str | Path, target: str | Path) -> None:
    _mount(source, target, None, _BIND | _REC)


def _writable(place: str | Path, *, yes: bool, recursive: bool = False) -> None:
    """Make a mount read-only, or writable again."""
    changed = (0, _ATTR_RDONLY) if yes else (_ATTR_RDONLY, 0)
    attributes = struct.pack("=QQQQ", *changed, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _did(
        _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(place), flags, attributes, len(attributes)),
        f"mount_setattr {place}",
    )


#: Who the superuser is inside: nobody. A further namespace, as each request has one, may not be made by a root without
#: capabilities, and needs no more: user_namespaces(7).
NOBODY = 65534


def _enter() -> None:
    """New namespaces, in which this user is who it was, and root is nobody."""
    user, group = os.geteuid(), os.getegid()
    try:
        _did(_libc.unshare(_NAMESPACES), "unshare")
    except OSError as denied:
        if denied.errno != errno.ENOSPC:
            raise
        raise OSError(errno.EUSERS, "unshare: no more than /proc/sys/user/max_user_namespaces") from None
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user or NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group or NOBODY} {group} 1")


def _plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, a folder or a link: no socket, pipe or device."""
    return entry.is_symlink() or entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)


def _holds(entry: os.DirEntry[str], needed: Sequence[str]) -> bool:
    return any(place == entry.path or place.startswith(f"{entry.path}/") for place in needed)


def _is_shown(entry: os.DirEntry[str], needed: Sequence[str]) -> bool:
    if _holds(entry, needed):
        return True
    if not entry.is_dir(follow_symlinks=False):
        return _plain(entry)
    try:
        with os.scandir(entry.path) as inside:
            return all(_plain(one) for one in inside)
    except OSError:
        return False


def shown(place: str, needed: Sequence[str]) -> list[os.DirEntry[str]]:
    """What is to be seen of a folder for temporary files, to be read: models may lie there. Sockets, and folders that
    directly hold some, lead to other programs; they are seen where something `needed` lies in them. Of /run, which is
    the programs' own, nothing else is."""
    with os.scandir(place) as found:
        return [entry for entry in found if (place != "/run" or _holds(entry, needed)) and _is_shown(entry, needed)]


def _private(place: str, made: Path, needed: Sequence[str]) -> None:
    """Put the empty folder `made` over `place`, and what is to be seen of that into it, read-only."""
    made.mkdir()
    made.chmod(0o1777)
    # What `made` itself lies in goes first: later it would take the mounts before it along.
    for entry in sorted(shown(place, needed), key=lambda entry: not str(made).startswith(f"{entry.path}/")):
        inside = made / entry.name
        try:
            if entry.is_symlink():
                inside.symlink_to(Path(entry.path).readlink())
                continue
            if entry.is_dir():
                inside.mkdir()
            else:
                inside.touch()
            _bind(entry.path, inside)
        except OSError:  # gone meanwhile, or another user's
            continue
    _bind(made, place)


def _devices(made: Path) -> None:
    """A /dev of a few devices."""
    made.mkdir()
    _mount("tmpfs", made, "tmpfs", _NOSUID | _NOEXEC, "mode=0755")
    for name in _DEVICES:
        (made / name).touch()
        _bind(f"/dev/{name}", made / name)
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (made / name).symlink_to(f"/proc/self/{target}")
    (made / "shm").mkdir()
    _mount("tmpfs", made / "shm", "tmpfs", _NOSUID | _NODEV, "mode=1777")
    _bind(made, "/dev")


def _file_systems(places: dict[str, list[str]], made: Path) -> None:
    """Everything read-only but for "writes", and a /proc, /dev, /tmp of its own."""
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    needed = [os.path.realpath(place) for place in (*places["writes"], *places["reads"])]
    private = [place for place in dict.fromkeys(map(os.path.realpath, places["private"])) if os.path.isdir(place)]  # noqa: PTH112
    for number, place in enumerate(private):
        _private(place, made / str(number), needed)
    _devices(made / "dev")
    for name in _SYSTEM:
        if (Path("/proc") / name).exists():
            _bind(Path("/proc") / name, Path("/proc") / name)
    _writable("/", yes=False, recursive=True)
    for place in ("/proc", _SHARED_MEMORY, *private):
        _writable(place, yes=True)
    for place in map(os.path.realpath, places["writes"]):
        _bind(place, place)
        _writable(place, yes=True)


def _loopback() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


def _without_capabilities() -> None:
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    _did(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _leave_streams() -> None:
    """Hold neither end of what the command reads and writes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _refuse(why: OSError, places: dict[str, list[str]]) -> NoReturn:
    print(f"{why.strerror or why}", file=sys.stderr, flush=True)
    for descriptor in places["told"]:
        os.write(int(descriptor), b"refused\n")
    os._exit(REFUSED)


def _first(places: dict[str, list[str]], made: Path, command: Sequence[str], told: int) -> NoReturn:
    """The first process of the namespace: what it reads as the end of the command goes to `told`."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    here = os.getcwd()  # noqa: PTH109
    try:
        _file_systems(places, made)
        _loopback()
        runs = os.fork()
        if runs == 0:
            os.chdir(here)  # what was there is read-only now
            _without_capabilities()
            os.execv(command[0], list(command))  # noqa: S606 - no shell is wanted  # nosec B606
    except OSError as wrong:
        _refuse(wrong, places)
    _leave_streams()
    while True:
        ended, status = os.wait()
        if ended == runs:
            os.write(told, str(status).encode())
            os._exit(0)


def _end_as(status: int) -> NoReturn:
    """End as the command did."""
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # SIGKILL is as it is
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def main(places: dict[str, list[str]], command: Sequence[str]) -> NoReturn:
    """Run the command inside; never returns."""
    made = Path(places["made"][0])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, no child would have a status
    for descriptor in places["told"]:
        os.set_inheritable(int(descriptor), False)  # the command has it not
    try:
        _enter()
        heard, told = os.pipe()
        first = os.fork()
    except OSError as wrong:
        _refuse(wrong, places)
    if first == 0:
        _first(places, made, command, told)
    os.close(told)
    _leave_streams()
    _, status = os.waitpid(first, 0)
    said = os.read(heard, 32)
    _end_as(int(said) if said else status)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
