"""A user's own measure, as it is named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfparity.errors import UsageError
from tfparity.inputs import evaluation


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "measures.py").write_text("raise SystemExit('never imported here')\n\ndef accuracy(predict): ...\n")
    (tmp_path / "starred.py").write_text("from elsewhere import *\n")
    (tmp_path / "broken.py").write_text("def accuracy(predict):\n    return (1\n")
    (tmp_path / "nulls.py").write_bytes(b"x = 1\0")
    (tmp_path / "deep.py").write_text(f"x = {'-' * 200_000}1\n")
    with (tmp_path / "large.py").open("wb") as file:
        file.truncate(2**42)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "scores.py").write_text("recall = lambda predict: 1.0\n")
    return tmp_path


@pytest.mark.parametrize(
    ("said", "path", "file", "root", "name"),
    [
        ("measures.py:accuracy", (), "measures.py", "", "measures.py:accuracy"),
        ("./package/scores.py:recall", (), "package/scores.py", "package", "scores.py:recall"),
        ("measures:accuracy", (), "measures.py", "", "measures.py:accuracy"),
        ("package.scores:recall", (), "package/scores.py", "", "scores.py:recall"),
        ("scores:recall", ("package",), "package/scores.py", "package", "scores.py:recall"),
        ("starred.py:whatever_comes", (), "starred.py", "", "starred.py:whatever_comes"),
    ],
)
def test_a_file_or_a_module_is_found(
    folder: Path, said: str, path: tuple[str, ...], file: str, root: str, name: str
) -> None:
    found = evaluation.named(said, [Path(one) for one in path])
    assert (found.file, found.root, found.name) == ((folder / file).resolve(), (folder / root).resolve(), name)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("measures.py", "write FILE.py:FUNCTION"),
        ("measures.py:", "write FILE.py:FUNCTION"),
        (":accuracy", "write FILE.py:FUNCTION"),
        ("measures.py:accuracy()", "write FILE.py:FUNCTION"),
        ("data.npz:accuracy", "there is no file data/npz.py"),
        ("some where:accuracy", "write FILE.py:FUNCTION"),
        ("measure.py:accuracy", "there is no file measure.py"),
        ("package:accuracy", "there is no file package.py"),
        ("package.py:accuracy", "there is no file package.py"),
        ("measures.py:acuracy", "measures.py has no acuracy, did you mean accuracy?"),
        ("package.scores:loss", "package/scores.py has no loss"),
        ("broken.py:accuracy", "broken.py:2 is no Python: "),
        ("nulls.py:accuracy", "nulls.py is no Python: "),
        ("deep.py:accuracy", "deep.py is no Python: it is nested too deeply"),
        ("large.py:accuracy", "large.py cannot be read: takes more than 32 MiB"),
    ],
)
def test_what_is_none_is_told_before_anything_runs(said: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"^--evaluate ") as wrong:
        evaluation.named(said)
    assert message in str(wrong.value)
