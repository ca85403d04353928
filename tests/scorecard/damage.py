"""Kinds of damage that a file can come to, whatever it holds."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path, random.Random], None]

#: Levels of nesting and digits of an integer that are too many.
DEEP, DIGITS = 100_000, 5_000

#: Bytes that no memory has.
HOLE = 2**42


def gone(path: Path, chance: random.Random) -> None:
    path.unlink()


def empty(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def truncated(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(1, max(2, len(content) - 1))])


def a_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("in it")


def unreadable(path: Path, chance: random.Random) -> None:
    path.chmod(0)


def not_utf8(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    at = chance.randrange(len(content) + 1)
    path.write_bytes(content[:at] + b"\xff\xfe\x80\x00" + content[at:])


def nested(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"[" * DEEP + b"]" * DEEP)


def many_digits(path: Path, chance: random.Random) -> None:
    """In the place of a number of the file, where it has one."""
    content = path.read_bytes()
    numbers = [found.span(1) for found in re.finditer(rb"[:=,\[(]\s*(\d+)\b", content)] or [(0, len(content))]
    first, last = chance.choice(numbers)
    path.write_bytes(content[:first] + b"9" * DIGITS + content[last:])


def wrong_types(path: Path, chance: random.Random) -> None:
    """null, a list, a text or a number in the place of a value of a JSON file; an array of objects in an .npz; else
    null as all that there is."""
    content = path.read_bytes()
    if path.suffix == ".npz":
        _of_objects(path)
        return
    try:
        value = json.loads(content)
    except ValueError:
        path.write_bytes(b"null\n")
        return
    replace(value, chance, chance.choice([None, [], {}, "text", -1, 1e308, True]))
    path.write_text(json.dumps(value))


def links_in_a_circle(path: Path, chance: random.Random) -> None:
    other = path.with_name(f"{path.name}-other")
    path.unlink()
    path.symlink_to(other.name)
    other.symlink_to(path.name)


def a_pipe(path: Path, chance: random.Random) -> None:
    """Nobody writes into it: who opens it to read waits."""
    path.unlink()
    os.mkfifo(path)


def without_end(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_hole(path: Path, chance: random.Random) -> None:
    """It lies on the disk as a hole, behind what it held."""
    with path.open("r+b") as file:
        file.truncate(HOLE)


#: By name.
KINDS: dict[str, Damage] = {
    "gone": gone,
    "empty": empty,
    "truncated": truncated,
    "a folder in its place": a_folder,
    "unreadable": unreadable,
    "not UTF-8": not_utf8,
    "nested 100,000 deep": nested,
    "an integer of 5,000 digits": many_digits,
    "wrong types": wrong_types,
    "a loop of links": links_in_a_circle,
    "a pipe in its place": a_pipe,
    "a link to what has no end": without_end,
    "as large as 4 TiB": a_hole,
}


def replace(value: object, chance: random.Random, by: object) -> None:
    """Put another value in the place of one inside a JSON value, at any depth."""
    places: list[tuple[dict | list, str | int]] = []

    def walk(at: object) -> None:
        if isinstance(at, dict):
            within = list(at.items())
        elif isinstance(at, list):
            within = list(enumerate(at))
        else:
            return
        for key, below in within:
            places.append((at, key))
            walk(below)

    walk(value)
    if places:
        within, key = chance.choice(places)
        within[key] = by


def _of_objects(path: Path) -> None:
    """The arrays of an .npz, the first as an array of objects, which a reader that unpickles would run."""
    import numpy

    with numpy.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    first = next(iter(arrays))
    numpy.savez(path, **{**arrays, first: numpy.array([print, "an object"], dtype=object)})


def bomb(path: Path) -> None:
    """An .npz of 2 MiB whose first array is two GiB of zeros."""
    with zipfile.ZipFile(path) as stored:
        names = stored.namelist()
        others = {name: stored.read(name) for name in names[1:]}
    header = io.BytesIO()
    import numpy

    numpy.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**29,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        with made.open(names[0], "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(2**7):
                file.write(bytes(2**24))
        for name, content in others.items():
            made.writestr(name, content)


def copied(path: Path, to: Path) -> None:
    """A file or a folder, where it is again once its damage is looked at."""
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copy2(path, to)
