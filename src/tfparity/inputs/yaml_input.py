"""YAML that a person writes: loaded fast, with line numbers once something is wrong; guesses at misspelt words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tfparity import paths
from tfparity.errors import InputError
from tfparity.inputs import names, plain_yaml


class Document:
    """A file's content, mappings, lists and scalars; `wrong`: the class of its errors."""

    def __init__(self, path: Path, text: str, wrong: type[InputError]) -> None:
        self.path = path
        self._text = text
        self._wrong = wrong
        plain = plain_yaml.read(text)
        self.content: object = self._marked if plain is None else plain
        broken = _broken(self.content)
        if broken is not None:
            raise self.error("holds half of a surrogate pair, which no file can hold", broken)

    def error(self, message: str, place: Sequence[str | int] = ()) -> InputError:
        """The error that says this of what stands at `place`."""
        return self._wrong(message, file=self.path, line=self.line(place))

    def whole(self, message: str) -> InputError:
        """The error that says this of the document as a whole, where it begins."""
        return self._wrong(message, file=self.path, line=1)

    def line(self, place: Sequence[str | int]) -> int | None:
        """Line (from 1) of the key or item at `place`, else of the nearest thing around it that has one."""
        number: int | None = None
        node = self._marked
        for part in place:
            positions = getattr(getattr(node, "lc", None), "data", None)
            if not positions or part not in positions:
                break
            number = positions[part][0] + 1
            node = _inside(node, part)
        return number

    def place_in(self, location: Sequence[str | int]) -> list[str | int]:
        """The part of a validator's location that is there in the document (it also names types and branches)."""
        place: list[str | int] = []
        node = self.content
        for part in location:
            inside = _inside(node, part)
            if inside is not _NOTHING:
                node = inside
                place.append(part)
        return place

    @cached_property
    def _marked(self) -> object:
        """The content as ruamel reads it, its mappings and lists carrying line numbers."""
        from ruamel.yaml import YAML
        from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        class Constructor(RoundTripConstructor):
            """Leaves days to the model, and says where a value is that ruamel's own fails on: of `0b_`, `!!int foo` or
            a number of 5,000 digits it raises whatever int and float raise."""

            def construct_object(self, node: Any, deep: bool = False) -> Any:
                try:
                    return super().construct_object(node, deep)
                except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError):
                    kind = str(node.tag).rpartition(":")[2]
                    raise ConstructorError(None, None, f"cannot be read as {kind}", node.start_mark) from None

        Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_yaml_str)
        yaml = YAML(typ="rt")
        yaml.Constructor = Constructor
        deep = _too_deep(self._text)
        if deep:
            raise self._wrong("is nested too deeply", file=self.path, line=deep)
        try:
            loaded: object = yaml.load(self._text)
        except MarkedYAMLError as broken:
            mark = broken.problem_mark or broken.context_mark
            problem = (broken.problem or "not YAML").strip()
            raise self._wrong(problem, file=self.path, line=mark.line + 1 if mark else None) from None
        except YAMLError as broken:
            raise self._wrong(str(broken).splitlines()[0], file=self.path) from None
        except RecursionError:
            raise self._wrong("is nested too deeply", file=self.path) from None
        return loaded


#: Brackets open at once, beyond which ruamel would take minutes to find that it cannot go on. Text has a few.
DEEPEST = 500


def _too_deep(text: str) -> int | None:
    """The line (from 1) in which more brackets are open than DEEPEST; None without one."""
    line, depth = 1, 0
    for sign in re.findall(r"[\n\[\]{}]", text):
        if sign == "\n":
            line += 1
        else:
            depth = depth + 1 if sign in "[{" else max(depth - 1, 0)
        if depth > DEEPEST:
            return line
    return None


def _broken(content: object) -> list[str | int] | None:
    """The place of a text, or of a key, that UTF-8 cannot hold: YAML has escapes for halves of a surrogate pair."""
    if isinstance(content, str):
        return None if _SURROGATE.search(content) is None else []
    parts: Iterable[tuple[str | int, object]] = ()
    if isinstance(content, dict):
        parts = content.items()
        if any(isinstance(key, str) and _SURROGATE.search(key) for key in content):
            return []
    elif isinstance(content, list):
        parts = enumerate(content)
    for part, value in parts:
        inside = _broken(value)
        if inside is not None:
            return [part, *inside]
    return None


_SURROGATE = re.compile("[\ud800-\udfff]")

_NOTHING = object()


def _inside(node: object, part: str | int) -> object:
    """The item or value there, _NOTHING without one."""
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return node.get(part, _NOTHING) if isinstance(node, dict) else _NOTHING


#: Bytes of a file, of which ruamel reads 100,000 in a second: limitations.yaml takes as many.
LARGEST = 4 * 2**20


def load(path: Path, wrong: type[InputError]) -> Document:
    """The document of that file. Raises `wrong` where it cannot be read."""
    try:
        text = paths.read_text(path, LARGEST)
    except FileNotFoundError:
        raise wrong("there is no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise wrong(f"cannot be read: {unreadable}", file=path) from None
    return Document(path, text, wrong)


def dumped(entries: Sequence[Mapping[str, object]], offset: int = 0) -> str:
    """A list of mappings as YAML, each entry so far from the left."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.indent(mapping=2, sequence=offset + 2, offset=offset)
    yaml.width = 10_000
    out = io.StringIO()
    yaml.dump(entries, out)
    return out.getvalue()


#: More known words than these are not listed.
MOST_NAMED = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the closest known word; where none is close all of them, of many the nearest; empty
    where none is known."""
    choices = sorted(known)
    close = names.closest(word, choices)
    if close:
        return f", did you mean {close!r}?"
    if len(choices) > MOST_NAMED:
        near = names.nearest(word, choices)
        return f", did you mean one of {', '.join(map(repr, near))}? ({len(choices) - len(near)} more)"
    return f" (there are {', '.join(choices)})" if choices else ""
