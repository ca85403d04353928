"""An upgrade says of each cell one word, groups by the reason, and counts nothing that one side has no result for."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import builders
import pytest
import small_project
from builders import attempt, broken, lost_axis
from pydantic import TypeAdapter
from small_project import current

from tfparity import cli
from tfparity.errors import EvidenceError, UsageError
from tfparity.evidence import latency
from tfparity.evidence.latency import Latency
from tfparity.features.session import Session
from tfparity.features.upgrade import answers, examples, html, lines, markdown, outputs, sides, terminal
from tfparity.features.upgrade.across import Ways
from tfparity.features.upgrade.compare import Answer, Change, changed, compare
from tfparity.features.upgrade.groups import grouped
from tfparity.features.upgrade.kinds import EXIT_CODES, MEANINGS, NO_ANSWER, Kind
from tfparity.features.upgrade.report import Across, Package, Side, Upgrade
from tfparity.features.upgrade.times import Recording, recorded, times
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import Attempt, Cell, CellRecord, Failure, PlannedCell
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import terminal as consoles

PLACE = ("a/model", "onnx-tf")
RULE = builders.rule()
WORKS = attempt(dynamic={"batch": True, "height": True})
UNSQUEEZE = broken()
GRU = broken("GRU with linear_before_reset is not supported.")
NO_TENSORFLOW = attempt(None, "import", "fail", "import onnx_tf: No module named 'tf_keras'", "ModuleNotFoundError")
AXIS = lost_axis("height")


def answer(*attempts: Attempt, shims: Sequence[str] = (), explained: bool = False, **changed: Any) -> Answer:
    """What a side says of a cell that these attempts make; one that works without any."""
    made = attempts or (WORKS,)
    cell: Cell = replace(builders.cell("a/model", *made, shims=shims), **changed)
    failures = {one.error.fingerprint: one.error for one in made if one.error}
    error = failures.get(cell.error or "")
    return Answer(
        cell.verdict,
        cell=cell,
        error=error,
        limitation=RULE if explained else None,
        max_abs=cell.max_abs,
        first=next(iter(failures.values()), None),
        first_rule=RULE if failures else None,
    )


def nothing(verdict: str, reason: str | None = None) -> Answer:
    return Answer(Verdict(verdict), reason)


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (answer(), answer(), "same"),
        (answer(), answer(UNSQUEEZE), "regressed"),
        (answer(), answer(AXIS), "regressed"),
        (answer(), answer(attempt(13, "convert", "crash", "ended by SIGSEGV", "Signal")), "regressed"),
        (answer(), answer(UNSQUEEZE, attempt(12)), "regressed"),
        (answer(), answer(NO_TENSORFLOW), "environment-broken"),
        (answer(GRU), answer(NO_TENSORFLOW), "changed-failure"),
        (answer(GRU), nothing("unresolvable", "no version of torch"), "changed-failure"),
        (answer(AXIS), answer(NO_TENSORFLOW), "environment-broken"),
        (answer(), nothing("unresolvable", "no version of torch"), "environment-broken"),
        (answer(NO_TENSORFLOW), nothing("unresolvable", "no version of torch"), "same"),
        (answer(NO_TENSORFLOW), answer(), "fixed"),
        (nothing("unresolvable", "no version of torch"), answer(), "fixed"),
        (nothing("unresolvable", "no version of torch"), answer(GRU), "changed-failure"),
        (answer(), nothing("not-applicable", "needs torch>=2"), "missing"),
        (answer(GRU), nothing("not-applicable", "needs torch>=2"), "same"),
        (nothing("not-applicable", "needs torch>=2"), answer(), "new"),
        (nothing("not-applicable", "needs torch>=2"), answer(GRU), "new"),
        (nothing("not-applicable", "needs torch>=2"), answer(NO_TENSORFLOW), "same"),
        (answer(GRU), answer(), "fixed"),
        (answer(UNSQUEEZE, attempt(12)), answer(), "fixed"),
        (answer(GRU), answer(AXIS), "fixed"),
        (answer(GRU), answer(UNSQUEEZE), "changed-failure"),
        (answer(GRU), answer(GRU), "same"),
        (answer(), answer(grade=Grade.WITHIN_1E5, max_abs=1e-4), "less-exact"),
        (answer(grade=Grade.WITHIN_1E5, max_abs=1e-4), answer(), "same"),
        # One order of a failure's text moved, its rule did not.
        (
            answer(GRU, explained=True, limitation=RULE.id),
            answer(broken("node 7: GRU with linear_before_reset"), explained=True, limitation=RULE.id),
            "same",
        ),
        # Whoever adopts a toolchain adopts its shims.
        (answer(), answer(shims=("legacy-keras",)), "same"),
        (answer(), answer(UNSQUEEZE, attempt(12), shims=("legacy-keras",)), "regressed"),
    ],
)
def test_a_cell_has_one_word(was: Answer, now: Answer, kind: str) -> None:
    found, unknown = compare({PLACE: was}, {PLACE: now})
    assert ([change.kind for change in found], unknown) == ([Kind(kind)], [])
    assert bool(found[0].message) is (kind != "same" or not (was.cell and now.cell))


@pytest.mark.parametrize("verdict", ["untested", "stale"])
def test_nothing_is_said_of_a_cell_that_one_side_has_no_current_result_for(verdict: str) -> None:
    for was, now in ((answer(), nothing(verdict)), (nothing(verdict), answer(GRU)), (nothing(verdict),) * 2):
        assert compare({PLACE: was}, {PLACE: now}) == ([], [PLACE])


def test_a_cell_that_neither_side_can_have_does_not_count() -> None:
    assert compare({PLACE: nothing("not-applicable")}, {PLACE: nothing("unresolvable")}) == ([], [])
    assert compare({PLACE: nothing("not-applicable")}, {}) == ([], [])


def test_a_route_of_one_side_alone_is_missing_or_new() -> None:
    assert [change.kind for change in compare({PLACE: answer()}, {})[0]] == [Kind.MISSING]
    assert [change.kind for change in compare({}, {PLACE: answer()})[0]] == [Kind.NEW]


def test_the_time_counts_where_nothing_else_differs() -> None:
    def times(_: object) -> tuple[str, bool]:
        return "1.30 times as long", True

    def faster(_: object) -> tuple[str, bool]:
        return "0.70 times as long", False

    assert changed(PLACE, answer(), answer(), times).kind is Kind.SLOWER
    assert changed(PLACE, answer(), answer(), faster).kind is Kind.FASTER
    assert changed(PLACE, answer(), answer(UNSQUEEZE), times).kind is Kind.REGRESSED


def test_a_remedy_that_is_needed_now_is_grouped_by_what_a_plain_conversion_meets() -> None:
    change = changed(PLACE, answer(), answer(UNSQUEEZE, attempt(12)))
    assert (change.rule, change.failure) == (RULE, UNSQUEEZE.error)
    assert change.message == "works-with-remedy instead of works"


def test_every_word_has_a_meaning_and_what_is_worse_a_code() -> None:
    assert set(MEANINGS) == set(Kind)
    assert set(EXIT_CODES) <= set(Kind)
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)
    assert Kind.SAME.exit_code == Kind.CHANGED_FAILURE.exit_code == Kind.FIXED.exit_code == 0


# Groups


def change(case: str, kind: Kind, failure: Failure | None = None, **given: Any) -> Change:
    return Change(case, "onnx-tf", kind, "said", answer(), answer(), failure=failure, **given)


def no_ways(_: Sequence[Change]) -> tuple[Across, ...]:
    return ()


def test_the_worst_word_stands_first_and_of_one_word_the_group_of_most_models() -> None:
    gru, other = GRU.error, UNSQUEEZE.error
    found = grouped(
        [
            change("a/1", Kind.FIXED),
            change("a/2", Kind.REGRESSED, gru),
            change("a/3", Kind.REGRESSED, other),
            change("a/4", Kind.REGRESSED, other),
            change("a/5", Kind.ENVIRONMENT_BROKEN, Failure(Stage.RESOLVE, "Unresolvable", "no")),
            change("a/6", Kind.SAME),
        ],
        no_ways,
    )
    assert [(group.kind.value, group.models) for group in found] == [
        ("environment-broken", 1),
        ("regressed", 2),
        ("regressed", 1),
        ("fixed", 1),
    ]


def test_the_headline_counts_what_worked_and_what_was_broken_on_base_is_not_worse(project: Project) -> None:
    broken_here = [attempt(None, "import", "fail", "No module named 'keras'", "ModuleNotFoundError")]
    record(zoo("add", toolchain="old"), zoo("gru", UNSQUEEZE, toolchain="old"), zoo("gelu", UNSQUEEZE, toolchain="old"))
    record(*(zoo(case, *broken_here, toolchain="new") for case in ("add", "gru", "gelu")))
    of = "new is worse for 1 model: of 3 cells known on both sides, 1 environment-broken"
    moves = "; beside torch 1.13.1 → 2.15.0 it also moves Python 3.10 → 3.11."
    assert compared("old", "new").verdict == of + moves
    assert compared("old", "new").counts["changed-failure"] == 2
    assert compared("old", "new", case_globs=("zoo/add",)).verdict == of.replace("3 cells", "1 cell") + moves
    only_broken = compared("old", "new", case_globs=("zoo/gru",))
    assert only_broken.exit_code == 0
    assert only_broken.verdict == f"Nothing is worse on new: of 1 cell known on both sides, 1 changed-failure{moves}"


def test_the_same_rule_is_one_group_whatever_the_text_of_the_error() -> None:
    both = [
        change("a/1", Kind.REGRESSED, GRU.error, rule=RULE),
        change("a/2", Kind.REGRESSED, UNSQUEEZE.error, rule=RULE),
    ]
    (group,) = grouped(both, no_ways)
    assert (group.models, group.limitation, group.cause, group.remedy) == (2, RULE.id, "c", "r")
    assert group.link is None  # "none found" is no link


def test_models_that_need_more_of_a_package_are_one_group() -> None:
    found = [
        replace(change(f"a/{n}", Kind.MISSING), head=nothing("not-applicable", f"needs torch>=2.{n}, head has 2.2.2"))
        for n in (4, 5)
    ]
    (group,) = grouped(found, no_ways)
    assert (group.title, group.models) == ("needs another torch than the 2.2.2 that head has", 2)


# Over a project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def zoo(case: str, *attempts: Attempt, toolchain: str) -> CellRecord:
    return small_project.record(case, *(attempts or (WORKS,)), toolchain=toolchain)


def record(*records: CellRecord) -> None:
    Session(small_project.EVERYTHING).recorder.record(current(*records))


def compared(base: str, *head: str, **choice: Any) -> Upgrade:
    return upgrade(*sides.read(base, head, Choice(**choice)))


def test_two_recorded_toolchains_are_compared_without_a_run(project: Project) -> None:
    record(zoo("add", toolchain="old"), zoo("gru", toolchain="old"), zoo("mish", toolchain="old"))
    record(zoo("add", toolchain="new"), zoo("gru", UNSQUEEZE, toolchain="new"), zoo("relu", toolchain="new"))
    said = compared("old", "new")
    assert {kind: count for kind, count in said.counts.items() if count} == {"same": 1, "regressed": 1, "new": 1}
    assert said.exit_code == 30
    # mish is recorded on one side; gelu on none; onnx-tf-dynamo needs what the toolchains have not.
    assert (said.rests.compared, said.rests.base_only, said.rests.head_only, said.rests.neither) == (3, 1, 0, 1)
    assert said.verdict.startswith("new is worse for 1 model: of 3 cells known on both sides, 1 regressed")
    assert [(one.name, one.base, one.head) for one in said.packages] == [("torch", "1.13.1", "2.15.0")]


def test_of_a_side_that_cannot_be_resolved_no_package_is_called_gone(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its pins would have brought nobody knows."""
    monkeypatch.setitem(builders.PACKAGES, "keras", "2.15.0")
    record(zoo("add", toolchain="old"))
    for base, head, moved in (("old", "never", ("1.13.1", "2.16.0")), ("never", "old", ("2.16.0", "1.13.1"))):
        said = compared(base, head)
        assert [(one.name, one.base, one.head) for one in said.packages] == [("torch", *moved)]


def test_a_toolchain_against_itself_has_nothing_to_say(project: Project) -> None:
    record(zoo("add", toolchain="old"), zoo("gru", UNSQUEEZE, toolchain="old"))
    said = compared("old", "old")
    assert (said.exit_code, said.groups, said.counts["same"]) == (0, (), 2)
    assert said.verdict == "Nothing changes on old: 2 cells known on both sides, all the same."


def test_a_set_that_cannot_be_resolved_is_told_by_the_resolvers_reason(project: Project) -> None:
    record(zoo("add", toolchain="old"), zoo("gru", UNSQUEEZE, toolchain="old"))
    said = compared("old", "never")
    group, other = said.groups
    assert (said.exit_code, group.kind, group.models) == (37, "environment-broken", 1)
    assert (other.kind, other.models) == ("changed-failure", 1)
    assert "no version of torch 2.16" in group.title
    assert said.head.refusal == "no version of torch 2.16"


def test_a_recorded_case_that_is_no_more_is_missing(project: Project) -> None:
    record(zoo("add", toolchain="old"), zoo("add", toolchain="new"))
    gone = builders.record("zoo/gone", WORKS, toolchain="old")
    Session(small_project.EVERYTHING).recorder.record([*current(zoo("add", toolchain="old")), gone])
    for head in ("new", "old"):
        said = compared("old", head)
        assert (said.exit_code, [cell.case for group in said.groups for cell in group.cells]) == (31, ["zoo/gone"])
    assert compared("old", "new", case_globs=("zoo/add",)).groups == ()


def test_nothing_known_of_both_is_said_so(project: Project) -> None:
    said = compared("old", "new")
    assert "nothing can be said" in said.verdict
    assert (said.exit_code, said.rests.compared) == (NO_ANSWER, 0)


def test_another_toolchain_that_gets_across_is_named_with_what_it_adds(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = project.matrix.read_text()
    newest = (
        "  - {id: shimmed, python: '3.11', as-of: 2026-11-20, shims: [legacy-keras],"
        " pins: {torch: 2.15.0, tf-keras: 2.16.0}}\n"
    )
    project.matrix.write_text(text.replace("{torch: 1.13.1}", "{torch: 1.13.1, tensorflow: 2.15.1}") + newest)
    project.matrix.write_text(
        project.matrix.read_text().replace("{torch: 2.15.0", "{torch: 2.15.0, tensorflow: 2.16.1")
    )
    record(*(zoo(case, toolchain="old") for case in ("add", "gru")))
    record(*(zoo(case, UNSQUEEZE, toolchain="new") for case in ("add", "gru")))
    record(small_project.record("gru", WORKS, toolchain="shimmed", shims=("legacy-keras",)))
    (group,) = compared("old", "new").groups
    assert group.limitation == "unsqueeze"
    assert group.across == (
        Across("toolchain", "shimmed", "onnx-tf", 1, 2, shims=("legacy-keras",), packages=("tf-keras 2.16.0",)),
    )


def test_a_toolchain_that_lacks_what_head_raises_gets_nobody_across(project: Project) -> None:
    text = project.matrix.read_text()
    project.matrix.write_text(text + "  - {id: older, python: '3.11', as-of: 2026-11-20, pins: {torch: 2.0.1}}\n")
    record(zoo("add", toolchain="old"), zoo("add", UNSQUEEZE, toolchain="new"), zoo("add", toolchain="older"))
    (group,) = compared("old", "new").groups
    assert group.across == ()


def test_of_ways_that_get_as_many_across_the_same_one_is_named_each_time(project: Project) -> None:
    """Whatever order sets of names have in this process."""
    session, both = Session(small_project.EVERYTHING), sides.named("old", "new")
    ways = Ways(session, both, {})
    routes = ["onnx-tf-dynamo", "onnx-tf"]
    for order in (routes, routes[::-1]):
        assert ways._named(Counter({("never", route): 2 for route in order}), 2)[0].route == "onnx-tf"


# With a run


class Runs:
    """Runs cells as planned: what each comes to, time after time; keeps what it was asked."""

    def __init__(self, **attempts: Sequence[Attempt]) -> None:
        self.attempts = attempts
        self.asked: list[tuple[str, bool]] = []

    def __call__(self, cells: Sequence[PlannedCell], *, again: bool) -> list[CellRecord]:
        self.asked += [(cell.id, again) for cell in cells]
        made = []
        for cell in cells:
            name = f"{cell.toolchain}_{cell.case.rpartition('/')[2]}"
            times = sum(id == cell.id for id, _ in self.asked)
            planned = self.attempts.get(name, (WORKS,))
            one = planned[min(times, len(planned)) - 1]
            made.append(small_project.record(cell.case.rpartition("/")[2], one, toolchain=cell.toolchain))
        return current(*made)


def run(carry: Runs, **choice: Any) -> Upgrade:
    session, both = sides.read("old", ["new"], Choice(**{"case_globs": ("zoo/add", "zoo/gru"), **choice}))
    return upgrade(session, both, carry)


def test_only_what_is_not_recorded_is_run_and_a_difference_that_repeats_counts(project: Project) -> None:
    record(zoo("add", toolchain="old"), zoo("add", toolchain="new"), zoo("gru", toolchain="old"))
    carry = Runs(new_gru=[UNSQUEEZE])
    said = run(carry)
    assert carry.asked == [
        ("new/zoo/gru/onnx-tf", False),
        ("old/zoo/gru/onnx-tf", True),
        ("new/zoo/gru/onnx-tf", True),
    ]
    assert (said.exit_code, said.counts["regressed"], said.rests.ran) == (30, 1, 1)


@pytest.mark.parametrize(
    "attempts",
    [
        {"new_gru": [UNSQUEEZE, WORKS]},
        {"new_gru": [UNSQUEEZE, GRU]},
        {"old_gru": [WORKS, UNSQUEEZE], "new_gru": [UNSQUEEZE]},
    ],
)
def test_a_difference_that_does_not_repeat_is_flaky(project: Project, attempts: dict[str, Sequence[Attempt]]) -> None:
    said = run(Runs(**attempts))
    assert (said.exit_code, said.counts["flaky"], said.counts["regressed"]) == (40, 1, 0)
    (group,) = said.groups
    assert group.cells[0].message.startswith("first: regressed (")


@pytest.mark.parametrize(("head", "kind"), [(WORKS, "same"), (GRU, "regressed")])
def test_a_record_of_before_a_remedy_was_named_makes_no_cell_flaky(project: Project, head: Attempt, kind: str) -> None:
    record(zoo("gru", UNSQUEEZE, toolchain="old"))
    project.limitations.write_text(small_project.RULE + "  remedies: [auto-cast]\n")
    said = run(Runs(old_gru=[WORKS], new_gru=[head]), case_globs=("zoo/gru",))
    assert {word: count for word, count in said.counts.items() if count} == {kind: 1}


@pytest.mark.parametrize("head", [[GRU, WORKS], [WORKS, GRU]])
def test_beside_such_a_record_what_differs_between_two_runs_is_flaky_still(
    project: Project, head: Sequence[Attempt]
) -> None:
    record(zoo("gru", UNSQUEEZE, toolchain="old"))
    project.limitations.write_text(small_project.RULE + "  remedies: [auto-cast]\n")
    said = run(Runs(old_gru=[WORKS], new_gru=head), case_globs=("zoo/gru",))
    assert (said.exit_code, said.counts["flaky"]) == (40, 1)


def test_of_a_toolchain_against_itself_two_runs_are_compared(project: Project) -> None:
    session, both = sides.read("old", ["old"], Choice(case_globs=("zoo/add", "zoo/gru")))
    assert upgrade(session, both, Runs()).groups == ()
    said = upgrade(session, both, Runs(old_gru=[WORKS, UNSQUEEZE]))
    assert (said.exit_code, said.counts["flaky"]) == (40, 1)


def test_what_ran_is_recorded_in_a_folder_of_ones_own_alone(project: Project, tmp_path: Path) -> None:
    run(Runs(new_gru=[UNSQUEEZE, WORKS]))
    assert not project.results.exists()
    mine = tmp_path / "mine"
    run(Runs(new_gru=[UNSQUEEZE, WORKS]), results=mine)
    recorded = json.loads((mine / "new.json").read_text())
    assert [cell["case"] for cell in recorded["cells"]] == ["zoo/add"]  # the flaky one is not
    carry = Runs()
    run(carry, results=mine)
    assert {id for id, _ in carry.asked} == {"old/zoo/gru/onnx-tf", "new/zoo/gru/onnx-tf"}


# What is asked for, and what is written


def test_an_unknown_toolchain_is_refused_with_the_one_that_is_meant(project: Project) -> None:
    with pytest.raises(UsageError, match=r"no toolchain 'neu' in matrix\.yaml, did you mean 'new'"):
        compared("old", "neu")


TRICKY = "\x1b[31mred\x1b[0m <script>alert(1)</script> | `pipe` -->"


@pytest.fixture
def tricky(project: Project) -> Upgrade:
    """A report with text of a converter that means something to every format."""
    record(zoo("add", toolchain="old"), zoo("gru", toolchain="old"))
    record(zoo("add", toolchain="new"), zoo("gru", broken(TRICKY), toolchain="new"))
    return compared("old", "new")


class Tags(HTMLParser):
    """The tags of a page, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_escapes_what_a_converter_says(tricky: Upgrade) -> None:
    page = html.page(tricky)
    read = Tags()
    read.feed(page)
    assert "script" not in read.tags
    assert read.addresses == []
    assert "&lt;script&gt;" in page
    assert "zoo/gru" in page


def test_markdown_and_terminal_show_no_tag_and_no_control(tricky: Upgrade, capsys: pytest.CaptureFixture[str]) -> None:
    page = markdown.page(tricky)
    assert page.startswith("# old → new\n\n")
    assert "nox -s upgrade -- old new" in page.split("\n\n")[1]
    assert "<script" not in page
    terminal.show(consoles.console(sys.stdout, colours=False), tricky)
    said = capsys.readouterr().out
    assert "\x1b" not in said + page
    assert said.splitlines()[0] == tricky.verdict
    assert said.splitlines()[-1] == f"upgrade: exit code 30, regressed: {MEANINGS[Kind.REGRESSED]}"


def test_junit_has_a_failure_for_each_cell_that_is_worse(tricky: Upgrade) -> None:
    suite = ElementTree.fromstring(outputs.FORMATS["junit"](tricky)).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    (failure,) = suite.iter("failure")
    assert failure.get("type") == "regressed"


def test_json_reads_back_as_the_report(tricky: Upgrade) -> None:
    assert TypeAdapter(Upgrade).validate_json(outputs.as_json(tricky)) == tricky


def test_the_retry_list_is_taken_back(tricky: Upgrade, tmp_path: Path, project: Project) -> None:
    outputs.write(tricky, {"retry": tmp_path / "out" / "retry.txt"})
    again = compared("old", "new", case_globs=(f"@{tmp_path / 'out' / 'retry.txt'}",))
    assert again.counts["regressed"] == again.rests.compared == 1


def worse(report: Upgrade) -> int:
    """How many cells the verdict calls worse, of every word that counts."""
    words = "|".join(kind.value for kind in Kind if kind.exit_code)
    told = report.verdict.partition("known on both sides, ")[2].partition(";")[0]
    return sum(int(count) for count in re.findall(rf"(\d+) (?:{words})\b", told))


@pytest.mark.parametrize("head", ["new", "never"])
def test_every_output_counts_the_same_cells_as_worse(
    project: Project, capsys: pytest.CaptureFixture[str], head: str
) -> None:
    """Also of models that were broken on BASE, which another failure of HEAD makes no worse."""
    for name, was, now in (("add", WORKS, NO_TENSORFLOW), ("gelu", AXIS, NO_TENSORFLOW), ("gru", GRU, NO_TENSORFLOW)):
        record(zoo(name, was, toolchain="old"), zoo(name, now, toolchain="new"))
    record(zoo("mish", toolchain="old"), zoo("mish", UNSQUEEZE, toolchain="new"))
    said = compared("old", head)
    count = worse(said)
    assert count == 3
    assert sum(said.counts[kind] for kind in Kind if kind.exit_code) == count
    assert sum(len(group.cells) for group in said.groups if group.kind.exit_code) == count
    lines = outputs.retry(said).splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == count
    assert "zoo/gru onnx-tf" not in lines
    suite = ElementTree.fromstring(outputs.FORMATS["junit"](said)).find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), len(list(suite.iter("failure")))) == (str(count), count)
    assert [one.get("value") for one in suite.iter("property")] == [said.verdict]
    document = json.loads(outputs.as_json(said))
    assert sum(document["counts"][kind] for kind in EXIT_CODES) == count
    terminal.show(consoles.console(sys.stdout, colours=False), said)
    for page, heading in (
        (markdown.page(said), r"^## ([a-z-]+) \((\d+)\)"),
        (html.page(said), r"<h2>([a-z-]+) \((\d+)\)"),
        (capsys.readouterr().out, r"^([a-z-]+) \((\d+)\): "),
    ):
        headed = {kind: int(number) for kind, number in re.findall(heading, page, re.MULTILINE)}
        assert {kind: number for kind, number in headed.items() if Kind(kind).exit_code} == {
            kind.value: said.counts[kind] for kind in Kind if kind.exit_code and said.counts[kind]
        }


def test_no_output_speaks_of_one_as_of_several(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    record(zoo("add", toolchain="old"), zoo("gru", toolchain="old"), zoo("mish", toolchain="old"))
    record(zoo("add", toolchain="new"), zoo("gru", UNSQUEEZE, toolchain="new"))
    for asked in ({}, {"case_globs": ("zoo/add",)}, {"case_globs": ("zoo/mish",)}):
        said = compared("old", "new", **asked)
        terminal.show(consoles.console(sys.stdout, colours=False), said)
        pages = [writes(said) for name, writes in outputs.FORMATS.items() if name != "flaky"]
        for page in [*pages, capsys.readouterr().out]:
            assert (
                re.findall(r"(?<![\d.,])1 (?:cells|models|mixtures|others|environments)|\b1 .{0,30}\bwere\b", page)
                == []
            )


def test_what_moves_beside_what_was_asked_is_in_the_verdict_of_every_format(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    record(zoo("add", toolchain="old"), zoo("add", UNSQUEEZE, toolchain="new"))
    said = compared("old", "new")
    assert said.verdict.endswith("; beside torch 1.13.1 → 2.15.0 it also moves Python 3.10 → 3.11.")
    terminal.show(consoles.console(sys.stdout, colours=False), said)
    pages = [outputs.FORMATS[name](said) for name in ("markdown", "json", "html", "junit")]
    for page in [*pages, capsys.readouterr().out]:
        assert "it also moves Python 3.10 " in page


@pytest.mark.parametrize(
    ("asked", "base", "head", "moved", "said"),
    [
        ((), "tf2.15-torch2.6", "tf2.15-onnx1.19", ["onnx", "torch"], "; beside onnx 1 → 2 it also moves torch 1 → 2"),
        ((), "tf2.15-a", "tf2.16-a", ["keras", "tensorflow"], "; beside tensorflow 1 → 2 it also moves keras 1 → 2"),
        ((), "own", "other", ["torch"], ""),
        ((), "own", "other", ["a", "torch"], "; beside torch 1 → 2 it also moves a 1 → 2"),
        (("numpy",), "a", "adhoc_0", ["numpy"], ""),
        (("numpy",), "a", "adhoc_0", ["numpy", "torch"], "; beside numpy 1 → 2 it also moves torch 1 → 2"),
        (("numpy",), "a", "adhoc_0", ["torch"], "; it also moves torch 1 → 2"),
        (
            ("a",),
            "a",
            "adhoc_0",
            [*"abcde", "torch"],
            "; beside a 1 → 2 it also moves torch 1 → 2, b 1 → 2, c 1 → 2 and 2 more",
        ),
        ((), "own", "other", [], ""),
    ],
)
def test_what_moves_beside_is_told_apart_from_what_was_asked(
    asked: tuple[str, ...], base: str, head: str, moved: list[str], said: str
) -> None:
    was, now = (Side(id, id, "3.11", (), None) for id in (base, head))
    assert lines.also(asked, was, now, [Package(name, "1", "2") for name in sorted(moved)]) == said


def test_what_run_runs_is_said_of_the_cells_that_are_not_compared(project: Project, tmp_path: Path) -> None:
    cases = project.cases / "zoo.py"
    first, gelu, rest = cases.read_text().partition('@case("zoo/gelu"')
    cases.write_text(first + gelu + rest.replace('tags={"smoke"}', "", 1))
    record(zoo("add", toolchain="old"), zoo("add", toolchain="new"))

    def told(**choice: Any) -> str:
        asked = Choice(routes=("onnx-tf",), **choice)
        said = upgrade(*sides.read("old", ["new"], asked), tier=sides.tier_to_run(asked))
        return lines.rests(said).partition("; ")[2]

    assert told() == "--run runs 3 of them, the smoke cases, --run --tier all the rest, too."
    assert told(tier="all") == "--run runs them."
    assert told(case_globs=("zoo/gelu",)) == "--run runs it."
    assert told(tier="smoke") == "--run runs them."
    known = [(name, id) for id in ("old", "new") for name in ("gru", "mish")] + [("relu", "new")]
    record(*(zoo(name, toolchain=id) for name, id in known))
    assert told() == "--run --tier all runs them (of the smoke cases, which --run runs, none is missing)."


def test_where_nothing_is_known_what_runs_it_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["upgrade", "old", "new"]) == NO_ANSWER
    assert capsys.readouterr().out.splitlines()[-1].endswith("--run runs what is missing")


def test_the_command_writes_what_is_asked_for_and_ends_with_the_code(
    tricky: Upgrade, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats = set(outputs.FORMATS) - {"flaky"}  # which nothing recorded is
    files = [word for name in formats for word in (f"--{name}", str(tmp_path / "out" / name))]
    assert cli.main(["upgrade", "old", "new", *files]) == 30
    assert {path.name for path in (tmp_path / "out").iterdir()} == formats
    (tmp_path / "flaky.yaml").write_text("as it was")
    assert cli.main(["upgrade", "old", "old", "--flaky", str(tmp_path / "flaky.yaml")]) == 2
    assert (tmp_path / "flaky.yaml").read_text() == "as it was"
    assert tricky.verdict in capsys.readouterr().out
    assert cli.main(["upgrade", "old", "neu", "--json", str(tmp_path / "none" / "x.json")]) == 2
    assert not (tmp_path / "none" / "x.json").exists()


def test_the_command_in_a_report_is_the_one_that_was_typed(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    typed = ["old", "new", "--tier", "core", "--case", "zoo/*", "--case", "zoo/gru onnx-tf", "--no-run"]
    cli.main(["upgrade", *typed, "--jobs", "1", "--json", str(file)])
    assert shlex.split(json.loads(file.read_text())["command"]) == ["nox", "-s", "upgrade", "--", *typed]


def test_every_answer_of_a_record_can_be_read_without_a_run(project: Project) -> None:
    late = builders.not_run("zoo/gru", "untested", "the budget was spent", toolchain="old")
    found = answers.of_records(Session(small_project.EVERYTHING), [*current(zoo("add", toolchain="old")), late])
    assert {place[0]: said.verdict for place, said in found["old"].items()} == {
        "zoo/add": "works",
        "zoo/gru": "untested",
    }


# What is committed

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_is_that_of_the_report() -> None:
    assert json.loads((ROOT / "docs" / "upgrade.schema.json").read_text()) == outputs.json_schema()


def test_a_report_in_docs_is_made_again_where_the_evidence_says_otherwise(project: Project) -> None:
    page = project.docs / "upgrades" / "old_to_new.md"
    page.parent.mkdir(parents=True)
    page.touch()
    record(zoo("add", toolchain="old"), zoo("add", toolchain="new"))
    for check in (True, False):
        assert examples.write(Session(small_project.EVERYTHING), check=check) == [page]
    assert page.read_text().startswith("# old → new\n")
    assert examples.write(Session(small_project.EVERYTHING), check=True) == []
    record(zoo("add", UNSQUEEZE, toolchain="new"))
    assert examples.write(Session(small_project.EVERYTHING), check=True) == [page]


def test_a_report_in_docs_that_is_of_no_two_toolchains_is_refused(project: Project) -> None:
    page = project.docs / "upgrades" / "old_to_newer.md"
    page.parent.mkdir(parents=True)
    page.touch()
    with pytest.raises(EvidenceError, match=r"old_to_newer\.md: is named after no two toolchains"):
        examples.write(Session(small_project.EVERYTHING))


def test_the_committed_report_on_keras_3_is_one_group_with_the_shims_that_get_past_it() -> None:
    (name,) = [page.stem for page in (ROOT / "docs" / "upgrades").glob("*_to_tf2.16-*.md")]
    asked = sides.read(*name.split(examples.TO)[:1], name.split(examples.TO)[1:], Choice())
    said = upgrade(*asked)
    broken = [group for group in said.groups if group.kind is Kind.ENVIRONMENT_BROKEN]
    (group,) = broken
    assert {cell.route for cell in group.cells} == {"onnx-tf"}
    assert (group.limitation, said.exit_code) == ("tf-keras-missing", 37)
    assert group.link
    best = group.across[0]
    assert set(best.shims) >= {"tensorflow-addons-stub", "legacy-keras"}
    assert best.models > group.models / 2


# Times

TORCH = [0.010 + 0.0001 * (n % 5) for n in range(40)]
MODEL = [0.020 + 0.0002 * (n % 7) for n in range(40)]


def scaled(values: Sequence[float], by: float) -> list[float]:
    return [value * by for value in values]


@pytest.mark.parametrize(
    ("torch", "model", "kind"),
    [
        (1.0, 1.3, "slower"),
        (1.0, 0.7, "faster"),
        (1.0, 1.05, "same"),
        (1.3, 1.3, "same"),  # the machine was busy
        (0.7, 1.0, "same"),  # torch is faster
    ],
)
def test_a_model_is_slower_where_seconds_and_the_ratio_to_torch_say_so(torch: float, model: float, kind: str) -> None:
    was = Recording("a machine", {PLACE: ([TORCH], [MODEL])})
    now = Recording("a machine", {PLACE: ([scaled(TORCH, torch)], [scaled(MODEL, model)])})
    change = changed(PLACE, answer(), answer(), times(was, now))
    assert change.kind == kind
    assert change.message.startswith(f"{model:.2f} times as long") is (kind != "same")


def test_nothing_is_claimed_of_few_samples_of_another_machine_or_of_one_side() -> None:
    was = Recording("a machine", {PLACE: ([TORCH], [MODEL])})
    few = Recording("a machine", {PLACE: ([TORCH[:5]], [scaled(MODEL[:5], 2)])})
    other = Recording("another", {PLACE: ([TORCH], [scaled(MODEL, 2)])})
    for now in (few, other, Recording("a machine", {}), None):
        assert changed(PLACE, answer(), answer(), times(was, now)).kind is Kind.SAME


def test_nothing_is_claimed_of_what_a_loaded_machine_measured(project: Project) -> None:
    for toolchain, by in (("old", 1.0), ("new", 1.3)):
        busy = latency.Series([latency.Process(scaled(MODEL, by), waited=0.4)])
        samples = {**latency.of_samples({"torch": TORCH}), "saved-model": busy}
        measured = Latency("zoo/add", "onnx-tf", 13, {"batch": 1}, samples, {})
        latency.save(project, toolchain, "2026-11-23T03:31:36+00:00", [measured])
    assert recorded(project, "old", "new")(("zoo/add", "onnx-tf")) is None


def test_a_planted_slowdown_has_its_word_and_code(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for toolchain, by in (("old", 1.0), ("new", 1.3)):
        record(zoo("add", toolchain=toolchain), zoo("gru", toolchain=toolchain))
        samples = {"torch": TORCH, "saved-model": scaled(MODEL, by)}
        measured = Latency("zoo/add", "onnx-tf", 13, {"batch": 1}, latency.of_samples(samples), {})
        latency.save(project, toolchain, "2026-11-23T03:31:36+00:00", [measured])
    assert cli.main(["upgrade", "old", "new"]) == 39
    said = capsys.readouterr().out
    assert "slower (1): " in said
    assert "1 model by onnx-tf: 1.30 times as long as on BASE" in said


def test_what_this_machine_ended_is_told_whatever_ran_after_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run is of the cells that differ alone: of what the first one was cut off at it tells nothing."""
    record(zoo("gru", GRU, toolchain="old"))
    runs: list[list[str]] = []

    def ran(_: Session, cells: Sequence[PlannedCell], *, again: bool) -> list[CellRecord]:
        runs.append([f"{cell.toolchain} {cell.case}" for cell in cells])
        made = []
        for cell in cells:
            (one,) = current(zoo(cell.case.removeprefix("zoo/"), toolchain=cell.toolchain))
            cut = replace(one, verdict=Verdict.UNTESTED, reason="a full disk", cell=None, attempts=(), interrupted=True)
            if cell.toolchain == "old" and cell.case == "zoo/gru":
                (one,) = current(zoo("gru", GRU, toolchain="old"))
            made.append(cut if cell.case == "zoo/add" else one)
        return made

    monkeypatch.setattr(cli.commands, "ran", ran)
    asked = ["upgrade", "old", "new", "--run", "--route", "onnx-tf", "--case", "zoo/gru", "--case", "zoo/add"]
    assert cli.main(asked) == 21
    assert runs == [["old zoo/add", "new zoo/add", "new zoo/gru"], ["old zoo/gru", "new zoo/gru"]]
    assert "this machine ended 2 of 4 cells" in capsys.readouterr().err
