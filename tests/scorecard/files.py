"""Damaged files: each kind of file in each kind of damage."""

from __future__ import annotations

import datetime
import json
import random
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import damage
from ground import ERRORS, Done, Ground
from plants import Missed, Plant, Point, plant

from tfparity.errors import CaseError, UsageError
from tfparity.inputs import quarantine

KIND = "damaged files"


@dataclass(frozen=True)
class Written:
    """A file that a person writes or hands to a command: it is refused, or what comes out is as without the damage.

    pattern: of the file, below the ground's root; commands: those that read it, "{file}" is its path; where: its name
    for a person; make: writes it first, where the ground has none. changes: other evidence than the undisturbed may
    come of it, since another file is another question.
    """

    where: str
    pattern: str
    commands: Sequence[Sequence[str]]
    make: Callable[[Ground], None] | None = None
    changes: bool = False


#: Runs cells and writes what came out.
RECORD = ("run", "--record")
GATE = ("gate", "--junit", "gate.xml", "--summary", "gate.md")


def _onnx(ground: Ground) -> None:
    from onnx import TensorProto, helper, save

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", value[:1], value[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    save(made, str(ground.project / "own.onnx"))


def _golden(ground: Ground) -> None:
    import numpy

    numpy.savez(ground.project / "golden.npz", **{"inputs/x": numpy.ones((1, 4)), "outputs/y": numpy.ones((1, 4))})
    (ground.project / "model.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    with (ground.project / "matrix.yaml").open("a") as matrix:
        matrix.write(
            '\nruntimes:\n  - {id: runs, python: "3.11", as-of: 2026-11-20, pins: {ai-edge-litert: 2.1.0}, '
            "runs: [tflite]}\n"
        )


def _examples(ground: Ground) -> None:
    import numpy

    numpy.savez(ground.project / "examples.npz", images=numpy.ones((4, 3, 8, 8), dtype="float32"))


def _requirements(name: str, text: str) -> Callable[[Ground], None]:
    def make(ground: Ground) -> None:
        (ground.project / name).write_text(text)

    return make


def _claims(ground: Ground) -> None:
    (ground.project / "claims.yaml").write_text("- id: one\n  guide: docs/one.md\n  says: it works\n  cells: [x]\n")
    (ground.project / "README.md").write_text("# one\n")


def _latency(ground: Ground) -> None:
    process = {"samples": [0.5] * 10, "load_seconds": 0.1, "first_seconds": 0.5, "memory_mib": 9.0, "waited": 0.0}
    timed = {"megabytes": 0.1, "ran": "numpy 2.3.5", "processes": [process, process]}
    cell = {"case": "planted/net", "route": "faithful.py", "opset": 13, "sizes": {"batch": 1}, "failed": {}}
    cell["subjects"] = {"torch": timed, "saved-model": timed}
    document = {"schema": 2, "toolchain": "small", "ran_at": "2026-11-30T00:00:00+00:00", "machine": {}, "threads": 1}
    folder = ground.results / "latency"
    folder.mkdir()
    (folder / "small.json").write_text(json.dumps({**document, "cells": [cell]}))


def _flaky(ground: Ground) -> None:
    until = quarantine.today() + datetime.timedelta(days=7)
    (ground.project / "flaky.yaml").write_text(
        f"- {{id: one, case: planted/net, reason: an unordered sum, until: {until}}}\n"
    )


def _more_locked(ground: Ground) -> None:
    shutil.copy(ground.project / "lockfiles" / "small.txt", ground.project / "lockfiles" / "other.txt")


def _shards(ground: Ground) -> None:
    for number in (1, 2):
        done = ground.command("run", "--record", "--shard", f"{number}/2", "--results", f"part-{number}")
        if done.code:
            raise RuntimeError(done.said)


def _hugging_face(ground: Ground) -> None:
    folder = ground.project / "hf"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8}')


def _choice(ground: Ground) -> None:
    (ground.project / "chosen.txt").write_text("planted/net\nplanted/net-1 faithful.py\n")


def _own_limitations(ground: Ground) -> None:
    shutil.copy(ground.project / "limitations.yaml", ground.project / "own.yaml")


def _wheel(ground: Ground) -> None:
    import zipfile

    with zipfile.ZipFile(ground.project / "numpy-9.9-py3-none-any.whl", "w") as made:
        made.writestr("numpy-9.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: numpy\nVersion: 9.9\n")
        made.writestr("numpy-9.9.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        made.writestr("numpy-9.9.dist-info/RECORD", "")


BUNDLES_RUN = ("bundles", "run", "{handed}", "--toolchain", "small", "--route", "faithful.py")

WRITTEN = (
    Written("matrix.yaml", "project/matrix.yaml", (("plan",), ("gate",), RECORD, ("cases",), ("lock", "--check"))),
    Written("limitations.yaml", "project/limitations.yaml", (("plan",), ("gate",), RECORD), changes=True),
    Written(
        "a case file",
        "project/cases/planted_cases.py",
        (("plan",), ("gate",), RECORD, ("cases", "--json")),
        changes=True,
    ),
    Written("a route file", "project/faithful.py", (("plan",), ("gate",), RECORD), changes=True),
    Written("a lockfile", "project/lockfiles/small.txt", (("plan",), ("install",), RECORD, ("lock", "--check"))),
    Written("results/small.json", "project/results/small.json", (GATE, ("site", "-o", "built"), ("sweep", "--list"))),
    Written("results/small.json, recorded over", "project/results/small.json", (RECORD,)),
    Written("results/runs/small.json", "project/results/runs/small.json", (("plan",), ("site", "-o", "built"), RECORD)),
    Written("claims.yaml", "project/claims.yaml", (("table", "--check"), ("site", "-o", "built")), _claims),
    Written("results/latency/small.json", "project/results/latency/small.json", (("site", "-o", "built"),), _latency),
    Written("flaky.yaml", "project/flaky.yaml", (("plan",), ("gate",), ("site", "-o", "built")), _flaky),
    Written(
        "a lockfile of no toolchain",
        "project/lockfiles/other.txt",
        (("site", "-o", "built"), ("lock", "--check")),
        _more_locked,
    ),
    Written("a handed-on bundle.json", "handed/planted/net/bundle.json", (BUNDLES_RUN,)),
    Written("a handed-on io.npz", "handed/planted/net/io.npz", (BUNDLES_RUN,)),
    Written("a handed-on export.json", "handed/planted/net/faithful-13/export.json", (BUNDLES_RUN,)),
    Written("a handed-on model", "handed/planted/net/faithful-13/weights.npz", (BUNDLES_RUN,)),
    Written(
        "an .onnx file", "project/own.onnx", (("plan", "--cases", "{file}"), ("recommend", "--onnx", "{file}")), _onnx
    ),
    Written("a Hugging Face folder", "project/hf/config.json", (("plan", "--cases", "hf"),), _hugging_face),
    Written("golden answers", "project/golden.npz", (("runtimes", "model.tflite", "--golden", "{file}"),), _golden),
    Written("an artifact", "project/model.tflite", (("runtimes", "{file}", "--golden", "golden.npz"),), _golden),
    Written(
        "examples", "project/examples.npz", (("plan", "--target", "tflite-int8", "--calibration", "{file}"),), _examples
    ),
    Written("a file of cases", "project/chosen.txt", (("plan", "--case", "@{file}"),), _choice),
    Written("own rules", "project/own.yaml", (("gate", "--limitations", "{file}"),), _own_limitations),
    Written(
        "requirements.txt",
        "project/mine.txt",
        (("upgrade", "small", "{file}"),),
        _requirements("mine.txt", "numpy==2.3.5\n"),
    ),
    Written(
        "pyproject.toml",
        "project/pyproject.toml",
        (("upgrade", "small", "{file}"),),
        _requirements("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["numpy==2.3.5"]\n'),
    ),
    Written("a share's results", "project/part-1/small.json", (("merge", "part-1", "part-2"),), _shards),
    Written("a share's manifest", "project/part-1/shards/shard.json", (("merge", "part-1", "part-2"),), _shards),
    Written("a wheel under test", "project/*.whl", (("plan", "--with", "numpy={file}"),), _wheel),
)


def _written(what: Written, harm: damage.Damage) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        for command in what.commands:
            ground.reset()
            if what.make:
                what.make(ground)
            before = ground.evidence()
            path = ground.one(what.pattern)
            harm(path, chance)
            harmed = ground.evidence()
            words = [word.format(file=path, handed=ground.handed) for word in command]
            done = ground.command(*words, variables={"UV_OFFLINE": "1"}).said_well()
            _nothing_forged(ground, done, before, harmed, what)
        ground.nothing_runs()

    return plant_it


def _nothing_forged(ground: Ground, done: Done, before: bytes, harmed: bytes, what: Written) -> None:
    """After a refusal the evidence is as it lay there; else it is as it was before the damage."""
    found = ground.evidence()
    if found in (harmed, before):
        return
    if done.code in ERRORS:
        raise Missed(f"refused with {done.code}, and the evidence is another: {done.said}")
    if not what.changes:
        raise Missed(f"the evidence is another, after exit code {done.code}: {done.said}")


@dataclass(frozen=True)
class Made:
    """A file that tfparity makes and keeps: it is made again, and what comes out is as without the damage.

    again: what is stored of a case has to be made again, so that the file is read. words: of the command that makes it
    and reads it.
    """

    where: str
    pattern: str
    again: bool = False
    words: Sequence[str] = ()


MADE = (
    Made("a store record", "store/*/*/attempts.json"),
    Made("a store's imports", "store/*/*/imports.json"),
    Made(
        "a store's probes",
        "store/*/*/probes.json",
        words=("--level", "2", "--case", "planted/net faithful.py"),
    ),
    Made("a bundle's bundle.json", "bundles/*/*/bundle.json", again=True),
    Made("a bundle's io.npz", "bundles/*/*/io.npz", again=True),
    Made("a bundle's export.json", "bundles/*/*/*/export.json", again=True),
    Made("a bundle's model", "bundles/*/*/*/weights.npz", again=True),
    Made("a bundle's lock", "locks/*.lock", again=True),
    Made("a case file as it was read", "read/case-*"),
    Made("a case file's code as it was read", "read/code-*"),
)


def _made(what: Made, harm: damage.Damage) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        command = (*RECORD, *what.words)
        ground.reset(after=command if what.words else ())
        whole = ground.evidence()
        if what.again:
            ground.forget_the_first("store")
        path = chance.choice(
            ground.of_the_first(what.pattern) if what.again else sorted(ground.cache.glob(what.pattern))
        )
        harm(path, chance)
        done = ground.command(*command).said_well()
        if done.code not in ERRORS | {0}:
            raise Missed(f"ended with {done.code}: {done.said}")
        ground.same(whole=whole)  # nothing is written where it was refused, too
        ground.nothing_is_left()
        if done.code:
            return  # named, with what to do
        again = ground.command(*command).said_well()
        ground.same(whole=whole)
        if again.code:
            raise Missed(f"the next run ended with {again.code}: {again.said}")
        if "done before" not in again.err:
            raise Missed(f"{path.name} never heals: {again.said}")

    return plant_it


def _bomb(ground: Ground, chance: random.Random) -> None:
    ground.reset()
    damage.bomb(ground.one("handed/planted/net/io.npz"))
    ground.command(*(word.format(handed=ground.handed) for word in BUNDLES_RUN)).said_well()


def _hole(ground: Ground, chance: random.Random) -> None:
    """An archive that lies on the disk as a hole and says that its list of arrays is as long as it."""
    ground.reset()
    size = 2**31
    with ground.one("handed/planted/net/io.npz").open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0))
    ground.command(*(word.format(handed=ground.handed) for word in BUNDLES_RUN)).said_well()


#: Of a file of a person's own, what would end our process.
_ENDS = ("os._exit(0)", "os._exit(3)", "from os import _exit; _exit(0)", "raise SystemExit(0)", "quit()")


def _ends(pattern: str, line: str, code: int) -> Callable[[Ground, random.Random], None]:
    """It is refused with its name, whatever it would have us end with."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        path = ground.one(pattern)
        path.write_text(f"import os\n{line}\n{path.read_text()}")
        for command in (("plan",), RECORD):
            done = ground.process(*command).said_well()
            if done.code != code or path.name not in done.err:
                raise Missed(f"ended with {done.code}: {done.said}")
        ground.reset()

    return plant_it


PLANTS: tuple[Plant, ...] = (
    *(
        plant(f"{where}: {line}", KIND, Point.FILES, _ends(pattern, line, code), slow=2)
        for where, pattern, code in (
            ("a case file", "project/cases/planted_cases.py", CaseError.exit_code),
            ("a route file", "project/faithful.py", UsageError.exit_code),
        )
        for line in _ENDS
    ),
    plant("a handed-on io.npz: a list without end", KIND, Point.FORGED, _hole, slow=1),
    *(
        plant(f"{what.where}: {name}", KIND, Point.FILES, _written(what, harm), slow=0.5 * len(what.commands))
        for what in WRITTEN
        for name, harm in damage.KINDS.items()
    ),
    *(
        plant(f"{what.where}: {name}", KIND, Point.FILES, _made(what, harm), slow=3)
        for what in MADE
        for name, harm in damage.KINDS.items()
    ),
    plant("a handed-on io.npz: two GiB of zeros", KIND, Point.FORGED, _bomb, slow=5),
)
