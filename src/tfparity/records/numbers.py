"""Numbers as code under test may tell them: types that refuse what no measurement gives. For pydantic."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: A size, a share or a time in seconds: neither negative nor infinite, and small enough to be added and rounded.
Amount = Annotated[float, Field(ge=0, le=1e300, allow_inf_nan=False)]

#: How many there are of something.
Count = Annotated[int, Field(ge=0, lt=2**63)]

#: One amount for each of several things, one at least.
Amounts = Annotated[tuple[Amount, ...], Field(min_length=1)]
