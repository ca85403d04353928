"""A user's own set of packages, in any file that teams keep one in; what the index can't resolve is refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfparity.errors import RequirementsError
from tfparity.inputs import requirement_files

#: The project itself, as its lock has it.
OURS = '[[package]]\nname = "Ours"\nversion = "0.1"\nsource = {virtual = "."}\n'


def asked(folder: Path, name: str, text: str) -> requirement_files.Asked:
    path = folder / name
    path.write_text(text)
    return requirement_files.read(path)


def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("numpy<2\n")
    text = """\
# ours
torch>=2.4 ; python_version >= "3.9"  # the newest
onnx==1.17.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
-r more.txt
transformers[torch]==4.57.6
torch>=2.4 ; python_version >= "3.9"
"""
    assert asked(tmp_path, "requirements.txt", text).lines == (
        'torch>=2.4; python_version >= "3.9"',
        "onnx==1.17.0",
        "numpy<2",
        "transformers[torch]==4.57.6",
    )


def test_a_project_has_its_dependencies_and_its_pythons(tmp_path: Path) -> None:
    text = '[project]\nname = "ours"\nrequires-python = ">=3.10,<3.13"\ndependencies = ["torch>=2.4", "onnx"]\n'
    assert asked(tmp_path, "pyproject.toml", text) == requirement_files.Asked(("torch>=2.4", "onnx"), ">=3.10,<3.13")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", OURS + '[[package]]\nname = "torch"\nversion = "2.4.0"\nsource = {registry = "x"}\n'),
        ("poetry.lock", '[[package]]\nname = "torch"\nversion = "2.4.0"\noptional = false\n'),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "torch"\nversion = "2.4.0"\n'),
    ],
)
def test_a_lock_is_its_packages_at_their_versions(tmp_path: Path, name: str, text: str) -> None:
    assert asked(tmp_path, name, text).lines == ("torch==2.4.0",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("requirements.txt", "torch\n-e .\n", r"requirements\.txt:2: -e is not taken"),
        ("requirements.txt", "--index-url=https://example.org/simple\n", r":1: --index-url is not taken"),
        ("requirements.txt", "torch @ https://example.org/t.whl\n", r":1: torch is at an address"),
        ("requirements.txt", "\n\ntorch 2.4\n", r":3: 'torch 2\.4' is no requirement"),
        ("requirements.txt", "a\n-r requirements.txt\n", r":2: names requirements\.txt, which names it"),
        ("requirements.txt", "-r none.txt\n", r":1: names .*none\.txt, which cannot be read"),
        ("requirements.txt", "# none\n", "asks for no package"),
        ("pyproject.toml", "[project\n", r":1: is not TOML"),
        ("pyproject.toml", "[tool.x]\ny = 1\n", "has neither"),
        ("pyproject.toml", "[project]\ndependencies = 'torch'\n", "no list of requirements"),
        ("pyproject.toml", "[project]\ndependencies = ['torch']\nrequires-python = 3\n", "no version specifier"),
        ("uv.lock", '[[package]]\nname="a"\nversion="1"\n[[package]]\nname="a"\nversion="2"\n', "a at 1 and 2"),
        ("uv.lock", '[[package]]\nversion="1"\n', "a locked package without a name"),
        ("uv.lock", '[[package]]\nname="a"\n', "locks a at no version"),
    ],
)
def test_what_cannot_be_asked_of_the_index_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(RequirementsError, match=said) as refused:
        asked(tmp_path, name, text)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequirementsError, match="cannot be read: No such file"):
        requirement_files.read(tmp_path / "requirements.txt")
