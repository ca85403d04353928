"""The plan holds every cell chosen, says why some cannot be, and puts first what tells most."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tfparity import paths
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.errors import CaseError, LockError, UsageError
from tfparity.inputs import case_files, matrix
from tfparity.inputs.matrix import Environment
from tfparity.paths import Project
from tfparity.planning import estimate, plan, routes
from tfparity.records.cells import CellId, PlannedCell
from tfparity.records.vocabulary import Tier, Verdict
from tfparity.worker.declare import Case, floating, normal
from tfparity.worker.frameworks import onnx_file
from tfparity.worker.routes import Route

MATRIX = """\
schema: 1
default: old
environments:
  - {id: torch-side, python: "3.11", as-of: 2023-07-15, pins: {torch: 2.0.1}}
  - {id: tensorflow-side, python: "3.11", as-of: 2023-07-15, pins: {tensorflow: 2.12.1}}
toolchains:
  - {id: old, python: "3.10", as-of: 2023-07-15, pins: {torch: 1.13.1}}
  - {id: split, source: torch-side, routes: {onnx-tf: tensorflow-side}}
"""

BOTH = {
    "torch": "1.13.1",
    "onnx": "1.13.1",
    "onnx-tf": "1.10.0",
    "tensorflow": "2.12.1",
    "huggingface-hub": "0.20.0",
}
LOCKED: dict[str, dict[str, str]] = {"old": BOTH, "torch-side": BOTH, "tensorflow-side": BOTH}


def case(id: str, *tags: str, **requires: str) -> Case:
    return Case(
        id,
        (normal(2, name="input"),),
        (floating("output"),),
        {},
        {name.replace("_", "-"): specifier for name, specifier in requires.items()},
        tags,
        {},
        dict,
        "cases/family.py",
        7,
    )


def by_id(*cases: Case) -> dict[str, Case]:
    return {case.id: case for case in cases}


ZOO = by_id(case("a/one", "smoke"), case("a/two"), case("b/three", "pitfall"))

Plan = Callable[..., list[PlannedCell]]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """plan() over MATRIX, with lockfiles of these packages; a str stands for the resolver's reason."""
    path = tmp_path / "matrix.yaml"
    path.write_text(MATRIX)

    def planned(
        cases: Mapping[str, Case] = ZOO, *, locked: Mapping[str, Any] | None = None, **choice: Any
    ) -> list[PlannedCell]:
        content = {**LOCKED, **(locked or {})}

        def status(_: Project, environment: Environment) -> LockStatus:
            found, file = content[environment.id], Path(f"lockfiles/{environment.id}.txt")
            if isinstance(found, LockStatus):
                return dataclasses.replace(found, path=file)
            if isinstance(found, str):
                return LockStatus("unresolvable", file, "00", {}, found)
            return LockStatus("locked", file, "00", found, None)

        monkeypatch.setattr(lock, "status", status)
        choice.setdefault("toolchains", ["old"])
        choice["tier"] = Tier(choice.get("tier", "all"))
        return plan.plan(matrix.load(path), cases, Project(tmp_path), **choice)

    return planned


def ids(cells: list[PlannedCell]) -> list[str]:
    return [cell.id for cell in cells]


# Which cells


def test_every_case_crosses_every_route_of_every_toolchain(planned: Plan) -> None:
    assert ids(planned(toolchains=["old", "split"], case_globs=["a/*"])) == [
        "old/a/one/onnx-tf",
        "old/a/one/onnx-tf-dynamo",
        "old/a/two/onnx-tf",
        "old/a/two/onnx-tf-dynamo",
        "split/a/one/onnx-tf",
        "split/a/two/onnx-tf",
    ]


def test_toolchains_come_in_the_order_of_the_matrix_each_once(planned: Plan) -> None:
    cells = planned(toolchains=["split", "old", "split"])
    assert list(dict.fromkeys(cell.toolchain for cell in cells)) == ["old", "split"]
    assert len(set(ids(cells))) == len(cells)


def test_the_smoke_tier_holds_cases_tagged_smoke_alone(planned: Plan) -> None:
    assert {cell.case for cell in planned(tier="smoke")} == {"a/one"}


@pytest.mark.parametrize(("tier", "chosen"), [("smoke", "a"), ("core", "ab"), ("full", "abc"), ("all", "abcd")])
def test_each_tier_holds_the_one_before_it(planned: Plan, tier: str, chosen: str) -> None:
    zoo = by_id(case("z/a", "smoke"), case("z/b", "core"), case("z/c"), case("z/d", "heavy"))
    assert "".join(sorted(cell.case[-1] for cell in planned(zoo, tier=tier, routes=["onnx-tf"]))) == chosen


def test_a_toolchain_may_be_for_some_cases_alone(planned: Plan, tmp_path: Path) -> None:
    text = MATRIX.replace("routes: {onnx-tf: tensorflow-side}}", 'routes: {onnx-tf: tensorflow-side}, cases: ["b/*"]}')
    (tmp_path / "matrix.yaml").write_text(text)
    verdicts = {cell.case: (cell.verdict, cell.reason) for cell in planned(toolchains=["split"])}
    assert verdicts.pop("b/three") == (None, None)
    assert set(verdicts.values()) == {("not-applicable", "split is for b/* alone")}


def test_a_glob_and_a_tier_both_choose(planned: Plan) -> None:
    assert {cell.case for cell in planned(tier="smoke", case_globs=["a/*"])} == {"a/one"}
    assert {cell.case for cell in planned(case_globs=["b/*", "a/t*"])} == {"a/two", "b/three"}


def test_only_the_routes_named_are_planned(planned: Plan) -> None:
    assert {cell.route for cell in planned(routes=["onnx-tf"])} == {"onnx-tf"}


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"toolchains": ["older"]}, "no toolchain 'older' in matrix.yaml; there are old, split"),
        ({"case_globs": ["a/*", "c/*"]}, r"no case matches 'c/\*'"),
        ({"case_globs": ["b/*"], "tier": "smoke"}, r"no case of the tier 'smoke' matches 'b/\*'"),
        ({"routes": ["onnx-tr"]}, "no route 'onnx-tr' in the chosen toolchains; there are onnx-tf, onnx-tf-dynamo"),
        ({"toolchains": ["split"], "routes": ["onnx-tf-dynamo"]}, "no route 'onnx-tf-dynamo' in the chosen"),
    ],
)
def test_a_choice_of_what_is_not_there_is_a_usage_error(planned: Plan, choice: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        planned(**choice)


def test_a_tier_without_a_case_is_a_usage_error(planned: Plan) -> None:
    with pytest.raises(UsageError, match="no case is in the tier 'core'"):
        planned(by_id(case("a/one")), tier="core")


def test_the_lock_of_a_toolchain_that_is_not_chosen_is_not_asked_for(planned: Plan) -> None:
    stale = LockStatus("stale", Path(), "00", {}, "the pins have changed")
    assert planned(toolchains=["old"], locked={"torch-side": stale})
    with pytest.raises(LockError):
        planned(toolchains=["split"], locked={"torch-side": stale})


# Which of them can exist


TOGETHER = """
from tfparity.worker.routes import Route

ROUTE = Route(
    revision=1, sides="together", framework="pytorch", exporter="onnx-legacy", opsets=(13,),
    requires={"source": {}, "target": {}}, imports={"source": [], "target": []},
    convert=print, load=print, pin_threads=print,
)
"""


@pytest.mark.parametrize(("toolchain", "applicable"), [("own", True), ("apart", False)])
def test_a_route_that_needs_both_sides_in_one_environment_cannot_be_where_they_are_apart(
    tmp_path: Path, planned: Plan, monkeypatch: pytest.MonkeyPatch, toolchain: str, applicable: bool
) -> None:
    route = tmp_path / "mine.py"
    route.write_text(TOGETHER)
    monkeypatch.setitem(
        globals(),
        "MATRIX",
        MATRIX
        + f"  - {{id: apart, source: torch-side, routes: {{{route}: tensorflow-side}}}}\n"
        + f"  - {{id: own, source: torch-side, routes: {{{route}: torch-side}}}}\n",
    )
    (tmp_path / "matrix.yaml").write_text(globals()["MATRIX"])
    (cell,) = planned(by_id(case("a/one")), toolchains=[toolchain])
    assert cell.applicable == applicable
    assert applicable or cell.reason == "needs both sides in one environment"


def test_a_cell_whose_needs_are_met_has_no_verdict_yet(planned: Plan) -> None:
    (cell,) = planned(by_id(case("a/one", torch=">=1.12,<2")), routes=["onnx-tf"])
    assert (cell.applicable, cell.verdict, cell.reason) == (True, None, None)


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        ({"torch": ">=2.0"}, "needs torch>=2.0, old has 1.13.1"),
        ({"torchaudio": ">=2.0"}, "needs torchaudio, which old has not"),
        ({"torch": ">=1.13", "onnx": "<1.13"}, "needs onnx<1.13, old has 1.13.1"),
    ],
)
def test_a_case_whose_needs_are_not_met_is_not_applicable_and_says_why(
    planned: Plan, requires: dict[str, str], reason: str
) -> None:
    (cell,) = planned(by_id(case("a/one", **requires)), routes=["onnx-tf"])
    assert (cell.applicable, cell.verdict, cell.reason) == (False, "not-applicable", reason)


def test_needs_of_a_case_are_those_of_the_source_side(planned: Plan) -> None:
    locked = {"tensorflow-side": {**BOTH, "torch": "9"}, "torch-side": {**BOTH, "torch": "2.0.1"}}
    (cell,) = planned(by_id(case("a/one", torch="<9")), toolchains=["split"], locked=locked)
    assert cell.applicable


def test_a_route_whose_needs_are_not_met_says_on_which_side(planned: Plan) -> None:
    lacking = {name: version for name, version in BOTH.items() if name != "onnx-tf"}
    (cell,) = planned(case_globs=["a/one"], toolchains=["split"], locked={"tensorflow-side": lacking})
    assert (cell.verdict, cell.reason) == ("not-applicable", "needs onnx-tf, which tensorflow-side has not")


@pytest.mark.parametrize("written", ["huggingface-hub", "huggingface_hub", "HuggingFace.Hub"])
def test_a_package_is_found_however_its_name_is_written(planned: Plan, written: str) -> None:
    needing = case("a/one")._replace(requires={written: ">=0.10"})
    assert all(cell.applicable for cell in planned(by_id(needing), routes=["onnx-tf"]))


@pytest.mark.parametrize(("version", "met"), [("2.0.0rc1", False), ("2.1.0.dev1", True), ("2.0.0+cpu", True)])
def test_a_pre_release_or_a_local_version_is_compared_by_its_number(planned: Plan, version: str, met: bool) -> None:
    cells = planned(
        by_id(case("a/one", torch=">=2.0.0")), routes=["onnx-tf"], locked={"old": {**BOTH, "torch": version}}
    )
    assert [cell.applicable for cell in cells] == [met]


def test_a_specifier_that_cannot_be_read_is_refused_at_its_case(planned: Plan) -> None:
    with pytest.raises(CaseError, match=r"cases/family.py:7: case 'a/one': .*newest"):
        planned(by_id(case("a/one", torch="newest")))


@pytest.mark.parametrize("side", ["torch-side", "tensorflow-side"])
def test_a_toolchain_that_cannot_be_resolved_says_the_resolvers_reason(planned: Plan, side: str) -> None:
    cells = planned(by_id(case("a/one", torch=">=99")), toolchains=["split"], locked={side: "protobuf disagrees"})
    assert [(cell.verdict, cell.reason) for cell in cells] == [("unresolvable", "protobuf disagrees")]


@pytest.mark.parametrize("kind", ["missing", "outdated"])
def test_a_lockfile_that_does_not_fit_is_an_error_with_the_command(planned: Plan, kind: Any) -> None:
    with pytest.raises(LockError, match=rf"the lockfile of old is {kind}; run: nox -s lock"):
        planned(locked={"old": LockStatus(kind, Path(), "", {}, None)})


# All at once


@cache
def allowed(specifier: str, version: str) -> bool:
    return SpecifierSet(specifier, prereleases=True).contains(Version(version))


def lacking(needs: Mapping[str, str], packages: Mapping[str, str], where: str) -> str | None:
    for package, specifier in needs.items():
        version = packages.get(canonicalize_name(package))
        if version is None:
            return f"needs {package}, which {where} has not"
        if not allowed(specifier, version):
            return f"needs {package}{specifier}, {where} has {version}"
    return None


def one_by_one(declared: matrix.Matrix, zoo: Mapping[str, Case], project: Project) -> Iterator[PlannedCell]:
    """The whole plan in its plain form: every cell is asked everything anew."""
    statuses = {id: lock.status(project, environment) for id, environment in declared.environments.items()}
    declared_routes = {name: routes.route(name, project) for one in declared.toolchains.values() for name in one.routes}
    for toolchain in declared.toolchains.values():
        for case in zoo.values():
            for name, target in toolchain.routes.items():
                known = known_of(declared_routes[name], case, statuses, toolchain.source, target)
                if toolchain.cases and not any(fnmatch(case.id, glob) for glob in toolchain.cases):
                    known = ("not-applicable", f"{toolchain.id} is for {', '.join(toolchain.cases)} alone")
                yield PlannedCell(toolchain.id, case.id, name, *known)


def known_of(
    route: Route, case: Case, statuses: Mapping[str, LockStatus], source: str, target: str
) -> tuple[str | None, str | None]:
    if route.sides == "together" and source != target:
        return "not-applicable", "needs both sides in one environment"
    for id in (source, target):
        if statuses[id].kind == "unresolvable":
            return "unresolvable", statuses[id].reason
    refusal = route.of_zoo(case.id) if route.of_zoo else None
    refusal = refusal or (route.refusal(case) if route.refusal else None)
    if refusal:
        return "not-applicable", refusal
    if case.onnx_opset and not route.onnx_files:
        return "not-applicable", "takes models of torch, no ONNX files"
    files = onnx_file.FRAMEWORK.requires if case.onnx_opset else {}
    here, there = statuses[source].packages, statuses[target].packages
    missing = lacking({**route.requires["source"], **files}, here, source)
    missing = missing or lacking(route.requires["target"], there, target) or lacking(case.requires, here, source)
    return ("not-applicable", missing) if missing else (None, None)


def test_the_plan_of_the_whole_zoo_is_what_every_cell_alone_says() -> None:
    project = paths.Project(paths.PACKAGE.parent.parent)
    declared, zoo = matrix.load(project.matrix), case_files.load([project.cases])
    found = plan.plan(declared, zoo, project, toolchains=list(declared.toolchains))
    assert {cell.verdict for cell in found} == {None, "not-applicable", "unresolvable"}
    assert found == list(one_by_one(declared, zoo, project))


def test_of_two_cases_with_a_specifier_that_cannot_be_read_the_first_is_named(planned: Plan) -> None:
    zoo = by_id(case("a/one", tensorflow=">=99"), case("a/two", torch="newest"), case("b/three", torch="newest"))
    with pytest.raises(CaseError, match="case 'a/two': "):
        planned(zoo, toolchains=["old", "split"])


# Routes


def test_a_route_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    project = Project(tmp_path)
    by_name = routes.route("onnx-tf", project)
    text = "from tfparity.worker.routes import onnx_tf\nROUTE = onnx_tf.ROUTE._replace(revision=7)\n"
    (tmp_path / "mine.py").write_text(text)
    assert routes.route("mine.py", project) == by_name._replace(revision=7)


@pytest.mark.parametrize("name", ["no-such", "no_such.py", ""])
def test_an_unknown_route_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no route"):
        routes.route(name, Project(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "raises ZeroDivisionError when imported"),
        ("def broken(:", "raises SyntaxError when imported"),
        ("import sys\nsys.exit(0)", "raises SystemExit when imported"),
        ("import os\nos._exit(0)", "raises SystemExit when imported: os._exit"),
        ("class Own(BaseException): ...\nraise Own", "raises Own when imported"),
        ("from tfparity.worker.routes import Route\nROUTE = Route(revision=1)", "missing 9 required positional"),
        ("REVISION = 1", "declares no ROUTE; see src/tfparity/worker/routes/__init__.py"),
        ("ROUTE = dict(revision=1)", "declares ROUTE as a dict; see src/tfparity/worker/routes/__init__.py"),
    ],
)
def test_a_broken_route_of_a_persons_own_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(UsageError, match=message):
        routes.route("broken.py", Project(tmp_path))


@pytest.mark.parametrize(
    ("found", "declared", "message"),
    [
        (routes.exporter, "EXPORTER", "the exporter 'mine.py' declares no EXPORTER"),
        (routes.framework, "FRAMEWORK", "the framework 'mine.py' declares no FRAMEWORK"),
    ],
)
def test_a_file_that_is_no_exporter_or_framework_is_a_usage_error(
    tmp_path: Path, found: Callable[..., object], declared: str, message: str
) -> None:
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(UsageError, match=message):
        found("mine.py", Project(tmp_path))


# In what order

CELLS = [PlannedCell(toolchain, id, "onnx-tf") for toolchain in ("old", "split") for id in ZOO]


def cell(id: str, toolchain: str = "old") -> PlannedCell:
    return PlannedCell(toolchain, id, "onnx-tf")


def ordered(ids: list[str], verdicts: Mapping[tuple[str, str], str]) -> list[str]:
    told = {CellId(toolchain, id, "onnx-tf"): Verdict(verdict) for (toolchain, id), verdict in verdicts.items()}
    return [cell.case for cell in plan.order([cell(id) for id in ids], ZOO, told)]


def test_without_a_record_smoke_comes_first_and_the_rest_stays_in_its_order() -> None:
    assert ordered(["b/three", "a/two", "a/one"], {}) == ["a/one", "b/three", "a/two"]


@pytest.mark.parametrize("verdict", ["untested", "stale"])
def test_what_was_never_run_comes_before_what_was_smoke_or_not(verdict: str) -> None:
    recorded = {("old", "a/one"): "works", ("old", "a/two"): verdict}
    assert ordered(["a/one", "a/two"], recorded) == ["a/two", "a/one"]


def test_a_case_whose_verdict_differs_among_toolchains_comes_first() -> None:
    recorded = {
        ("old", "a/two"): "works",
        ("old", "b/three"): "works",
        ("split", "a/two"): "works",
        ("split", "b/three"): "broken",
    }
    assert ordered(["a/two", "b/three"], recorded) == ["b/three", "a/two"]


@pytest.mark.parametrize("verdict", ["stale", "untested", "not-applicable", "unresolvable"])
def test_a_verdict_that_no_run_gave_is_no_difference(verdict: str) -> None:
    recorded = {
        ("old", "a/two"): "works",
        ("old", "b/three"): "works",
        ("split", "b/three"): verdict,
    }
    assert ordered(["a/two", "b/three"], recorded) == ["a/two", "b/three"]


VERDICTS = st.dictionaries(
    st.sampled_from([(cell.toolchain, cell.case, cell.route) for cell in CELLS]),
    st.sampled_from(["works", "partial", "broken", "stale", "untested", "not-applicable"]),
)


@settings(deadline=None, max_examples=50)
@given(VERDICTS, st.integers())
def test_an_order_keeps_every_cell_once_whatever_is_recorded(
    verdicts: dict[tuple[str, str, str], str], seed: int
) -> None:
    shuffled = list(CELLS)
    Random(seed).shuffle(shuffled)
    found = plan.order(shuffled, ZOO, {CellId(*place): Verdict(verdict) for place, verdict in verdicts.items()})
    assert sorted(found, key=lambda cell: cell.id) == sorted(CELLS, key=lambda cell: cell.id)
    new = [verdicts.get((c.toolchain, c.case, c.route), "untested") in ("untested", "stale") for c in found]
    assert new == sorted(new, reverse=True)


# How long


def test_an_estimate_is_recorded_seconds_shared_among_jobs_and_the_environments_time() -> None:
    recorded = {CellId("old", "a/one", "onnx-tf"): 40.0, CellId("old", "a/two", "onnx-tf"): 20.0}
    found = estimate.estimate([cell("a/one"), cell("a/two")], recorded, jobs=2, to_install=1, toolchains=2)
    assert found == 30.0 + 2 * estimate.WARM_SECONDS + estimate.INSTALL_SECONDS


def test_a_cell_without_a_record_is_assumed_to_take_the_usual_time() -> None:
    assert estimate.estimate([cell("a/one")], {}, jobs=1, to_install=0, toolchains=0) == estimate.CELL_SECONDS


def test_no_cells_in_installed_environments_take_no_time() -> None:
    assert estimate.estimate([], {}, jobs=4, to_install=0, toolchains=0) == 0
