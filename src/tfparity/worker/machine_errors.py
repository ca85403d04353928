"""Errors that say something of this machine and nothing of the code that met them: no room on the disk, no memory, no
open file to be had, a child process that was killed. One list, for every process of ours.
"""

import errno
import re
from typing import Iterator, List, Optional, Tuple

DISK = "the disk is full or failing"
FILES = "no more files can be opened"
MEMORY = "there is no memory"

#: What the system refuses because this machine has too little or is broken, whoever asks.
NUMBERS = {
    errno.ENOSPC: DISK,
    errno.EDQUOT: DISK,
    errno.EFBIG: DISK,
    errno.EIO: DISK,
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOMEM: MEMORY,
}

#: Its number in a text, which is all that is left of what C and C++ code met: h5py writes "errno = 28".
_NUMBER = re.compile(r"\berrno (?:= )?(\d+)\b", re.IGNORECASE)

#: Texts without the number.
_TEXTS: Tuple[Tuple[str, str], ...] = (
    (r"no space left on device|disk quota exceeded", DISK),
    (r"too many open files", FILES),
    (r"cannot allocate memory|allocate memory for requested buffer|std::bad_alloc", MEMORY),
    (r"CPUAllocator: (?:can't allocate|not enough) memory", MEMORY),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), reason) for pattern, reason in _TEXTS)

#: What is said of a child that a signal ended: by subprocess, torch's DataLoader, joblib, a shell (128 + 9 or 15).
_CHILD = re.compile(
    r"died with <Signals\.(?:SIG)?(?P<name>HUP|INT|QUIT|KILL|TERM|XCPU|XFSZ)\b"
    r"|killed by signal: (?P<word>Killed|Terminated)\b"
    r"|\b(?:SIG)?(?P<code>KILL|TERM)\(-\d+\)"
    r"|exit (?:status|code) (?P<status>137|143)\b"
)
_WORDS = {"Killed": "KILL", "Terminated": "TERM", "137": "KILL", "143": "TERM"}

#: concurrent.futures does not know which signal it was.
_POOL = re.compile(r"process in the process pool was terminated abruptly")

#: Exceptions that are looked at, at most, on the way from the last to the first.
_CHAIN = 50


def of_text(text: str) -> Optional[str]:
    """Why this machine is behind an error of that text, else None."""
    for number in _NUMBER.findall(text):
        if int(number) in NUMBERS:
            return NUMBERS[int(number)]
    for pattern, reason in _COMPILED:
        if pattern.search(text):
            return reason
    child = _CHILD.search(text)
    if child:
        found = next(value for value in child.groups() if value)
        return "SIG%s from outside to a child process" % _WORDS.get(found, found)
    return "a child process was killed" if _POOL.search(text) else None


def of(exception: Optional[BaseException]) -> Optional[str]:
    """Why this machine is behind an exception, or behind one that led to it, else None."""
    for one in _chain(exception):
        reason = _of_one(one)
        if reason:
            return reason
    return None


def _of_one(exception: BaseException) -> Optional[str]:
    if isinstance(exception, MemoryError):
        return MEMORY
    if isinstance(exception, OSError) and exception.errno in NUMBERS:
        return NUMBERS[exception.errno]
    try:
        return of_text(str(exception))
    except Exception:  # its message cannot be printed
        return None


def _chain(exception: Optional[BaseException]) -> Iterator[BaseException]:
    waiting: List[Optional[BaseException]] = [exception]
    seen: List[int] = []
    while waiting and len(seen) < _CHAIN:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.append(id(one))
            yield one
            waiting += [one.__context__, one.__cause__]


def let_through(exception: BaseException) -> None:
    """Raise again what this machine caused, where any other exception is an answer."""
    if of(exception):
        raise exception
