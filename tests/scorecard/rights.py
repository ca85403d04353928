"""The superuser may read and write whatever the permissions of a file say: this process gives that right up."""

from __future__ import annotations

import ctypes
import os
import struct

#: From linux/capability.h and linux/prctl.h.
_DAC_OVERRIDE, _DAC_READ_SEARCH, _VERSION_3, _CAPBSET_DROP = 1, 2, 0x20080522, 24


def give_up() -> None:
    """From here on this process and its children may do with a file what its permissions say. Raises OSError."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for right in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        if libc.prctl(_CAPBSET_DROP, right, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "a right cannot be given up")
    header = ctypes.create_string_buffer(struct.pack("Ii", _VERSION_3, 0))
    sets = ctypes.create_string_buffer(24)
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    words = list(struct.unpack("6I", sets.raw))
    for place in range(3):  # effective, permitted, inheritable
        words[place] &= ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    if libc.capset(header, ctypes.create_string_buffer(struct.pack("6I", *words))):
        raise OSError(ctypes.get_errno(), "capset")
