"""Protocol buffers read by their wire format alone, for a process that imports no TensorFlow.

https://protobuf.dev/programming-guides/encoding/
"""

from typing import Any, Dict, Iterator, List, Tuple


def fields(data: bytes) -> Iterator[Tuple[int, Any]]:
    """(number, value) of each field of a message: an int, or the bytes of what has a length or a fixed width.

    Raises ValueError where the bytes are no message.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("no message: wire type %d" % kind)
        if at + size > end:
            raise ValueError("no message: it ends within a field")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("no message: it ends within a number")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def text_map(entries: List[bytes]) -> Dict[str, bytes]:
    """A map of text to messages: each entry is a message of key and value."""
    found = {}
    for entry in entries:
        pair = dict(fields(entry))
        found[pair.get(1, b"").decode("utf-8")] = pair.get(2, b"")
    return found


def every(data: bytes, number: int) -> List[Any]:
    """The values of one field, in order."""
    return [value for field, value in fields(data) if field == number]
