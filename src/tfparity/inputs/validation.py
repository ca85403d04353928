"""What pydantic finds wrong with a value, in the order and the words of every file that is checked here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from pydantic import ValidationError

from tfparity.errors import InputError
from tfparity.inputs.yaml_input import Document, did_you_mean

Place: TypeAlias = tuple[str | int, ...]


class Named(Protocol):
    """A model that a list of a file holds by its id."""

    @property
    def id(self) -> str: ...

    @classmethod
    def model_validate(cls, obj: Any, /) -> Self: ...


Model = TypeVar("Model", bound=Named)


class Fault(NamedTuple):
    """One thing that does not fit. `kind`: pydantic's name for it ("extra_forbidden", "missing", …); `place`: keys and
    indices from the value's top, with the names of types and branches among them; `text`: pydantic's words or ours."""

    kind: str
    place: Place
    text: str

    @property
    def comes_last(self) -> bool:
        """Whether another fault may be its cause: a missing key may be one that is misspelt, and in a list that is too
        short an entry that is wrong does not count."""
        return self.kind in ("missing", "too_short")


def faults(invalid: ValidationError) -> list[Fault]:
    """All that does not fit, as the validator found it, but what comes last."""
    found = [
        Fault(error["type"], error["loc"], re.sub(r"^Value error, ", "", error["msg"]))
        for error in invalid.errors(include_url=False, include_context=False, include_input=False)
    ]
    return sorted(found, key=lambda fault: fault.comes_last)


def in_file(
    invalid: ValidationError, document: Document, known: Callable[[Place], Iterable[str]], within: Place = ()
) -> InputError:
    """The first fault in the file's order, but what comes last: with its line, its place in words and a guess at a
    misspelt key.

    known: the keys that may stand beside the one at a place. within: where in the document the value stands.
    """
    found = []
    for fault in faults(invalid):
        place = document.place_in((*within, *fault.place))
        found.append((fault.comes_last, document.line(place) or 0, _said(fault, place[len(within) :], known), place))
    _, _, message, place = min(found, key=lambda one: one[:3])
    return document.error(message, place)


def listed(
    document: Document, model: type[Model], what: str, known: Callable[[Place], Iterable[str]]
) -> dict[str, Model]:
    """The entries of a file that is a list of these, by id. what: one of them, in a word. Raises the document's error
    with the line of what is wrong."""
    if not isinstance(document.content, list):
        raise document.whole(f"the file is not a list of {what}s, each '- id: …'")
    found: dict[str, Model] = {}
    for index, entry in enumerate(document.content):
        try:
            one = model.model_validate(entry)
        except ValidationError as invalid:
            raise in_file(invalid, document, known, (index,)) from None
        if one.id in found:
            raise document.error(f"a second {what} {one.id!r}", (index, "id"))
        found[one.id] = one
    return found


def _said(fault: Fault, place: Iterable[str | int], known: Callable[[Place], Iterable[str]]) -> str:
    keys = [part for part in place if isinstance(part, str)]
    if fault.kind == "extra_forbidden":
        return f"unknown key {keys[-1]!r}{did_you_mean(keys[-1], known(fault.place))}"
    if fault.kind == "missing":
        return f"the key {fault.place[-1]!r} is missing"
    return f"{'.'.join(keys)}: {fault.text}" if keys else fault.text
