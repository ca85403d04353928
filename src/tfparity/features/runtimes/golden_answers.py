"""Golden answers made: seeded inputs by the artifact's own signature, and what a runtime answers today."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy

from tfparity import paths
from tfparity.engine.artifact_runs import Runs
from tfparity.engine.worker_client import Takes
from tfparity.errors import ArtifactError, GoldenError, UsageError
from tfparity.inputs import golden
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Golden
from tfparity.inputs.matrix import Runtime
from tfparity.inputs.own_models import declared_inputs
from tfparity.records.fingerprint import printable
from tfparity.worker import declare
from tfparity.worker.declare import Input

#: Integers that nobody declares are below this: ids, masks and segments take them all.
HIGH = 2


def save(runs: Runs, runtime: Runtime, artifact: Artifact, place: Path, declared: Sequence[str]) -> Golden:
    """Write what that runtime answers to seeded inputs. `declared`: of inputs, as --input has them.

    Raises UsageError where an open axis has no size or what is declared does not fit the signature, ArtifactError where
    the runtime does not run it, or answers text or no finite number.
    """
    if not place.absolute().parent.is_dir():
        raise UsageError(f"{place}: its folder is not there")
    inputs = made(runs.takes(runtime, artifact), declared, artifact)
    stored = runs.made(runtime, artifact, inputs)
    with tempfile.TemporaryDirectory(prefix="tfparity-golden-") as folder:
        file = Path(folder) / "answers.npz"
        with file.open("wb") as out:
            numpy.savez(out, allow_pickle=False, **stored)
        try:
            golden.read(file)  # what cannot be held against takes no earlier file's place
        except GoldenError as wrong:
            said = str(wrong).removeprefix(f"{file}: ")
            raise ArtifactError(f"{runtime.id} gives no golden answers: {said}", file=artifact.path) from None
        paths.write_bytes(place, file.read_bytes())
    return golden.read(place)


def made(takes: Takes, declared: Sequence[str], artifact: Artifact) -> list[Input]:
    """An input for each that the signature has: as declared, else of its own dtype and shape.

    Raises UsageError, and ArtifactError for a dtype that no declaration has.
    """
    own = declared_inputs(declared)
    signature = {name: (dtype, shape) for name, dtype, shape in takes.inputs}
    for name in own:
        if name not in signature:
            raise UsageError(f"--input {printable(name)!r}: the artifact takes {_listed(signature)}")
    found = []
    for name, (dtype, shape) in signature.items():
        if dtype not in declare.DTYPES:
            raise ArtifactError(f"takes {printable(name)!r} of {dtype}, which cannot be made here", file=artifact.path)
        one = own.get(name)
        if one is None:
            if shape is None or -1 in shape:
                raise UsageError(f"{printable(name)!r} has open axes {_shown(shape)}: {_write(name, dtype, shape)}")
            one = _usual(dtype, shape)
        elif any(isinstance(size, str) for size in one.shape):
            raise UsageError(
                f"--input {printable(name)!r}: write sizes, not names of axes: {_write(name, dtype, shape)}"
            )
        found.append(one._replace(name=name, dtype=dtype))
    return found


def _usual(dtype: str, shape: Sequence[int]) -> Input:
    if dtype == "bool":
        return declare.boolean(*shape)
    return declare.normal(*shape) if dtype.startswith("float") else declare.integers(*shape, high=HIGH)


def _write(name: str, dtype: str, shape: Sequence[int] | None) -> str:
    """What to type, as an example."""
    sizes = ["2" if size == -1 else str(size) for size in shape or (2, 8)]
    kind, more = ("normal", "") if dtype.startswith("float") else ("integers", ", high=100")
    if dtype == "bool":
        kind, more = "boolean", ""
    return f"say --input '{printable(name)}={kind}({', '.join(sizes)}{more})'"


def _shown(shape: Sequence[int] | None) -> str:
    return "of any rank" if shape is None else f"({', '.join('?' if size == -1 else str(size) for size in shape)})"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(printable, names))) or "nothing"
