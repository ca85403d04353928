"""Terminals: encodings that lack our signs, streams that are closed or full, narrow windows, raw escapes in texts."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ground import ERRORS, Done, Ground, Running
from plants import Missed, NotHere, Plant, Point, plant

KIND = "terminals"

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run",),
    "gate": ("gate",),
    "plan": ("plan",),
    "cases": ("cases",),
    "bundles export": ("bundles", "export", "again"),
    "site": ("site", "-o", "built"),
    "--help": ("--help",),
}

ENCODINGS: dict[str, dict[str, str]] = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}

STREAMS = {
    "a closed output": ">&-",
    "a closed error stream": "2>&-",
    "both closed": ">&- 2>&-",
    "an output on a full disk": ">/dev/full",
    "an error stream on a full disk": "2>/dev/full",
    "a reader that goes away": "| head -c 10",
    "no input": "<&-",
}

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil"


def _encoded(words: Sequence[str], variables: dict[str, str]) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        done = ground.process(*words, variables=variables).said_well()
        if done.code or not done.out:
            raise Missed(f"ended with {done.code}: {done.said}")

    return plant_it


def _redirected(words: Sequence[str], how: str) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        shell = ["sh", "-c", f'"$0" -m tfparity "$@" {how}', sys.executable, *words]
        said = Running(shell, ground, {"PYTHONUNBUFFERED": chance.choice(["", "1"])}).ended()
        code = said.code
        text = said.out + said.err
        if "Traceback" in text or "Exception ignored" in text:
            raise Missed(f"a traceback: {said.said}")
        if code not in ERRORS | {0, 1}:
            raise Missed(f"ended with {code}: {said.said}")
        if "safe to delete" in text:
            raise Missed(f"of a full output it says: {said.said}")
        if how == ">/dev/full" and code == 0:
            raise Missed("all that it says is lost, and it ends with 0")

    return plant_it


def _narrow(columns: int) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        done = ground.command("run", variables={"COLUMNS": str(columns)}).said_well()
        joined = "".join(done.out.split())
        if columns >= 40 and not ("planted/net-1" in joined and "works" in joined and "broken" in joined):
            raise Missed(f"at {columns} columns neither case nor verdict: {done.out[:300]!r}")

    return plant_it


def _text(ground: Ground, name: str, old: str, new: str) -> None:
    path = ground.project / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _case_raises(ground: Ground) -> Sequence[str]:
    _text(ground, "cases/planted_cases.py", "IMAGES = ", f"raise ValueError({ESCAPES!r})\nIMAGES = ")
    return ("plan",)


def _case_raises_syntax(ground: Ground) -> Sequence[str]:
    _text(ground, "cases/planted_cases.py", "IMAGES = ", f"exec({'x ='!r} + {ESCAPES!r})\nIMAGES = ")
    return ("plan",)


def _builds_not(ground: Ground) -> Sequence[str]:
    _text(ground, "cases/planted_cases.py", "    import numpy\n", f"    raise ValueError({ESCAPES!r})\n")
    return ("bundles", "export", "again")


def _cause(ground: Ground) -> Sequence[str]:
    escaped = ESCAPES.encode("unicode_escape").decode()
    _text(ground, "limitations.yaml", "  cause: The planted converter swaps its outputs.", f'  cause: "{escaped}"')
    return ("run",)


def _path(ground: Ground) -> Sequence[str]:
    return ("plan", "--cases", f"no{ESCAPES}where.py")


def _names(ground: Ground) -> Sequence[str]:
    path = ground.handed / "planted" / "net" / "bundle.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["case"]["id"] = f"planted/{ESCAPES}"
    content["origin"]["environment"] = ESCAPES
    path.write_text(json.dumps(content), encoding="utf-8")
    return ("bundles", "run", str(ground.handed), "--toolchain", "small", "--route", "faithful.py")


def _export_fails(ground: Ground) -> Sequence[str]:
    for route in ("faithful.py", "swap-outputs.py"):
        begins = "def export(model, example, case, output_axes, opset, folder):\n"
        _text(ground, route, begins, f"{begins}    raise ValueError({ESCAPES!r})\n")
    return ("bundles", "export", "again")


def _recorded(ground: Ground) -> Sequence[str]:
    path = ground.results / "small.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for error in content["errors"].values():
        error["message"] = ESCAPES
    path.write_text(json.dumps(content), encoding="utf-8")
    return ("gate",)


def _in_words(ground: Ground) -> Sequence[str]:
    return ("plan", ESCAPES)


TEXTS: dict[str, Callable[[Ground], Sequence[str]]] = {
    "a case file's exception": _case_raises,
    "a case file's syntax error": _case_raises_syntax,
    "a case that does not build": _builds_not,
    "a rule's cause": _cause,
    "a path of --cases": _path,
    "names of a handed-on bundle": _names,
    "an export that fails": _export_fails,
    "a recorded error": _recorded,
    "a word of the command line": _in_words,
}


def _escaped(make: Callable[[Ground], Sequence[str]]) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        ground.command(*make(ground)).said_well()

    return plant_it


def _no_home(ground: Ground, chance: random.Random) -> None:
    """A user without an entry and without HOME: asked for a cache, before any work."""
    ground.reset()

    def nobody() -> None:
        os.environ.pop("HOME")
        os.environ.pop("TFPARITY_CACHE")
        os.setresgid(12345, 12345, 12345)
        os.setresuid(12345, 12345, 12345)

    if os.geteuid() != 0:
        raise NotHere("only root can become another user")
    done = ground.command("plan", before=nobody).said_well()
    if done.code not in ERRORS:
        raise Missed(f"ended with {done.code}: {done.said}")


def _relative_cache(ground: Ground, chance: random.Random) -> None:
    ground.reset()
    done = ground.command(
        "plan", before=lambda: os.environ.pop("TFPARITY_CACHE"), variables={"XDG_CACHE_HOME": "relative"}
    ).said_well()
    if done.code or (ground.project / "relative").exists():
        raise Missed(f"ended with {done.code}: {done.said}")


def _odd_path(ground: Ground, chance: random.Random) -> None:
    """A case file whose path is no UTF-8."""
    ground.reset()
    odd = Path(os.fsdecode(os.fsencode(ground.project) + b"/odd-\xff\xfe.py"))
    odd.write_bytes((ground.project / "cases" / "planted_cases.py").read_bytes())
    done: Done = ground.command("plan", "--cases", str(odd)).said_well()
    if done.code not in ERRORS | {0}:
        raise Missed(f"ended with {done.code}: {done.said}")


def _interpreters(ground: Ground, chance: random.Random) -> None:
    """A folder of interpreters that may not be read hides none that is on PATH."""
    ground.reset()
    folder = ground.home / "pyenv"
    (folder / "versions").mkdir(parents=True)
    (folder / "versions").chmod(0)
    done = ground.process("interpreters", variables={"PYENV_ROOT": str(folder)}).said_well()
    if done.code:
        raise Missed(f"ended with {done.code}: {done.said}")


PLANTS: tuple[Plant, ...] = (
    *(
        plant(f"{command} in {encoding}", KIND, Point.TERMINALS, _encoded(words, variables), slow=1.5)
        for command, words in COMMANDS.items()
        for encoding, variables in ENCODINGS.items()
    ),
    *(
        plant(f"{command} with {name}", KIND, Point.TERMINALS, _redirected(COMMANDS[command], how), slow=3)
        for command in ("run", "gate", "plan", "bundles export", "--help")
        for name, how in STREAMS.items()
    ),
    *(
        plant(f"{columns} columns", KIND, Point.TERMINALS, _narrow(columns))
        for columns in (1, 10, 20, 40, 60, 80, 1000)
    ),
    *(plant(f"raw escapes in {name}", KIND, Point.TERMINALS, _escaped(make)) for name, make in TEXTS.items()),
    plant("a user without a home", "odd places", Point.FILES, _no_home),
    plant("a relative cache folder", "odd places", Point.TERMINALS, _relative_cache),
    plant("a path that is not UTF-8", "odd places", Point.FILES, _odd_path),
    plant("interpreters that may not be read", "odd places", Point.FILES, _interpreters),
)
