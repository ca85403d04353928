"""A SavedModel behind a model server,for which a small program stands: what it is asked, and what its answers say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy
import pytest

from tfparity.features.runtimes import serving, table
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Golden

HERE = Path(__file__).parent

X = numpy.linspace(-2, 3, 12, dtype="float32").reshape(3, 4)
GOLDEN = Golden(Path("golden.npz"), {"x": X}, {"y": 2 * X, "z": X + 1})


@pytest.fixture
def served(tmp_path: Path) -> Artifact:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    return Artifact(tmp_path, "saved-model")


def server(folder: Path, fault: str = "") -> str:
    program = folder / f"server-{fault}"
    program.write_text(f"#!{sys.executable}\n{(HERE / 'model_server.py').read_text()}")
    program.chmod(0o755)
    return str(program)


def test_both_formats_and_both_versions_are_asked(served: Artifact, tmp_path: Path) -> None:
    ran = serving.held(served, GOLDEN, server(tmp_path))
    assert (ran.state, ran.right) == ("pass", True), table.note(ran)
    assert table.note(ran) == "REST by rows and columns, batching on, versions 1 and 2"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("wrong", "output 'y' diverged; wrong over REST by columns, version 2"),
        ("refuses", "Serving: answered 400: no such signature"),
        ("exits", "Serving: ended at its start with status 3"),
    ],
)
def test_a_server_that_answers_otherwise_fails(served: Artifact, tmp_path: Path, fault: str, said: str) -> None:
    ran = serving.held(served, GOLDEN, server(tmp_path, fault))
    assert (ran.state, table.note(ran)) == ("fail", said)


def test_a_program_that_cannot_be_started_is_untested(served: Artifact, tmp_path: Path) -> None:
    ran = serving.held(served, GOLDEN, str(tmp_path / "nothing"))
    assert ran.state == "untested"
    assert "cannot be started: No such file" in table.note(ran)
