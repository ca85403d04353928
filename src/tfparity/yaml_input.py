"""YAML that a person writes: loaded with line numbers, errors in one line, guesses at misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tfparity.errors import InputError


class _DaysAsText(RoundTripConstructor):
    """Leaves days to the model: ruamel's own constructor raises a bare ValueError for 2023-07-32."""


_DaysAsText.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_yaml_str)


def load(path: Path, wrong: type[InputError]) -> Any:
    """The document, its mappings and lists carrying line numbers. Raises `wrong` where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise wrong("there is no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise wrong(f"cannot be read: {unreadable}", file=path) from None
    yaml = YAML(typ="rt")
    yaml.Constructor = _DaysAsText
    try:
        return yaml.load(text)
    except MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        problem = (broken.problem or "not YAML").strip()
        raise wrong(problem, file=path, line=mark.line + 1 if mark else None) from None
    except YAMLError as broken:
        raise wrong(str(broken).splitlines()[0], file=path) from None


def line(document: Any, place: Sequence[str | int]) -> int | None:
    """Line (from 1) of the key or item at `place`, else of the nearest thing around it that has one."""
    number: int | None = None
    node = document
    for part in place:
        positions = getattr(getattr(node, "lc", None), "data", None)
        if not positions or part not in positions:
            break
        number = positions[part][0] + 1
        node = node[part]
    return number


def place_in(document: Any, location: Sequence[str | int]) -> list[str | int]:
    """The part of a validator's location that is there in the document (it also names types and branches)."""
    place: list[str | int] = []
    node = document
    for part in location:
        is_item = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if is_item or (isinstance(node, dict) and part in node):
            node = node[part]
            place.append(part)
    return place


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the closest known word; all of them where none is close; empty where none is known."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f", did you mean {close[0]!r}?"
    return f" (there are {', '.join(choices)})" if choices else ""
