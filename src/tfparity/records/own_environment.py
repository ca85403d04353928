"""The variables that this process was started with: kept from what it starts, and from who reads /proc."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

#: Names of secrets, as CI and clouds give them.
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING)_?KEY|AUTH|_PAT$", re.IGNORECASE
)

#: An address with a password in it.
_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@]*:[^/\s@]+@", re.IGNORECASE)

#: How uv reaches an index, which may need a password: these are for uv, and nothing else reaches one.
_FOR_UV = re.compile(r"UV_|(HTTP|HTTPS|ALL|NO)_PROXY$|NETRC$", re.IGNORECASE)


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables but those that by their name or by a password in an address are secrets, and those that are for uv
    alone."""
    return {name: value for name, value in variables.items() if not (_is_for_uv(name) or _is_secret(name, value))}


def for_uv(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables but those that are secrets, and those that are for uv as they are."""
    return {name: value for name, value in variables.items() if _is_for_uv(name) or not _is_secret(name, value)}


def _is_for_uv(name: str) -> bool:
    return bool(_FOR_UV.match(name))


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET.search(name) or _WITH_PASSWORD.search(value))


@functools.cache
def hide() -> None:
    """Wipe what /proc/<pid>/environ shows of this process, once: every program of this user's may read it. The
    variables themselves stay, in memory of our own. Does nothing where the system has no such file."""
    if sys.platform != "linux":
        return
    import ctypes  # only here: many a command starts nothing

    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        first, end = int(fields[47]), int(fields[48])  # env_start, env_end: man 5 proc_pid_stat
    except (OSError, IndexError, ValueError):
        return
    for name, value in list(os.environb.items()):
        os.environb[name] = value  # setenv copies it
    if 0 < first < end:
        ctypes.memset(first, 0, end - first)
