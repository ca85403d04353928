"""Remedies: what each is, and in which order a failing cell tries them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_crossing import CASE, Keys

from tfparity import cases, judge, limitations, matrix, paths
from tfparity.crossing import Crossing
from tfparity.errors import LimitationError
from tfparity.limitations import Limitation
from tfparity.paths import Cache, Project
from tfparity.plan import PlannedCell
from tfparity.report import remedies as report
from tfparity.setting import Options, Setting
from tfparity.sides import Sides
from tfparity.worker import remedies
from tfparity.worker.declare import BATCH
from tfparity.worker.remedies import fixed_axes
from tfparity.worker.targets import tflite_float32

HERE = Path(__file__).parent
EVERY = paths.worker_modules("remedies")


@pytest.mark.parametrize("name", EVERY)
def test_a_remedy_says_what_it_does_and_does_something(name: str) -> None:
    module = remedies.load(name)
    assert (module.__doc__ or "").strip()
    assert remedies.revision(name) >= 1
    assert any(hasattr(module, part) for part in ("exporting", "rewrite", "converting", "declare"))


def test_every_remedy_is_named_by_a_rule_of_ours_or_by_a_target_and_the_other_way_round() -> None:
    rules = limitations.load(HERE.parents[1] / "limitations.yaml")
    assert {name for rule in rules for name in rule.remedies} | set(tflite_float32.REMEDIES) == set(EVERY)


def test_the_page_tells_what_each_remedy_got_across() -> None:
    planned = PlannedCell("tf2.15", "blocks/a", "onnx-tf")
    across = {"remedies": ["opset-12", "auto-cast", "explicit-attention"]}
    cells = [
        SimpleNamespace(planned=planned, verdict="works-with-remedy", cell=across),
        SimpleNamespace(planned=replace(planned, case="blocks/b"), verdict="partial", cell={"remedies": ["auto-cast"]}),
        SimpleNamespace(planned=replace(planned, case="blocks/c"), verdict="stale", cell=across),
        SimpleNamespace(planned=replace(planned, case="blocks/d"), verdict="untested", cell=None),
    ]
    rules = limitations.load(HERE.parents[1] / "limitations.yaml")
    made: Any = SimpleNamespace(cells={"tf2.15": cells}, limitations=rules)
    page = report.page(made)
    assert all(f"[{name}](#{name})" in page for name in EVERY)
    assert "1 cases work by one or more" in page
    assert "| [auto-cast](#auto-cast) | the conversion | 1 | 1 |" in page
    assert "<code>blocks/a</code> (onnx-tf, with opset-12, explicit-attention): tf2.15" in page
    assert "blocks/c" not in page
    assert page.count("It got no recorded cell across.") == len(EVERY) - 2


def test_a_rule_with_an_unknown_remedy_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "limitations.yaml"
    path.write_text(
        "- id: a\n  stage: convert\n  matches: twelve or more\n  cause: c\n  link: none found\n  remedy: r\n"
        "  remedies: [auto-casts]\n"
    )
    with pytest.raises(LimitationError, match=r":7: .*no remedy 'auto-casts', did you mean 'auto-cast'"):
        limitations.load(path)


def test_the_parts_of_the_source_side_are_told_from_the_others() -> None:
    assert remedies.at_source("explicit-attention")
    assert remedies.at_source("pad-without-gap")
    assert remedies.at_source("fixed-axes")
    assert not remedies.at_source("auto-cast")


def test_fixed_axes_leave_no_axis_open_and_the_exported_sizes(tmp_path: Path) -> None:
    (tmp_path / "zoo.py").write_text(CASE.replace("normal(2)", 'normal("batch", 3, name="x")'))
    (case,) = cases.load([tmp_path / "zoo.py"]).values()
    fixed = fixed_axes.declare(case)
    assert fixed.axes == {}
    assert fixed.inputs[0].shape == (BATCH[0], 3)


# In which order


class Attempts:
    """Stands for what attempts come to: the first of `outcomes` whose remedies are all there decides."""

    def __init__(self, outcomes: Mapping[tuple[int, tuple[str, ...]], str]) -> None:
        self.outcomes = outcomes
        self.made: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, opset: int, names: tuple[str, ...] = ()) -> dict[str, Any]:
        self.made.append((opset, names))
        text = self.outcomes.get((opset, names), "nothing helped at all")
        passed = text == "pass"
        error = None if passed else {"type": "E", "message": text, "stage": "convert"}
        return {
            "opset": opset,
            "remedies": list(names),
            "stage": "signature" if passed else "convert",
            "outcome": "pass" if passed else "fail",
            "error": error,
            "grade": "1e-5" if passed else None,
        }


def rule(id: str, matches: str, *names: str) -> Limitation:
    return Limitation(id=id, stage="convert", matches=matches, cause="c", link="none found", remedy="r", remedies=names)


RULES = (
    rule("first", "the first obstacle", "auto-cast", "squeeze-handlers"),
    rule("second", "a second obstacle", "gru-handler"),
)


@pytest.fixture
def crossing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crossing:
    keys = Keys(tmp_path, monkeypatch)
    keys.write("mine.py", "(13,)", "(13, 12)")
    keys.write(
        "matrix.yaml", "routes: {mine.py: tensorflow-side}", "routes: {mine.py: tensorflow-side}, remedies: [a/*]"
    )
    keys.read()
    declared = matrix.load(tmp_path / "matrix.yaml")
    zoo, cache = cases.load([tmp_path / "zoo.py"]), Cache(tmp_path / "cache")
    setting = Setting(Project(tmp_path), declared, zoo, cache, Options(), None, RULES)
    return Crossing(setting, PlannedCell("both", "a/b", "mine.py"), Sides(setting, ExitStack()))


def tried(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch, outcomes: Mapping[tuple[int, tuple[str, ...]], str]
) -> tuple[Sequence[tuple[int, tuple[str, ...]]], str]:
    """What is attempted, in its order, and the verdict of the cell."""
    attempts = Attempts(outcomes)
    monkeypatch.setattr(crossing, "attempt", attempts)
    made = crossing.attempts()
    return attempts.made, judge.verdict(judge.decisive(made))


PLAIN = {(13, ()): "the first obstacle", (12, ()): "the first obstacle"}


def test_what_works_plainly_tries_no_remedy(crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(crossing, monkeypatch, {(13, ()): "pass"}) == ([(13, ())], "works")


def test_a_remedy_is_tried_at_the_opset_of_the_failure_first(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, verdict = tried(crossing, monkeypatch, {**PLAIN, (12, ("auto-cast",)): "pass"})
    assert (made, verdict) == ([(13, ()), (12, ()), (12, ("auto-cast",))], "works")


def test_the_second_remedy_of_a_rule_is_tried_where_the_first_does_not_help(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, verdict = tried(crossing, monkeypatch, {**PLAIN, (13, ("squeeze-handlers",)): "pass"})
    assert made[2:] == [
        (12, ("auto-cast",)),
        (13, ("auto-cast",)),
        (12, ("squeeze-handlers",)),
        (13, ("squeeze-handlers",)),
    ]
    assert verdict == "works"


def test_what_bars_the_way_behind_a_remedy_gets_one_of_its_own(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = {(12, ("auto-cast",)): "a second obstacle", (12, ("auto-cast", "gru-handler")): "pass"}
    made, verdict = tried(crossing, monkeypatch, {**PLAIN, **behind})
    assert (made[2:], verdict) == ([(12, ("auto-cast",)), (12, ("auto-cast", "gru-handler"))], "works")


def test_a_cell_that_no_remedy_gets_across_is_broken_by_what_bars_the_plain_way(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossing, "attempt", Attempts(PLAIN))
    made = crossing.attempts()
    best = judge.decisive(made)
    assert len(made) == 6
    assert (judge.verdict(best), best["remedies"], best["error"]["message"]) == ("broken", [], "the first obstacle")


def test_a_toolchain_that_does_not_ask_for_remedies_tries_none(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    toolchain = crossing.setting.matrix.toolchains["both"]
    monkeypatch.setitem(crossing.setting.matrix.toolchains, "both", toolchain.model_copy(update={"remedies": ()}))
    made, verdict = tried(crossing, monkeypatch, {**PLAIN, (12, ("auto-cast",)): "pass"})
    assert (made, verdict) == ([(13, ()), (12, ())], "broken")


def test_where_the_artifact_is_wanted_they_are_tried_whatever_the_toolchain_says(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    toolchain = crossing.setting.matrix.toolchains["both"]
    monkeypatch.setitem(crossing.setting.matrix.toolchains, "both", toolchain.model_copy(update={"remedies": ()}))
    crossing.wanted = tmp_path / "wanted"
    made, verdict = tried(crossing, monkeypatch, {**PLAIN, (12, ("auto-cast",)): "pass"})
    assert (made[-1], verdict) == ((12, ("auto-cast",)), "works")


@pytest.mark.parametrize(("folder", "names"), [(".", ("gru-handler", "auto-cast")), ("cases", ("auto-cast",))])
def test_only_a_case_of_the_zoo_is_kept_from_remedies_by_the_cases_of_a_rule(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch, folder: str, names: Sequence[str]
) -> None:
    elsewhere = rule("narrow", "the first obstacle", "gru-handler").model_copy(update={"cases": ("b/*",)})
    everywhere = rule("any", "the first obstacle", "auto-cast")
    monkeypatch.setattr(crossing.setting, "limitations", (elsewhere, everywhere))
    file = crossing.setting.project.root / folder / "zoo.py"
    monkeypatch.setattr(crossing, "case", crossing.case._replace(file=str(file)))
    made, _ = tried(crossing, monkeypatch, PLAIN)
    assert [name for opset, tries in made if opset == 12 for name in tries] == list(names)


def cell(verdict: str, *remedies: str, tried: Sequence[str] = ()) -> dict[str, Any]:
    attempts = [{"remedies": []}, *({"remedies": [name]} for name in tried)]
    return {"verdict": verdict, "remedies": list(remedies), "opset": 12, "attempts": attempts}


def test_a_revision_of_a_remedy_moves_the_key_of_what_it_got_across_and_no_other(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = crossing.key_of(cell("works-with-remedy", "opset-12", "shim:onnx-mapping"), None)
    by = crossing.key_of(cell("works-with-remedy", "auto-cast", "opset-12"), None)
    assert plain == crossing.key != by
    monkeypatch.setattr(importlib.import_module("tfparity.worker.remedies.auto_cast"), "REVISION", 99)
    assert crossing.key_of(cell("works-with-remedy", "opset-12"), None) == plain
    assert crossing.key_of(cell("works-with-remedy", "auto-cast", "opset-12"), None) != by
    assert crossing.key_of(cell("works-with-remedy", "gone-since"), None) not in (plain, by)


def test_a_failure_is_stale_once_a_rule_names_a_remedy_that_it_has_not_tried(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"stage": "convert", "type": "E", "message": "the first obstacle"}
    unknown = {**error, "message": "nothing that a rule explains"}
    tried = cell("broken", tried=["auto-cast", "squeeze-handlers"])
    assert crossing.key_of(cell("broken"), unknown) == crossing.key
    assert crossing.key_of(cell("broken"), error) == crossing.key_of(tried, error) != crossing.key
    before = crossing.key_of(tried, error)
    monkeypatch.setattr(crossing.setting, "limitations", (rule("first", "the first obstacle", "gru-handler"),))
    assert crossing.key_of(tried, error) != before
