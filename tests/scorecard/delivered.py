"""Artifacts that `convert` may not hand over: changed once they were judged, or of more than plain files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy
from ground import ERRORS, Ground
from machine import but_for_one, edited
from plants import Missed, Plant, Point, plant

KIND = "artifacts handed over"

#: Where lines are set: after the answers of an artifact, and before one is written.
LOADS = "def load(artifact):\n"
LEAVES = "    os.mkdir(artifact)\n"

CONVERT = ("convert", "planted/net", "--toolchain", "small", "--route", "faithful.py", "-o")

#: Of a loader whose runner does more once it has answered.
_ONCE_IT_ANSWERED = """\
    made = Runner(artifact)
    answers = made.run
    def run(given):
        import numpy, shutil
        found = answers(given)
        file = os.path.join(artifact, 'weights.npz')
        {harm}
        return found
    made.run = run
    return made
"""

_ZEROES = "numpy.savez({file}, **{{name: value * 0 for name, value in numpy.load({file}).items()}})"

CHANGED = {
    "writes other weights once it has answered": _ZEROES.format(file="file"),
    "appends to its graph once it has answered": "open(os.path.join(artifact, 'graph.json'), 'a').write(' ')",
    "adds a file once it has answered": "open(os.path.join(artifact, 'more.py'), 'w').write('forged')",
    "leaves a folder for a file once it has answered": "os.path.isfile(file) and (os.remove(file), os.mkdir(file))",
    "puts a link for a file once it has answered": (
        "os.path.islink(file) or (shutil.move(file, artifact + '.npz'), os.symlink(artifact + '.npz', file))"
    ),
}

LEFT = {
    "a link to a file without end": "os.symlink('/dev/zero', artifact + '/x')",
    "a link to another's file": "os.symlink('{project}/matrix.yaml', artifact + '/x')",
    "a link to another's folder": "os.symlink('{project}', artifact + '/x')",
    "a link to itself": "os.symlink('x', artifact + '/x')",
    "a file of 4 TiB": "open(artifact + '/x', 'w').truncate(2 ** 42)",
    "a pipe": "os.mkfifo(artifact + '/x')",
    "a socket": "os.mknod(artifact + '/x', 0o140644)",
    "folders without end": (
        "here = os.getcwd(); os.chdir(artifact); [(os.mkdir('d'), os.chdir('d')) for _ in range(3000)]; os.chdir(here)"
    ),
}

_MEASURE = """\
import glob, numpy

def measure(predict):
    for file in glob.glob('{cache}/work/*/*/artifact/weights.npz'):
        try:
            {harm}
        except OSError:
            pass
    return 1.0
"""


def _set(ground: Ground, code: str, begins: str) -> None:
    but_for_one(ground)
    edited(ground, ("faithful.py",), code.replace("{project}", str(ground.project)), begins=begins)


def _handed_over(ground: Ground, *words: str, right: bool = False) -> None:
    """Nothing is handed over but what was judged. right: something is, or has an error's reason. Raises Missed."""
    out = ground.root / "out"
    shutil.rmtree(out, ignore_errors=True)
    done = ground.command(*CONVERT, str(out), *words, seconds=60).said_well()
    ground.nothing_is_left()
    lying = [path.name for path in ground.root.glob(".out-*")]
    if lying:
        raise Missed(f"left lying: {lying}")
    if out.exists() and not _is_right(out / "saved_model"):
        raise Missed(f"handed over what was not judged: {done.code}: {done.said}")
    if not right and (out.exists() or done.code not in {1, *ERRORS}):
        raise Missed(f"ended with {done.code}: {done.said}")
    if not out.exists() and done.code == 0:
        raise Missed(f"ended with 0 and nothing: {done.said}")
    shutil.rmtree(out, ignore_errors=True)
    ground.put_back()
    ground.next_run("--jobs", "2")


def _is_right(model: Path) -> bool:
    with numpy.load(model / "weights.npz") as weights:
        return all(weights[name].any() for name in weights.files) and len(list(model.iterdir())) == 2


def _changed(harm: str) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        _set(ground, _ONCE_IT_ANSWERED.replace("{harm}", harm), LOADS)
        _handed_over(ground)

    return plant_it


def _left(harm: str) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        _set(ground, f"    {harm}\n", LEAVES)
        _handed_over(ground)

    return plant_it


def _measured(*words: str) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        but_for_one(ground)
        measure = ground.root / "measure.py"
        text = _MEASURE.replace("{cache}", str(ground.cache)).replace("{harm}", _ZEROES.format(file="file"))
        measure.write_text(text, encoding="utf-8")
        _handed_over(ground, "--evaluate", f"{measure}:measure", *words, right=True)

    return plant_it


PLANTS: tuple[Plant, ...] = (
    *(plant(f"an artifact that {name}", KIND, Point.FORGED, _changed(harm), slow=6) for name, harm in CHANGED.items()),
    *(plant(f"an artifact with {name}", KIND, Point.FORGED, _left(harm), slow=6) for name, harm in LEFT.items()),
    plant("a measure that writes other weights", KIND, Point.FORGED, _measured(), slow=8),
    plant("the same without a sandbox", KIND, Point.FORGED, _measured("--sandbox", "off"), slow=8),
)
