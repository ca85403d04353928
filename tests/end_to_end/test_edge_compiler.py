"""The real compiler of matrix.yaml, over two small files that `run --target tflite-int8-io` made of the zoo's cases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from folders import REPOSITORY, variables

FILES = Path(__file__).parent / "edge"


def put(cache: Path, file: Path) -> tuple[int, str]:
    """The exit code and the table's last row."""
    done = subprocess.run(
        [sys.executable, "-m", "tfparity", "runtimes", str(file), "--runtime", "compile-vela5.2"],
        env={**variables(REPOSITORY, cache), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, " ".join(done.stdout.strip().splitlines()[-1].split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two-inputs-two-outputs", "accepted – – all 9 operators on ethos-u55-256"),
        ("padded-max-pool", "accepted – – 1 of 4 operators left on the CPU: MAX_POOL_2D 1"),
    ],
)
def test_a_file_is_taken_and_what_is_left_is_named(cache: Path, name: str, said: str) -> None:
    assert put(cache, FILES / f"{name}.tflite") == (0, f"compile-vela5.2 {said}")


def test_a_file_that_the_compiler_dies_of_is_that_files_end_alone(cache: Path, tmp_path: Path) -> None:
    whole = (FILES / "padded-max-pool.tflite").read_bytes()
    code = whole.index(b"PadV2")  # the name of a tensor
    damaged = whole[: code - 4] + b"\xff\xff\xff\x7f" + whole[code:]  # its length
    (tmp_path / "damaged.tflite").write_bytes(damaged)
    ended, row = put(cache, tmp_path / "damaged.tflite")
    assert ended == 1
    assert row == "compile-vela5.2 crash – – Signal: ended by SIGSEGV"
