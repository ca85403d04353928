"""Content keys: equal for equal content, whatever the order of mappings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

#: What JSON can say.
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"


#: json.dumps would make one for each call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def key(*parts: Json) -> str:
    """sha256 (hex) of JSON values."""
    return hashlib.sha256(_ENCODER.encode(parts).encode()).hexdigest()
