"""flaky.yaml: cells that come out now so, now otherwise, each with a reason and a last day. What differs there is said
and not counted until that day; then it counts again."""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tfparity.errors import QuarantineError
from tfparity.inputs import validation, yaml_input
from tfparity.records.fingerprint import printable

#: Days that an entry may last: who needs more looks at the cell again first.
LONGEST = 90

#: So many letters of a case's name an entry gives that is of several.
LEAST_NAMED = 3


def today() -> datetime.date:
    """In UTC."""
    return datetime.datetime.now(datetime.UTC).date()


def _day(value: object) -> object:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.datetime.strptime(value if isinstance(value, str) else "", "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        raise ValueError(f"{str(value)!r} is no day; write year-month-day, such as {today()}") from None


def _near(value: datetime.date) -> datetime.date:
    if (value - today()).days > LONGEST:
        raise ValueError(f"{value} is more than {LONGEST} days ahead: a quarantine is looked at again before")
    return value


def _reason(value: str) -> str:
    said = printable(" ".join(value.split()))
    if len(said) < 12:
        raise ValueError(f"{said!r} is no reason: say what differs, and what was looked at")
    return said


def _narrow(value: str) -> str:
    literal = re.split(r"[*?\[]", value, maxsplit=1)[0]
    if literal != value and len(literal.partition("/")[2]) < LEAST_NAMED:
        raise ValueError(
            f"{value!r} is too wide: it excuses what nobody has seen to be flaky; name the case, or its family and the "
            f"first {LEAST_NAMED} letters of its name at least, such as 'operators/gru*'"
        )
    return value


class Quarantined(BaseModel):
    """Cells that are known to be flaky, and until when that excuses them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="A name for it.")
    case: Annotated[str, AfterValidator(_narrow)] = Field(
        min_length=1, description="The case, or a glob of a few, such as operators/gru*."
    )
    route: str = Field(default="*", min_length=1, description="The route, or a glob; any without it.")
    toolchain: str = Field(default="*", min_length=1, description="The toolchain, or a glob; any without it.")
    reason: Annotated[str, AfterValidator(_reason)] = Field(description="What differs from run to run, and why.")
    until: Annotated[datetime.date, BeforeValidator(_day), AfterValidator(_near)] = Field(
        description=f"The last day on which it is excused, {LONGEST} days ahead at most."
    )

    def holds(self, place: tuple[str, str, str]) -> bool:
        """Whether it is of that cell: toolchain, case, route."""
        globs = self.toolchain, self.case, self.route
        return all(fnmatch.fnmatchcase(part, glob) for part, glob in zip(place, globs, strict=True))

    @property
    def said(self) -> str:
        """In a line."""
        return f"quarantined as {self.id} until {self.until}: {self.reason}"


@dataclass(frozen=True)
class Listed:
    """An entry and where it stands."""

    entry: Quarantined
    file: Path
    line: int | None

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file.name}:{self.line}" if self.line else self.file.name


@dataclass(frozen=True)
class Quarantine:
    """All entries, as they are on a day."""

    listed: tuple[Listed, ...] = ()
    day: datetime.date = datetime.date.max

    def of(self, place: tuple[str, str, str]) -> Quarantined | None:
        """The entry that excuses that cell; None where there is none, or its last day is over."""
        return next((one.entry for one in self.listed if self.day <= one.entry.until and one.entry.holds(place)), None)

    def over(self, places: Iterable[tuple[str, str, str]]) -> list[Listed]:
        """The entries of some of those cells whose last day is over."""
        cells = list(places)
        return [one for one in self.listed if one.entry.until < self.day and any(map(one.entry.holds, cells))]

    def current(self) -> list[Listed]:
        """The entries whose last day is not over."""
        return [one for one in self.listed if self.day <= one.entry.until]

    def added(self, other: Quarantine) -> Quarantine:
        """With the entries of another behind its own."""
        return Quarantine((*self.listed, *other.listed), self.day)


def load(path: Path, day: datetime.date | None = None) -> Quarantine:
    """The entries of that file, as of a day, or today. Raises QuarantineError with file and line."""
    document = yaml_input.load(path, QuarantineError)
    found = validation.listed(document, Quarantined, "quarantine", lambda _: Quarantined.model_fields)
    listed = (Listed(entry, path, document.line((index,))) for index, entry in enumerate(found.values()))
    return Quarantine(tuple(listed), day or today())


def json_schema() -> dict[str, Any]:
    """JSON schema of flaky.yaml for editors, derived from the model."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flaky.yaml",
        "type": "array",
        "items": Quarantined.model_json_schema(),
    }
