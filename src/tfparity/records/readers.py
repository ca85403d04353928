"""What checks JSON against a type, made when first asked for: making one takes as long as a hundred reads, and most
runs ask for one or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Read = TypeVar("Read")

_made: dict[object, TypeAdapter[Any]] = {}


def reader(kind: type[Read]) -> TypeAdapter[Read]:
    """What reads a value of that type. Its validate_json raises pydantic.ValidationError."""
    from pydantic import TypeAdapter

    if kind not in _made:
        _made[kind] = TypeAdapter(kind)
    return _made[kind]
