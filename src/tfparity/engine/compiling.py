"""A .tflite file put through a compiler for an edge device: taken or refused, and what of it is left on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tfparity.engine.target_side import Ask
from tfparity.engine.worker_client import Placed
from tfparity.inputs.matrix import Runtime
from tfparity.records.cells import Compiled, Problem
from tfparity.records.fingerprint import normalise, printable
from tfparity.records.vocabulary import Outcome
from tfparity.worker import compilers

#: Characters of an operator's name that are kept, and how many names: a file's own custom operators have any.
LONGEST, MOST = 60, 200

#: More operators than any file has.
MANY = 10_000_000


@dataclass(frozen=True)
class Came:
    """What came of a file. outcome: pass where the compiler takes it and places an operator of it at least. compiled:
    what it made of it, None where it refuses it; error: why it did not pass."""

    outcome: Outcome
    compiled: Compiled | None
    error: Problem | None


def put_through(ask: Ask, compiler: str, file: Path, places: Mapping[str, str]) -> Came:
    """What a compiler makes of a file. compiler: its name or file, as a worker finds it; places: folders of this run
    and what stands for them in errors. What it writes is not kept. Raises MachineFault."""
    answer = ask("compile", {"compiler": compiler, "artifact": str(file), "result": "compiled"}, {})
    last = answer.stages[-1]
    if not answer.passed:
        error = last.error or Problem(last.outcome.value, "")
        known = {str(file): f"<{file.name}>", **places}
        return Came(last.outcome, None, replace(error, message=normalise(error.message, known)))
    compiled = _believed(answer.facts.compiled)
    if compiled is None:
        return Came(Outcome.CRASH, None, Problem("BadReply", "what it says of the file's operators cannot be"))
    if not compiled.parts:
        said = f"nothing of it runs on {compiled.accelerator}, {compiled.text}"
        return Came(Outcome.FAIL, compiled, Problem("NothingPlaced", said))
    return Came(Outcome.PASS, compiled, None)


def imports(runtime: Runtime) -> tuple[str, ...]:
    """What a worker of that compiler's environment imports."""
    assert runtime.compiler is not None
    return compilers.load(runtime.compiler).imports


def _believed(said: Placed | None) -> Compiled | None:
    """What a process that read anybody's file says of it, names made printable; None where the numbers do not fit."""
    if said is None or len(said.left) > MOST:
        return None
    counts = [*said.left.values(), said.operators]
    if not (0 <= said.parts <= MANY and all(0 < count <= MANY for count in counts)):
        return None
    left: dict[str, int] = {}
    for name, count in said.left.items():
        shown = printable(name)[:LONGEST]
        left[shown] = left.get(shown, 0) + count
    return Compiled(printable(said.accelerator)[:LONGEST], said.operators, said.parts, left)
