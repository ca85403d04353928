"""Files and command lines by hypothesis: what is near to a right one, and what is nothing at all.

Hypothesis makes the inputs; each is set as a plant of its own, so that one that is missed hides none behind it.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import damage
from ground import ERRORS, FINDINGS, Done, Ground
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from plants import Missed, Plant, Point, Tally

from tfparity.planning import options
from tfparity.records.vocabulary import Verdict

Trial = Callable[[Ground, object], None]

#: Pieces of YAML and JSON that readers trip over.
PIECES = (
    *(
        "null",
        "~",
        "[]",
        "{}",
        "[[",
        "}}",
        ": :",
        "- - -",
        "!!int foo",
        "!!binary x",
        "!!omap 3",
        "&a *a",
        "*a",
        "<<: 1",
    ),
    *(
        "._",
        "0b_",
        "-_",
        "0x",
        "1e999",
        "-0",
        "9" * 5000,
        ".nan",
        ".inf",
        "2026-99-99",
        "'",
        '"',
        "\\",
        "|",
        ">",
        "%YAML 9",
    ),
    *(
        "\t",
        "\r",
        "\x00",
        "\x1b[31m",
        "\ufeff",
        "\u202e",
        "é",
        "\U0001f600",
        "\ud800",
        "?",
        "@",
        "`",
        "#",
        "---\n",
        "...\n",
    ),
    *("[" * 2000, "{a: " * 500, "*" * 40 + "a", "?*" * 30, "a" * 20000, "../" * 20, "/dev/full", "/", ".", ""),
)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([[], {}, [[]], {"": None}, "", "text", "\x1b[31m", "works", "broken", "pass", "fail"]),
    st.text(max_size=12),
)


@st.composite
def text_near(draw: st.DrawFn, text: str) -> bytes:
    """That text with one to four changes: a piece cut out, said twice, moved, or another put in."""
    content = text
    for _ in range(draw(st.integers(1, 4))):
        words = re.split(r"(\s+|[:,\[\]{}\"'])", content)
        at = draw(st.integers(0, max(0, len(words) - 1)))
        length = draw(st.integers(1, 8))
        change = draw(st.sampled_from(["cut", "twice", "moved", "put in", "in place", "end"]))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)))
        span = words[at : at + length]
        if change == "cut":
            words[at : at + length] = []
        elif change == "twice":
            words[at:at] = span * draw(st.integers(1, 3))
        elif change == "moved":
            words[at : at + length] = []
            to = draw(st.integers(0, max(0, len(words) - 1)))
            words[to:to] = span
        elif change == "put in":
            words[at:at] = [piece]
        elif change == "in place":
            words[at : at + 1] = [piece]
        else:
            words[at:] = []
        content = "".join(words)
    return content.encode("utf-8", "surrogatepass")


@st.composite
def json_near(draw: st.DrawFn, text: str) -> bytes:
    """That JSON with another value at one to three places, or as text that is near to it."""
    if draw(st.integers(0, 3)) == 0:
        return draw(text_near(text))
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        damage.replace(value, random.Random(draw(st.integers(0, 2**32))), draw(VALUES))
    return json.dumps(value).encode()


@contextmanager
def _in_place(path: Path, content: bytes) -> Iterator[None]:
    """Another content while it lasts."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def _no_process() -> None:
    """From here on no process can be started: what needs one ends as where the machine has none left."""

    def none(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    subprocess.Popen.__init__ = none  # type: ignore[method-assign]


def _text(ground: Ground, pattern: str) -> str:
    return ground.one(pattern).read_text(encoding="utf-8")


# Trials


def _plan(pattern: str) -> Trial:
    def trial(ground: Ground, content: object) -> None:
        assert isinstance(content, bytes)
        with _in_place(ground.one(pattern), content):
            ground.command("plan", before=_no_process).said_well()

    return trial


def _gate(pattern: str) -> Trial:
    def trial(ground: Ground, content: object) -> None:
        assert isinstance(content, bytes)
        with _in_place(ground.one(pattern), content):
            ground.command("gate", before=_no_process).said_well()

    return trial


def _evidence(ground: Ground, content: object) -> None:
    """A gate that finds nothing is of evidence whose verdicts are the undisturbed ones."""
    assert isinstance(content, bytes)
    with _in_place(ground.results / "small.json", content):
        done = ground.command("gate", before=_no_process).said_well()
        if done.code == 0:
            _verdicts_as(ground.whole, content, done)


def _verdicts_as(whole: bytes, content: bytes, done: Done) -> None:
    known = {verdict.value for verdict in Verdict}
    was, now = (
        {(cell["case"], cell["route"]): cell["verdict"] for cell in json.loads(text)["cells"]}
        for text in (whole, content)
    )
    told = {place for place in was if now.get(place) != was[place]}
    if told or not set(now.values()) <= known:
        raise Missed(f"the gate says nothing of {sorted(told)}, recorded as {now}: {done.said}")


def _store(ground: Ground, content: object) -> None:
    """The gate answers as before, or says that it cannot run what it does not know."""
    assert isinstance(content, tuple)
    number, text = content
    path = sorted(ground.cache.glob("store/*/*/*.json"))[number]
    with _in_place(path, text):
        done = ground.command("gate", before=_no_process).said_well()
        if done.code in FINDINGS and done.out.splitlines()[-1:] != [f"gate: nothing moved in {CELLS} cells"]:
            raise Missed(f"{path.name}: the gate answers with {done.code}: {done.said}")
        ground.same()


def _run_recorded(ground: Ground, content: object) -> None:
    """The same for what is recorded: the evidence stays."""
    assert isinstance(content, tuple)
    number, text = content
    path = sorted(ground.cache.glob("store/*/*/*.json"))[number]
    with _in_place(path, text):
        ground.command("run", "--record", before=_no_process).said_well()
    try:
        ground.same()
    finally:
        ground.reset()


def _bundle(pattern: str) -> Trial:
    def trial(ground: Ground, content: object) -> None:
        assert isinstance(content, bytes)
        words = ("bundles", "run", str(ground.handed), "--toolchain", "small", "--route", "faithful.py")
        with _in_place(ground.one(pattern), content):
            done = ground.command(*words, before=_no_process).said_well()
            if done.code not in ERRORS | {1}:
                raise Missed(f"ended with {done.code} where no process could be started: {done.said}")

    return trial


def _words(ground: Ground, words: object) -> None:
    assert isinstance(words, list)
    try:
        ground.command(*words, variables={"UV_OFFLINE": "1"}, before=_no_process).said_well()
    finally:
        ground.reset()


# Inputs

#: Cells of the ground's plan.
CELLS = 8

COMMANDS = (
    *(
        "run",
        "plan",
        "cases",
        "merge",
        "sweep",
        "gate",
        "upgrade",
        "bisect",
        "recommend",
        "runtimes",
        "convert",
        "table",
    ),
    *(
        "lock",
        "install",
        "interpreters",
        "schema",
        "site",
        "bundles",
        "bundles export",
        "bundles run",
        "nothing",
        "--help",
    ),
)
FLAGS = (
    *(option.flag for option in options.OPTIONS),
    *("--score", "--score-json", "--list", "--update", "--junit", "--summary", "--golden", "--save-golden", "--onnx"),
    *("--json", "--check", "-o", "--python", "--plain", "--tensorflow", "--torch", "--nothing", "--again", "-h", "--"),
)
WORDS = (
    *("small", "default", "all", "planted/net", "planted/*", "*", "**", "[", "[!", "faithful.py", "swap-outputs.py"),
    *(
        "matrix.yaml",
        "limitations.yaml",
        "cases",
        "results",
        "results/small.json",
        "lockfiles/small.txt",
        "nowhere",
        ".",
    ),
    *(
        "1/2",
        "0/0",
        "-1",
        "0",
        "1",
        "2",
        "99999999999999999999",
        "1e9",
        "60m",
        "random-2",
        "random-2:1",
        "random--1:x",
        "@x",
    ),
    *(
        "@cases",
        "numpy=1",
        "numpy=nowhere.whl",
        "=",
        "a=b=c",
        "images=normal(batch, 3)",
        "x=(",
        "batch=1,2",
        "json:dumps",
    ),
    *("os:_exit", "sys:exit", "../..", "~", "$HOME", "", " ", "-", "é", "\x1b[31m", "\udcff", "a" * 5000, "/dev/null"),
    *("/dev/full", "/proc/self/mem", "planted/net:images", "a\nb", "%s", "{}", "\u202e"),
)
LINES = st.builds(
    lambda command, rest: [*command.split(), *rest],
    st.sampled_from(COMMANDS),
    st.lists(
        st.one_of(
            st.sampled_from(FLAGS),
            st.sampled_from(WORDS),
            st.builds("{}={}".format, st.sampled_from(FLAGS), st.sampled_from(WORDS)),
            st.text(st.characters(exclude_characters="\0"), max_size=8),
        ),
        max_size=6,
    ),
)


def _stored(ground: Ground) -> st.SearchStrategy[object]:
    files = sorted(ground.cache.glob("store/*/*/*.json"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    return st.integers(0, len(files) - 1).flatmap(lambda n: st.tuples(st.just(n), json_near(texts[n])))


def _yaml(pattern: str) -> Callable[[Ground], st.SearchStrategy[object]]:
    return lambda ground: text_near(_text(ground, pattern))


def _json(pattern: str) -> Callable[[Ground], st.SearchStrategy[object]]:
    return lambda ground: json_near(_text(ground, pattern))


def _fuzzed(
    name: str, point: Point, inputs: Callable[[Ground], st.SearchStrategy[object]], trial: Trial, times: int
) -> Plant:
    """So many inputs, each a plant."""

    def function(ground: Ground, tally: Tally, chance: random.Random, times: int) -> None:
        ground.reset()

        @seeded(chance.getrandbits(32))
        @settings(
            max_examples=times,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(inputs(ground))
        def each(content: object) -> None:
            # hypothesis may begin with more examples than it was asked for
            if tally.planted < times:
                tally.one(f"{name} {content!r:.300}", lambda: trial(ground, content))

        each()

    return Plant(f"fuzzed: {name}", "fuzzed inputs", point, function, times, 50, 0.15)


PLANTS: tuple[Plant, ...] = (
    _fuzzed("matrix.yaml", Point.FILES, _yaml("project/matrix.yaml"), _plan("project/matrix.yaml"), 500),
    _fuzzed("limitations.yaml", Point.FILES, _yaml("project/limitations.yaml"), _gate("project/limitations.yaml"), 500),
    _fuzzed("results/small.json", Point.FILES, _json("project/results/small.json"), _evidence, 500),
    _fuzzed("the store", Point.MACHINE, _stored, _store, 350),
    _fuzzed("the store, recorded", Point.MACHINE, _stored, _run_recorded, 100),
    _fuzzed("a lockfile", Point.FILES, _yaml("project/lockfiles/small.txt"), _plan("project/lockfiles/small.txt"), 150),
    _fuzzed(
        "a case file",
        Point.FILES,
        _yaml("project/cases/planted_cases.py"),
        _plan("project/cases/planted_cases.py"),
        100,
    ),
    _fuzzed(
        "a handed-on bundle.json",
        Point.FORGED,
        _json("handed/planted/net/bundle.json"),
        _bundle("handed/planted/net/bundle.json"),
        200,
    ),
    _fuzzed(
        "a handed-on export.json",
        Point.FORGED,
        _json("handed/planted/net/faithful-13/export.json"),
        _bundle("handed/planted/net/faithful-13/export.json"),
        150,
    ),
    _fuzzed("a command line", Point.FILES, lambda ground: LINES, _words, 500),
)
