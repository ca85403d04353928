"""Folklore against measurement: an answer follows from cells, and is never written down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import attempt, broken, entry, lost_axis, planned, record
from test_advice import MATRIX

from tfparity.errors import EvidenceError
from tfparity.evidence.claims import Answer, answers
from tfparity.evidence.latency import Latency, of_samples
from tfparity.evidence.query import Standing, Table
from tfparity.inputs import claims as inputs
from tfparity.inputs import plain_yaml
from tfparity.inputs.claims import Ask, Claim
from tfparity.paths import Project
from tfparity.records.cells import CellId
from tfparity.records.vocabulary import Outcome, Verdict
from tfparity.report import claims as report

ROOT = Path(__file__).parents[2]

ATTEMPTS = {
    "w": (attempt(),),
    "r": (broken(), attempt(12)),
    "b": (broken(),),
    "i": (attempt(13, "import", "fail", "no keras"),),
    "p": (lost_axis("batch", dynamic={"batch": False}),),
}


def stands(case: str, toolchain: str, route: str, how: str, **changed: Any) -> Standing:
    """W works, r by a lower opset, b broken, i at import, p without its batch, ? untested."""
    place = planned(case, route=route, toolchain=toolchain)
    if how == "?":
        return Standing(place, Verdict.UNTESTED)
    made = record(case, *ATTEMPTS[how], route=route, toolchain=toolchain)
    assert made.cell is not None
    return Standing(place, made.verdict, replace(made.cell, **changed), made.deciding.error if made.deciding else None)


def of(*cells: Standing, timed: Mapping[CellId, Latency] | None = None) -> Table:
    """A table of these cells on the matrix of three toolchains: old (2.8), base (2.15.1) and new (2.21)."""
    by_toolchain = {id: [cell for cell in cells if cell.planned.toolchain == id] for id in MATRIX.toolchains}
    environments = MATRIX.environments
    return cast(
        Table,
        SimpleNamespace(
            cells=by_toolchain,
            project=Project(Path("/p")),
            query=SimpleNamespace(latencies=timed or {}),
            selection=SimpleNamespace(matrix=MATRIX, cases={cell.planned.case: None for cell in cells}),
            pins=lambda toolchain, _: environments[toolchain].pins,
        ),
    )


def answer(cells: Sequence[Standing], *asks: dict[str, Any]) -> Answer:
    claim = Claim(id="c", source="guide", says="x", asks=tuple(Ask.model_validate(ask) for ask in asks))
    (found,) = answers([claim], of(*cells))
    return found


def run(how: str) -> list[Standing]:
    """Cases a, b, c… on "base" by onnx-tf."""
    return [stands(f"f/{name}", "base", "onnx-tf", one) for name, one in zip("abcdef", how, strict=False)]


@pytest.mark.parametrize(
    ("how", "ask", "word"),
    [
        ("ww", {"says": "converts"}, "true"),
        ("wr", {"says": "converts"}, "true"),
        ("wr", {"says": "converts-unaided"}, "depends"),
        ("bb", {"says": "converts"}, "false"),
        ("wb", {"says": "converts"}, "depends"),
        ("wb", {"says": "converts", "of": "all"}, "false"),
        ("wb", {"says": "converts", "of": "some"}, "true"),
        ("bb", {"says": "converts", "of": "some"}, "false"),
        ("??", {"says": "converts"}, "untested"),
        ("w?", {"says": "converts"}, "true"),
        ("pb", {"says": "fails"}, "true"),
        ("pb", {"says": "breaks"}, "depends"),
        ("wi", {"says": "converts", "among": "imported"}, "true"),
        ("wb", {"says": "converts", "among": "imported"}, "depends"),
        ("wr", {"says": "converts", "opset": ">=13", "among": "working"}, "depends"),
        ("rb", {"says": "converts", "opset": "<13", "among": "working"}, "true"),
        ("r", {"says": "fails", "attempt": "==13"}, "true"),
        ("r", {"says": "fails", "attempt": "<13"}, "false"),
        ("w", {"says": "converts", "attempt": "==15"}, "untested"),
        ("w", {"says": "converts", "max-error": 2e-5}, "true"),
        ("w", {"says": "converts", "max-error": 1e-7}, "false"),
        ("p", {"says": "loses-an-axis"}, "true"),
        ("p", {"says": "loses-an-axis", "axis": "height"}, "untested"),
        ("w", {"says": "loses-an-axis", "axis": "batch"}, "false"),
        ("w", {"says": "converts", "target": "tflite-*"}, "untested"),
        ("b", {"says": "breaks", "limitation": "no-such-rule"}, "false"),
    ],
)
def test_an_answer_follows_from_the_cells(how: str, ask: dict[str, Any], word: str) -> None:
    assert answer(run(how), ask).word == word


@pytest.mark.parametrize("kind", ["target", "runtime"])
def test_what_is_recorded_beside_a_verdict_answers_too(kind: str) -> None:
    for outcome, word in ((Outcome.PASS, "true"), (Outcome.FAIL, "false"), (Outcome.TIMEOUT, "untested")):
        beside = {f"{kind}s": {"tflite-int8": entry(outcome=outcome)}}
        cells = [stands("f/a", "base", "onnx-tf", "w", **beside)]
        assert answer(cells, {"says": "converts", kind: "*int8"}).word == word


def test_asks_choose_by_globs_and_by_pins() -> None:
    places = (("f/a", "old", "b"), ("f/a", "base", "w"), ("g/b", "base", "b"))
    cells = [stands(case, toolchain, "onnx-tf", how) for case, toolchain, how in places]
    assert answer(cells, {"says": "converts", "cases": ["f/*"], "where": {"tensorflow": ">2.8.99"}}).word == "true"
    assert answer(cells, {"says": "converts", "cases": ["f/*"], "toolchains": ["o*"]}).word == "false"
    with pytest.raises(EvidenceError, match="'c' asks for cells that the plan has not"):
        answer(cells, {"says": "converts", "routes": ["onnx2tf"]})


def test_asks_of_which_some_were_not_run_are_answered_by_the_others() -> None:
    cells = run("wb?")
    works, fails, unknown = ({"says": "converts", "cases": [f"f/{name}"]} for name in "abc")
    assert answer(cells, works, unknown).word == "true"
    assert answer(cells, works, fails).word == "depends"
    assert answer(cells, unknown).word == "untested"


def test_the_most_exact_is_compared_on_the_same_tensorflow() -> None:
    def exact(toolchain: str, route: str, max_abs: float) -> Standing:
        return stands("f/a", toolchain, route, "w", max_abs=max_abs)

    ask = {"says": "most-exact", "routes": ["keras-rebuild"]}
    mine = exact("base", "keras-rebuild", 1e-6)
    assert answer([mine, exact("base", "onnx-tf", 1e-5)], ask).word == "true"
    assert answer([mine, exact("base", "onnx-tf", 1e-7)], ask).word == "false"
    assert answer([mine, exact("old", "onnx-tf", 1e-7)], ask).word == "untested"


@pytest.mark.parametrize(
    ("xla", "ask", "word"),
    [
        ([0.5] * 20, "faster", "true"),
        ([0.5] * 20, "slower", "false"),
        ([2.0] * 20, "slower", "true"),
        ([1.0] * 20, "slower", "false"),  # as fast as the other is not slower
        ([0.5] * 5, "faster", "untested"),  # too few pairs say nothing
        (None, "faster", "untested"),
    ],
)
def test_a_claim_on_speed_is_answered_by_the_recorded_samples(xla: list[float] | None, ask: str, word: str) -> None:
    samples = {"saved-model": [1.0] * len(xla or ()), **({"saved-model-xla": xla} if xla else {})}
    cell = stands("f/a", "base", "onnx-tf", "w")
    timed = {cell.planned.place: Latency("f/a", "onnx-tf", 13, {}, of_samples(samples), {})}
    asked = Ask.model_validate({"says": ask, "timed": "saved-model-xla", "than": "saved-model"})
    (found,) = answers([Claim(id="c", source="guide", says="x", asks=(asked,))], of(cell, timed=timed))
    assert found.word == word


def test_the_page_says_every_claim_with_its_cells() -> None:
    claims = [
        Claim(id="one", source="guide", says="`a` works.", asks=(Ask(says="converts", cases=("f/*",)),)),
        Claim(id="two", source="guide", says="Unknown.", nothing="No toolchain has it."),
    ]
    text = report.page(claims, of(*run("wwwwbb"), *[stands(f"f/{n}", "old", "onnx-tf", "w") for n in "ghijkl"]))
    assert "2 claims: 0 true, 0 false, 1 depends, 1 untested." in text
    assert "| [`a` works.](#one) | guide | ◐ **depends** |" in text
    assert "10 of 12 that were run and can tell" in text
    assert "as the claim says: 10 cells" in text
    assert "- and 2 more cases" in text
    assert "No toolchain has it." in text


def written(path: Path, text: str) -> Path:
    (path / "claims.yaml").write_text(text)
    return path / "claims.yaml"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\n", 1, "is not a list of claims"),
        ("- id: a\n  source: s\n  says: x\n", 1, "a claim has asks, or says why nothing"),
        ("- id: a\n  source: s\n  says: x\n  nothing: y\n  answer: true\n", 5, "unknown key 'answer'"),
        ("- id: a\n  source: s\n  says: x\n  asks:\n    - {says: maybe}\n", 5, "says"),
        ("- id: a\n  source: s\n  says: x\n  asks:\n    - {says: converts, opset: soon}\n", 5, "no version specifier"),
        ("- id: a\n  source: s\n  says: x\n  asks:\n    - {says: faster}\n", 5, "need timed and than"),
        ("- id: a\n  source: s\n  says: x | y\n  nothing: z\n", 3, "no '|'"),
        ("- id: a\n  source: s\n  says: x\n  nothing: z\n" * 2, 5, "a second claim 'a'"),
        ("- id: a\n  id: b\n", 2, "id"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(EvidenceError, match=said.replace("|", r"\|")) as wrong:
        inputs.load(written(tmp_path, text))
    assert wrong.value.line == line


def test_the_file_is_of_the_yaml_that_is_read_fast() -> None:
    assert plain_yaml.read((ROOT / "claims.yaml").read_text()) is not None


def test_a_project_without_claims_has_none(tmp_path: Path) -> None:
    assert inputs.load(tmp_path / "claims.yaml") == ()


def test_every_claim_of_the_file_asks_for_cells_of_the_plan_or_says_why_not(committed_table: Table) -> None:
    claims = inputs.load(ROOT / "claims.yaml")
    assert len(claims) >= 30
    found = answers(claims, committed_table)
    assert {one.word for one in found if one.claim.nothing} == {"untested"}
    assert len({one.word for one in found}) > 1
    page = report.page(claims, committed_table)
    assert len(page.encode()) < 60_000
    assert (ROOT / "docs/claims.md").read_text().endswith(page)
