"""What --cases names is told apart by what is there, and becomes case files in the order in which it is named."""

from pathlib import Path

import pytest

from tfparity.errors import CaseError, UsageError
from tfparity.inputs import case_sources, own_models
from tfparity.inputs.own_models import Declared
from tfparity.paths import Cache, Project
from tfparity.worker import declare, plugins

CASE = 'from tfparity import case, normal\n\n\n@case("family/NAME", inputs=[normal(2)])\ndef model():\n    return 1\n'
INPUT = Declared(inputs=("x=normal(2, 3)",))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to name things in, with a zoo of one case; nothing is registered yet."""
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "zoo.py").write_text(CASE.replace("NAME", "zoo"))
    (tmp_path / "mine.py").write_text(CASE.replace("NAME", "mine"))
    (tmp_path / "nets.py").write_text("def net(): ...\n")
    (tmp_path / "torchy.py").write_text("import torchh\n\n\ndef build(): ...\n\n\nclass Net: ...\n")
    (tmp_path / "empty.py").touch()
    return tmp_path


def loaded(folder: Path, *sources: str, declared: Declared = INPUT) -> list[str]:
    return list(case_sources.load(sources, declared, Project(folder), Cache(folder / "cache")))


def test_without_a_name_the_cases_are_those_of_the_zoo(folder: Path) -> None:
    assert loaded(folder, declared=Declared()) == ["family/zoo"]


def test_what_is_named_stands_instead_of_the_zoo_in_its_order(folder: Path) -> None:
    assert loaded(folder, "mine.py", "cases", declared=Declared()) == ["family/mine", "family/zoo"]


def test_a_function_of_a_module_gets_a_case_file_of_its_own(folder: Path) -> None:
    assert loaded(folder, "nets:net") == ["yours/nets.net"]
    assert [path.suffix for path in (folder / "cache" / "made").iterdir()] == [".py"]


def test_a_file_whose_name_reads_like_a_function_is_that_file(folder: Path) -> None:
    (folder / "nets:net").mkdir()
    with pytest.raises(UsageError, match="nets:net: --input, --output and --axis are for module:function"):
        loaded(folder, "nets:net")


def test_what_is_wrong_with_a_made_case_file_was_said_on_the_command_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever own_models lets pass: nobody knows the file, and where it lies is of no use."""
    monkeypatch.setattr(own_models, "_whole", lambda _: None)
    said = Declared(("x=normal(batch, 3)",), (), ("sequence=16,7",))
    with pytest.raises(UsageError) as wrong:
        loaded(folder, "nets:net", declared=said)
    assert str(wrong.value) == (
        "--input 'x=normal(batch, 3)', --axis 'sequence=16,7': case 'yours/nets.net': axes names sequence, which no "
        "input has"
    )


@pytest.mark.parametrize("source", ["mine.py", "cases"])
def test_a_case_file_says_itself_what_it_takes(folder: Path, source: str) -> None:
    with pytest.raises(UsageError, match=f"{source}: --input, --output and --axis are for module:function"):
        loaded(folder, source)


@pytest.mark.parametrize("source", ["absent.py", "nets:1", "nets:class", "a b:c"])
def test_what_is_nothing_is_taken_for_a_case_file_that_is_not_there(folder: Path, source: str) -> None:
    with pytest.raises(CaseError, match="no such case file or folder"):
        loaded(folder, source, declared=Declared())


@pytest.mark.parametrize("said", [INPUT, Declared(outputs=("((",)), Declared(axes=("batch=2,1",))])
def test_what_is_declared_of_nothing_named_is_refused(folder: Path, said: Declared) -> None:
    with pytest.raises(UsageError, match=r"^--input, --output and --axis are for module:function"):
        loaded(folder, declared=said)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "mine.py:family/mine",
            "--cases names a file, and --case one of its cases: --cases mine.py --case family/mine",
        ),
        ("mine.py:model", "--cases names a file, and --case one of its cases: --cases mine.py --case family/mine"),
        ("mine.py:x", "mine.py has no case 'x'; it has family/mine"),
        ("mine.py:family/nine", "mine.py has no case 'family/nine', did you mean 'family/mine'? it has family/mine"),
        ("nets.py:net", "a function of a module is named without .py: nets:net"),
        ("nets.py:ned", "nets.py has no case, and no function 'ned', did you mean nets:net? it has the functions net"),
        ("torchy.py:x", "torchy.py has no case, and no function 'x'; it has the functions build, Net"),
        ("empty.py:x", "empty.py has no case, and no function 'x'; it has no function"),
    ],
)
def test_one_case_of_a_file_is_named_by_two_options(folder: Path, source: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        loaded(folder, source, declared=Declared())
    assert said in str(refused.value)


def test_a_file_that_is_neither_is_told_as_what_is_wrong_with_it(folder: Path) -> None:
    (folder / "broken.py").write_text("def (:\n")
    (folder / "lacking.py").write_text(f"import torchh\n{CASE}")
    for source, said in (("broken.py:x", "cannot be read"), ("absent.py:x", "no such"), ("lacking.py:x", "torchh")):
        with pytest.raises(CaseError, match=said):
            loaded(folder, source, declared=Declared())
