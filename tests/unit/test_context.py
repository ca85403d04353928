"""What the parts of a run share: which folders of a bundle it has made again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tfparity.engine.context import Context, Options
from tfparity.inputs import matrix
from tfparity.paths import Cache, Project

MATRIX = """\
schema: 1
default: small
toolchains:
  - {id: small, python: "3.11", as-of: 2023-07-15, pins: {numpy: 1.24.3}}
"""

Make = Callable[[bool], Context]


@pytest.fixture
def made(tmp_path: Path) -> Make:
    """The context of a run, with --again or without."""
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    declared = matrix.load(tmp_path / "matrix.yaml")
    return lambda again: Context(Project(tmp_path), declared, {}, Cache(tmp_path / "cache"), Options(again=again))


def test_a_folder_is_made_again_once_in_a_run(made: Make) -> None:
    context = made(True)
    folders = [Path("bundle"), Path("bundle/export"), Path("bundle"), Path("bundle/export"), Path("other")]
    assert [context.first_again(folder) for folder in folders] == [True, True, False, False, True]


def test_nothing_is_made_again_that_was_not_asked_for(made: Make) -> None:
    context = made(False)
    assert [context.first_again(Path("bundle")) for _ in range(2)] == [False, False]


def test_another_run_makes_the_same_folder_again(made: Make) -> None:
    assert made(True).first_again(Path("bundle"))
    assert made(True).first_again(Path("bundle"))


def test_of_many_threads_one_makes_a_folder_again(made: Make) -> None:
    context = made(True)
    with ThreadPoolExecutor(8) as pool:
        firsts = list(pool.map(lambda number: context.first_again(Path(str(number % 4))), range(200)))
    assert sum(firsts) == 4
