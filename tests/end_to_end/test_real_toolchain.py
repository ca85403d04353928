"""A small old toolchain for real, TensorFlow 2.6 on Python 3.8: converted now, and as the committed evidence has it."""

import json

import pytest
from folders import REPOSITORY, Folder, variables

SMALL = "tf2.6-torch1.9"


@pytest.fixture(scope="module")
def repository(cache) -> Folder:
    return Folder(REPOSITORY, variables(REPOSITORY, cache))


def test_the_smoke_cells_are_as_recorded(repository, tmp_path):
    recorded = json.loads((REPOSITORY / "results" / f"{SMALL}.json").read_text())
    works = {cell["case"] for cell in recorded["cells"] if cell["verdict"].startswith("works")}
    assert {"torchvision/resnet18", "huggingface/bert"} <= works
    summary = tmp_path / "summary.md"
    done = repository.run("gate", "--toolchain", SMALL, "--summary", str(summary), timeout=1500)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "torchvision/resnet18" in summary.read_text()


def test_a_second_run_does_nothing_again(repository):
    done = repository.run("gate", "--toolchain", SMALL, timeout=300)
    assert done.returncode == 0
    assert "importing" not in done.stderr
