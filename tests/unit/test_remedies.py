"""Remedies: what each is, and in which order a failing cell tries them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import builders
import pytest
from builders import attempt, broken, lost_axis, record, standing
from test_keys import CASE, CELL, Keys

from tfparity import paths
from tfparity.engine import assembly
from tfparity.engine.cell_run import CellRun
from tfparity.engine.context import Context
from tfparity.engine.engine import Engine
from tfparity.errors import LimitationError
from tfparity.inputs import case_files as cases
from tfparity.inputs import limitations, matrix
from tfparity.inputs.limitations import Limitation
from tfparity.judging import judge
from tfparity.paths import Cache, Project
from tfparity.planning.keys import Crossing
from tfparity.planning.keys import Keys as CellKeys
from tfparity.planning.remedies import all_left_out, untried
from tfparity.records.cells import Attempt, Cell, Failure
from tfparity.records.vocabulary import Stage
from tfparity.report import remedies as report
from tfparity.worker import plugins, remedies
from tfparity.worker.declare import BATCH
from tfparity.worker.remedies import auto_cast, fixed_axes
from tfparity.worker.targets import tflite_float32

HERE = Path(__file__).parent
EVERY = paths.worker_modules("remedies")


@pytest.mark.parametrize("name", EVERY)
def test_a_remedy_says_what_it_does_and_does_something(name: str) -> None:
    remedy = remedies.load(name)
    assert remedies.described(name).strip()
    assert remedy.revision >= 1
    assert any(remedy[1:])


@pytest.mark.parametrize("name", EVERY)
def test_a_script_finds_the_parts_of_a_remedy_under_their_names(name: str) -> None:
    module = plugins.load(name, remedies.__name__)
    for part, function in remedies.load(name)._asdict().items():
        assert part == "revision" or getattr(module, part, None) is function


def test_every_remedy_is_named_by_a_rule_of_ours_or_by_a_target_and_the_other_way_round() -> None:
    rules = limitations.load(HERE.parents[1] / "limitations.yaml")
    assert {name for rule in rules for name in rule.remedies} | set(tflite_float32.TARGET.remedies) == set(EVERY)


def test_the_page_tells_what_each_remedy_got_across() -> None:
    across = (broken(), attempt(12, remedies=["auto-cast", "explicit-attention"]))
    partly = (broken(), lost_axis(remedies=["auto-cast"]))
    cells = [
        standing(verdict, record(f"blocks/{name}", *attempts, toolchain="tf2.15") if attempts else None)
        for name, verdict, attempts in (
            ("a", "works-with-remedy", across),
            ("b", "partial", partly),
            ("c", "stale", across),
            ("d", "untested", ()),
        )
    ]
    rules = limitations.load(HERE.parents[1] / "limitations.yaml")
    made: Any = SimpleNamespace(cells={"tf2.15": cells}, limitations=rules)
    page = report.page(made)
    assert all(f"[{name}](#{name})" in page for name in EVERY)
    assert "1 cases work by one or more" in page
    assert "| [auto-cast](#auto-cast) | the conversion | 1 | 1 |" in page
    assert "<code>blocks/a</code> (onnx-tf, with explicit-attention, opset-12): tf2.15" in page
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
    assert remedies.load("explicit-attention").at_source
    assert remedies.load("pad-without-gap").at_source
    assert remedies.load("fixed-axes").at_source
    assert not remedies.load("auto-cast").at_source


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

    def __call__(self, opset: int, names: tuple[str, ...] = ()) -> Attempt:
        self.made.append((opset, names))
        text = self.outcomes.get((opset, names), "nothing helped at all")
        made = attempt(opset, remedies=names) if text == "pass" else broken(text, opset, type="E", remedies=names)
        return replace(made, total_seconds=10.0)


def rule(id: str, matches: str, *names: str) -> Limitation:
    return Limitation(id=id, stage="convert", matches=matches, cause="c", link="none found", remedy="r", remedies=names)


RULES = (
    rule("first", "the first obstacle", "auto-cast", "squeeze-handlers"),
    rule("second", "a second obstacle", "gru-handler"),
)


Asked = tuple[CellKeys, Crossing]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The keys of a project with one case at two opsets, and how that crosses."""
    keys = Keys(tmp_path, monkeypatch)
    keys.write("mine.py", "(13,)", "(13, 12)")
    keys.read()
    declared, zoo = matrix.load(tmp_path / "matrix.yaml"), cases.load([tmp_path / "zoo.py"])
    return with_rules(CellKeys(Project(tmp_path), declared, zoo), RULES)


def with_rules(keys: CellKeys, rules: Sequence[Limitation]) -> Asked:
    """The same project under other rules."""
    made = CellKeys(keys.project, keys.matrix, keys.cases, rules)
    return made, made.crossing(CELL)


def tried(
    asked: Asked,
    outcomes: Mapping[tuple[int, tuple[str, ...]], str],
    *,
    remedies: bool = True,
    seconds: float = 100.0,
) -> tuple[Sequence[tuple[int, tuple[str, ...]]], str, list[Attempt]]:
    """What is attempted, in its order, the verdict of the cell, and the attempts. Each takes 10 s."""
    keys, crossing = asked

    def named(one: Attempt) -> tuple[str, ...]:
        return keys.remedies_named(crossing, one.error, one.opset, one.remedies)

    attempts = Attempts(outcomes)
    unused: Any = None
    given = {"remedies": named if remedies else None, "remedy_seconds": seconds}
    run = CellRun(crossing.way.opsets, unused, unused, unused, Path(), unused, **given)
    monkeypatched: Any = run
    monkeypatched.attempt = attempts
    made = run.attempts()
    return attempts.made, judge.verdict(judge.decisive(made)), made


PLAIN = {(13, ()): "the first obstacle", (12, ()): "the first obstacle"}


def test_what_works_plainly_tries_no_remedy(asked: Asked) -> None:
    assert tried(asked, {(13, ()): "pass"})[:2] == ([(13, ())], "works")


def test_a_remedy_is_tried_at_the_opset_of_the_failure_first(asked: Asked) -> None:
    made, verdict, _ = tried(asked, {**PLAIN, (12, ("auto-cast",)): "pass"})
    assert (made, verdict) == ([(13, ()), (12, ()), (12, ("auto-cast",))], "works")


def test_the_second_remedy_of_a_rule_is_tried_where_the_first_does_not_help(asked: Asked) -> None:
    made, verdict, _ = tried(asked, {**PLAIN, (13, ("squeeze-handlers",)): "pass"})
    assert made[2:] == [
        (12, ("auto-cast",)),
        (13, ("auto-cast",)),
        (12, ("squeeze-handlers",)),
        (13, ("squeeze-handlers",)),
    ]
    assert verdict == "works"


def test_what_bars_the_way_behind_a_remedy_gets_one_of_its_own(asked: Asked) -> None:
    behind = {(12, ("auto-cast",)): "a second obstacle", (12, ("auto-cast", "gru-handler")): "pass"}
    made, verdict, _ = tried(asked, {**PLAIN, **behind})
    assert (made[2:], verdict) == ([(12, ("auto-cast",)), (12, ("auto-cast", "gru-handler"))], "works")


def test_a_cell_that_no_remedy_gets_across_is_broken_by_what_bars_the_plain_way(asked: Asked) -> None:
    _, verdict, made = tried(asked, PLAIN)
    best = judge.decisive(made)
    assert len(made) == 6
    assert best.error is not None
    assert (verdict, best.remedies, best.error.message) == ("broken", (), "the first obstacle")


def test_where_a_chain_of_remedies_leads_nowhere_the_next_of_the_rule_is_tried(asked: Asked) -> None:
    behind = {(12, ("auto-cast",)): "a second obstacle"}
    made, verdict, _ = tried(asked, {**PLAIN, **behind, (12, ("squeeze-handlers",)): "pass"})
    assert [names for _, names in made] == [
        *((), ()),
        ("auto-cast",),
        *(("auto-cast", "gru-handler"),) * 2,
        ("squeeze-handlers",),
    ]
    assert verdict == "works"


def test_remedies_that_the_time_limit_leaves_out_stand_in_the_evidence(asked: Asked) -> None:
    made, verdict, attempts = tried(asked, PLAIN, seconds=20.0)
    assert (made[2:], verdict) == ([(12, ("auto-cast",)), (13, ("auto-cast",))], "broken")
    left = attempts[-1]
    assert (left.opset, left.remedies, left.outcome, left.stage) == (12, ("squeeze-handlers",), "skipped", "convert")
    assert left.error is not None
    assert "20 s of remedy-seconds" in left.error.message
    cell = judge.cell(*CELL.place, attempts, shims=())
    assert (untried(cell, RULES[0].remedies), all_left_out(cell)) == ((), ("squeeze-handlers",))


def test_the_time_limit_stops_no_attempt_without_remedies(asked: Asked) -> None:
    made, _, attempts = tried(asked, PLAIN, seconds=0.001)
    assert made[:2] == [(13, ()), (12, ())]
    assert {one.remedies for one in attempts if one.outcome == "skipped"} == {("squeeze-handlers",)}


def test_a_toolchain_may_name_the_cases_that_alone_try_remedies(asked: Asked) -> None:
    keys, _ = asked
    assert keys.tries_remedies(CELL)
    toolchain = keys.matrix.toolchains["both"]
    for globs in (("b/*",), ()):
        keys.matrix.toolchains["both"] = toolchain.model_copy(update={"remedies": globs})
        assert not keys.tries_remedies(CELL)
        assert keys.untried(CELL, failing(), FIRST) == ()
    made, verdict, _ = tried(asked, {**PLAIN, (12, ("auto-cast",)): "pass"}, remedies=False)
    assert (made, verdict) == ([(13, ()), (12, ())], "broken")


@pytest.mark.parametrize("asks", [True, False])
def test_where_the_artifact_is_wanted_they_are_tried_whatever_the_toolchain_says(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    keys, _ = asked
    globs = ("a/*",) if asks else ()
    keys.matrix.toolchains["both"] = keys.matrix.toolchains["both"].model_copy(update={"remedies": globs})
    opened: list[bool] = []

    def of_planned(*_: object, tries_remedies: bool) -> Any:
        opened.append(tries_remedies)
        return SimpleNamespace(attempts=lambda: [broken()], opsets=())

    monkeypatch.setattr(assembly, "of_planned", of_planned)
    engine = Engine(Context(keys.project, keys.matrix, keys.cases, Cache(tmp_path / "cache"), keys=keys))
    assert engine.artifact(CELL, ()).folder is None
    assert list(engine.exports(CELL)) == []
    assert opened == [True, False]


@pytest.mark.parametrize(("folder", "names"), [(".", ("gru-handler", "auto-cast")), ("cases", ("auto-cast",))])
def test_only_a_case_of_the_zoo_is_kept_from_remedies_by_the_cases_of_a_rule(
    asked: Asked, folder: str, names: Sequence[str]
) -> None:
    elsewhere = rule("narrow", "the first obstacle", "gru-handler").model_copy(update={"cases": ("b/*",)})
    everywhere = rule("any", "the first obstacle", "auto-cast")
    keys, crossing = with_rules(asked[0], (elsewhere, everywhere))
    case = crossing.case._replace(file=str(keys.project.root / folder / "zoo.py"))
    moved = CellKeys(keys.project, keys.matrix, {case.id: case}, keys.limitations)
    made, *_ = tried((moved, replace(crossing, case=case)), PLAIN)
    assert [name for opset, tries in made if opset == 12 for name in tries] == list(names)


FIRST = Failure(Stage.CONVERT, "E", "the first obstacle")


def key_of(asked: Asked, cell: Cell) -> str:
    return asked[0].cell(CELL, cell)


def by(*remedies: str) -> Cell:
    """A cell that works by these."""
    return builders.cell(CELL.case, attempt(remedies=remedies), route=CELL.route, toolchain=CELL.toolchain)


def failing(*tried: str) -> Cell:
    """A cell that is broken, whatever was tried."""
    made = [broken(), *(broken(remedies=(name,)) for name in tried)]
    return builders.cell(CELL.case, *made, route=CELL.route, toolchain=CELL.toolchain)


def test_a_revision_of_a_remedy_moves_the_key_of_what_it_converts_and_no_other(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, mended = key_of(asked, by()), key_of(asked, by("auto-cast"))
    assert plain != mended
    monkeypatch.setattr(auto_cast, "REMEDY", auto_cast.REMEDY._replace(revision=99))
    raised = with_rules(asked[0], RULES)
    assert key_of(raised, by()) == plain
    assert key_of(raised, by("auto-cast")) != mended
    assert key_of(raised, by("gone-since")) not in (plain, mended)


def test_a_failure_rests_on_the_remedies_that_it_tried_and_not_on_what_rules_name(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = failing("auto-cast")
    before = key_of(asked, tried)
    assert before != key_of(asked, failing())
    other = with_rules(asked[0], (rule("first", "the first obstacle", "gru-handler"),))
    assert (key_of(other, tried), key_of(other, failing())) == (before, key_of(asked, failing()))
    monkeypatch.setattr(auto_cast, "REMEDY", auto_cast.REMEDY._replace(revision=99))
    assert key_of(with_rules(asked[0], RULES), tried) != before


@pytest.mark.parametrize(
    ("cell", "error", "left"),
    [
        (failing(), FIRST, ("auto-cast", "squeeze-handlers")),
        (failing("auto-cast"), FIRST, ("squeeze-handlers",)),
        (failing("auto-cast", "squeeze-handlers"), FIRST, ()),
        (failing("gru-handler"), FIRST, ("auto-cast", "squeeze-handlers")),
        (failing(), Failure(Stage.CONVERT, "E", "nothing that a rule explains"), ()),
        (failing(), None, ()),
        (by("auto-cast"), FIRST, ()),
    ],
)
def test_what_a_failing_cell_has_still_to_try(
    asked: Asked, cell: Cell, error: Failure | None, left: Sequence[str]
) -> None:
    assert asked[0].untried(CELL, cell, error) == tuple(left)


def test_a_partial_cell_has_to_try_what_its_rule_names_beyond_what_it_took() -> None:
    partly = builders.cell("a/b", broken(), lost_axis(remedies=["a"]), lost_axis(remedies=["a", "b"]))
    assert (partly.verdict, partly.named) == ("partial", ("a",))
    assert untried(partly, ("a", "b", "c")) == ("c",)
    most = builders.cell("a/b", lost_axis(remedies=["a", "b", "c"]))
    assert untried(most, ("d",)) == ()


def test_our_own_matrix_keeps_no_case_from_its_remedies() -> None:
    declared = matrix.load(HERE.parents[1] / "matrix.yaml")
    assert {toolchain.remedies for toolchain in declared.toolchains.values()} == {("*",)}
