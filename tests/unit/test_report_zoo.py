"""The list of the zoo: every case once, with what a run said of its model."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import attempt, planned, record
from rich.console import Console

from tfparity.evidence.runs import runs
from tfparity.records.cells import Model
from tfparity.report import terminal, zoo
from tfparity.worker.declare import Case, floating, normal

ROOT = Path("/project")


def case(id: str, *tags: str, operators: tuple[str, ...] = ()) -> Case:
    return Case(
        id, (normal("batch", 4, name="x"),), (floating("y"),), {"batch": (2, 1)}, {}, tags, {}, dict,
        str(ROOT / "cases" / "family.py"), 7, operators,
    )  # fmt: skip


def model(parameters: int) -> Model:
    return Model(parameters, 2, "w", 1.5e-4, ("Relu",))


def asked(**said: dict[str, Model | None]) -> Any:
    """A query in which runs of these toolchains say that of the models of these cases."""
    cases = [case("a/one", "smoke", "small"), case("a/two", operators=("Gelu", "[b]")), case("b/three", "heavy")]
    selection = SimpleNamespace(
        cases={one.id: one for one in cases},
        planned=[planned(one.id, toolchain=name) for name in ("old", "new") for one in cases],
        project=SimpleNamespace(root=ROOT),
        matrix=SimpleNamespace(default="new", toolchains={"old": None, "new": None}),
    )
    found = {
        name: runs(name, [record(case, attempt(model=model), toolchain=name) for case, model in models.items()])
        for name, models in said.items()
    }
    return SimpleNamespace(selection=selection, runs=found)


def test_every_case_is_listed_once_with_its_tier_and_place() -> None:
    entries = [entry.document() for entry in zoo.listed(asked())]
    assert [(entry["id"], entry["family"], entry["tier"]) for entry in entries] == [
        ("a/one", "a", "smoke"),
        ("a/two", "a", "full"),
        ("b/three", "b", "heavy"),
    ]
    assert {entry["source"] for entry in entries} == {"cases/family.py:7"}
    assert {entry["model"] is None for entry in entries} == {True}


def test_the_default_toolchains_word_on_a_model_goes_first() -> None:
    found = zoo.listed(asked(old={"a/one": model(1), "a/two": model(2)}, new={"a/one": model(3), "a/two": None}))
    assert [entry.model.parameters if entry.model else None for entry in found] == [3, 2, None]


def test_the_table_tells_parameters_and_operators_and_takes_no_markup() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(zoo.table(zoo.listed(asked(new={"a/one": model(1234567)}))))
    text = console.export_text()
    assert "1,234,567" in text
    assert "1.5e-04" in text
    assert "Relu" in text
    assert "Gelu, [b]" in text


def listing(width: int | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the list on a terminal of that width, or in a file."""
    monkeypatch.delenv("COLUMNS", raising=False)
    out = Console(width=width, file=io.StringIO()) if width else terminal.console(io.StringIO())
    terminal.put(out, zoo.table(zoo.listed(asked(new={"a/one": model(1234567)}))))
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 100, 160, 240])
def test_on_a_terminal_a_case_is_a_line_that_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in listing(width, monkeypatch) if line.strip()]
    assert len(lines) == 2 + 3  # head, rule, three cases
    assert all(len(line) <= width for line in lines)
    assert [name for name in ("a/one", "a/two", "b/three") if not any(name in line for line in lines)] == []


def test_in_a_file_a_case_is_a_whole_line_and_nothing_is_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    head, one, *others = listing(None, monkeypatch)
    assert head.split() == ["case", "tier", "parameters", "least", "weight", "inputs", "operators"]
    assert one.split()[:4] == ["a/one", "smoke", "1,234,567", "1.5e-04"]
    assert "…" not in one
    assert [line.split()[0] for line in others] == ["a/two", "b/three"]


def test_a_document_has_what_is_declared_and_what_a_run_said() -> None:
    (one, *_) = (entry.document() for entry in zoo.listed(asked(new={"a/one": model(3)})))
    assert list(one) == [
        "id", "family", "tier", "tags", "source", "requires", "inputs", "outputs", "axes", "insensitive", "operators",
        "model",
    ]  # fmt: skip
    assert json.loads(json.dumps(one))["model"] == {
        "parameters": 3, "weights": 2, "least": "w", "change": 1.5e-4, "operators": ["Relu"],
    }  # fmt: skip
