"""The site of a small project: every page and file, with what converters say made harmless."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import jsonschema
import pytest
import small_project
from builders import attempt, broken, lost_axis
from small_project import EVERYTHING, current, record

from tfparity import paths
from tfparity.cli import main
from tfparity.evidence import history
from tfparity.evidence.history import Change
from tfparity.evidence.query import Query, Table
from tfparity.evidence.recorder import Recorder
from tfparity.paths import Project
from tfparity.planning.selection import Selection
from tfparity.records.cells import CellId, CellRecord, Failure
from tfparity.records.vocabulary import Stage, Verdict
from tfparity.report.site import answers, api, changes, search
from tfparity.report.site.build import build, script
from tfparity.report.site.collect import Facts
from tfparity.report.site.facts import Latency
from tfparity.report.site.grid import grid
from tfparity.report.site.text import LONGEST, plain

MATRIX = """\
schema: 1
default: old
toolchains:
  - {id: old, python: "3.10", as-of: 2023-07-15, pins: {torch: 1.13.1, tensorflow: 2.12.1, onnx-tf: 1.10.0}}
  - {id: new, python: "3.11", as-of: 2026-11-20, pins: {torch: 2.15.0, tensorflow: 2.16.1}, shims: [onnx-mapping]}
  - {id: never, python: "3.11", as-of: 2026-11-20, pins: {torch: 2.16.0, tensorflow: 2.21.0}}
"""

#: HTML, an end of a script, control characters, marks that turn the direction, one that hides, line separators.
HOSTILE = (
    '</script><script>alert("1")</script><img src=x onerror=alert(2)> '
    "\u202egnirts\u202c\u2066 \u200b \x1b[31m\x00 \u2028 &amp; '"
)

LATENCY = Latency(2.5, 2.25, 2.75, "slower")

RECORDS = (
    record("add"),
    record("add", toolchain="new"),
    record("gelu", broken(), attempt(12)),
    record("gelu", attempt(13, "convert", "fail", HOSTILE), toolchain="new"),
    record("gru", broken()),
    record("mish", lost_axis()),
)


BROKEN, WORKS = Verdict.BROKEN, Verdict.WORKS
FIRST, SECOND = ("2026-11-01T10:00:00+00:00", "a" * 40), ("2026-11-02T10:00:00+00:00", "b" * 40)
HISTORY = (
    Change(*FIRST, CellId("old", "zoo/add", "onnx-tf"), None, BROKEN),
    Change(*FIRST, CellId("gone", "zoo/add", "onnx-tf"), WORKS, None),
    Change(*SECOND, CellId("old", "zoo/add", "onnx-tf"), BROKEN, WORKS),
    Change(*SECOND, CellId("old", "zoo/gru", "onnx-tf"), None, WORKS),
)


def made(root: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two lockfiles."""
    monkeypatch.setattr(small_project, "MATRIX", MATRIX)
    made = small_project.make(root, monkeypatch)
    made.lockfiles.mkdir()
    for id in ("old", "new"):
        (made.lockfiles / f"{id}.txt").write_text("torch==1.13.1\n")
    return made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of the test's own, without evidence."""
    return made(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    """Of RECORDS, read for all tests."""
    with pytest.MonkeyPatch.context() as patched:
        made(tmp_path_factory.mktemp("facts"), patched)
        found = Facts(table(*RECORDS), {"old": {("zoo/add", "onnx-tf"): {"saved-model": LATENCY}}}, HISTORY)
        assert found.cells
        yield found


@pytest.fixture(scope="module")
def site(facts: Facts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of RECORDS."""
    folder = tmp_path_factory.mktemp("site") / "site"
    build(facts.table, facts.latencies, folder, HISTORY)
    return folder


def table(*records: CellRecord) -> Table:
    """Of evidence that has these records alone."""
    Recorder(Selection(EVERYTHING)).record(current(*records))
    return Table(Query(Selection(EVERYTHING)))


def built(folder: Path, *records: CellRecord) -> Path:
    build(table(*records), {}, folder)
    return folder


def text_of(page: Path) -> str:
    """What a person reads of a page."""
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))).split())
    return re.sub(r"(?<=\() | (?=[,.;:)])", "", words)


class Links(HTMLParser):
    """Addresses that a page names, and the ids it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.named: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action") and value:
                self.named.append(value)
            elif name == "id" and value:
                assert value not in self.ids, f"the id {value} stands twice"
                self.ids.add(value)


def dead_links(site: Path) -> list[str]:
    """Addresses within the site that lead nowhere."""
    pages = {page: Links(page) for page in sorted(site.rglob("*.html"))}
    dead = []
    for page, links in pages.items():
        for address in links.named:
            if re.match(r"https://", address):
                continue
            file, _, part = address.partition("#")
            target = (page.parent / unquote(file)).resolve() if file else page
            known = pages[target].ids if target in pages else set()
            of_grid = target == site.resolve() / "index.html" and "=" in part
            if not target.is_file() or (part and not of_grid and unquote(part) not in known):
                dead.append(f"{page.relative_to(site)}: {address}")
    return dead


# Text


def test_control_and_direction_characters_are_shown_as_such() -> None:
    assert plain("a\x00b\x1b[1m\u202ec\u200bd\ud800") == "a\ufffdb\ufffd[1m\ufffdc\ufffdd\ufffd"


def test_lines_and_words_of_any_script_stay() -> None:
    assert plain("eins\n\tzwei שלום 模型 é") == "eins\n\tzwei שלום 模型 é"


def test_a_megabyte_is_cut_and_says_so() -> None:
    cut = plain("x" * 1_000_000)
    assert len(cut) < LONGEST + 50
    assert cut.endswith("(996,000 more characters)")


def test_data_cannot_end_its_script() -> None:
    made = script("cells/a", json.dumps({"message": HOSTILE}, ensure_ascii=False)).decode()
    assert "</" not in made
    assert not set(made) & {"\u2028", "\u2029"}
    assert json.loads(made.removeprefix('tfparity.put("cells/a", ').rstrip().removesuffix(");"))["message"] == HOSTILE


# Pages


def test_there_is_a_page_for_everything_and_no_link_leads_nowhere(site: Path) -> None:
    for page in (
        "index", "search", "data", "trends", "tflite", "latency", "remedies", "toolchains/old", "toolchains/never",
        "cases/zoo/gru", "routes/onnx-tf", "limitations/unsqueeze", "tensorflow/2.12", "tensorflow/2.16",
    ):  # fmt: skip
        assert (site / f"{page}.html").is_file(), page
    assert dead_links(site.resolve()) == []


def test_no_page_or_asset_names_anything_outside(site: Path) -> None:
    loading = re.compile(r"""(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import""")
    for file in (*site.rglob("*.html"), *site.rglob("*.css")):
        found = [line for line in file.read_text(encoding="utf-8").splitlines() if loading.search(line)]
        links = [line for line in found if '<a href="https://' in line]
        assert found == links, f"{file}: {found[:1]}"


def test_what_a_converter_says_changes_no_page(site: Path) -> None:
    case = (site / "cases" / "zoo" / "gelu.html").read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=alert(2)&gt;" in case
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert "<img src=x" not in text
        assert "alert(" not in re.sub(r"&lt;.*?&gt;", "", re.sub(r"&lt;/script&gt;.*?onerror=alert\(2\)", "", text))
        assert not set(text) & {"\u202e", "\u2066", "\u200b", "\x00", "\x1b"}
    for file in (*site.rglob("data/**/*.js"),):
        assert not re.search(r"</script|<img|\u202e|\x00|\x1b", file.read_text(encoding="utf-8")), file


def test_a_page_of_a_model_says_what_to_pin(site: Path) -> None:
    said = text_of(site / "cases" / "zoo" / "gelu.html")
    assert "Pin old (torch 1.13.1, onnx-tf 1.10.0, tensorflow 2.12.1), route onnx-tf, opset 12" in said
    assert "It converts by no recorded way" in text_of(site / "cases" / "zoo" / "gru.html")
    assert "no cell of it was run" in text_of(site / "cases" / "zoo" / "relu.html")


def test_a_page_of_a_known_issue_names_the_remedy_that_is_recorded_to_work(site: Path) -> None:
    said = text_of(site / "limitations" / "unsqueeze.html")
    assert "Works with opset 12 (1 case, such as zoo/gelu)" in said
    assert "opset 12: 1 case, such as zoo/gelu by onnx-tf on old" in said


def test_what_nobody_ran_is_untested_and_no_failure(project: Project, tmp_path: Path) -> None:
    site = built(tmp_path / "site")
    for page in ("latency", "tflite", "cases/zoo/add"):
        assert "untested" in text_of(site / f"{page}.html"), page
    assert "broken" not in text_of(site / "toolchains" / "old.html")


def test_latency_is_told_with_its_interval(site: Path) -> None:
    said = "saved-model 2.50 times torch's time (2.25 to 2.75): slower"
    assert said in text_of(site / "latency.html")
    assert "times torch's time (2.25 to 2.75): slower" in text_of(site / "cases" / "zoo" / "add.html")


# Answers


def test_the_newest_tensorflow_by_a_route_is_told_with_shims_and_without(facts: Facts) -> None:
    reached = answers.reach(facts.table, "onnx-tf")
    assert reached.plain == ("2.12", "old", 2, 4)
    assert reached.shimmed == ("2.16", "new", 1, 2)


def test_a_toolchain_is_held_against_the_one_before_it(facts: Facts) -> None:
    change = answers.neighbour(facts.table, "new")
    assert change is not None
    assert change.before == "old"
    assert ("torch", "1.13.1", "2.15.0") in change.pins
    assert (change.gained, change.lost, change.both) == ((), ("zoo/gelu",), 2)
    assert answers.neighbour(facts.table, "old") is None


def test_the_grid_has_every_planned_cell_once(facts: Facts) -> None:
    found = facts.table
    made = grid(found)
    assert sum(len(states.replace(".", "")) for states in made.states) == sum(found.counts().values())
    assert len(made.ran) == len(RECORDS)
    assert made.toolchains[made.default].id == "old"
    assert made.age[0] < made.age[1]


def test_every_page_with_an_answer_is_searched(site: Path, facts: Facts) -> None:
    entries = search.entries(facts)
    assert {entry.url for entry in entries} <= {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    (rule,) = (entry for entry in entries if entry.kind == "known issue")
    assert "Works with opset 12" in rule.answer


# The data


def test_every_file_is_as_its_schema_says(facts: Facts) -> None:
    files = dict(api.files(facts))
    schema = json.loads(files["api/v1/schema.json"])
    names = {"index", "toolchains", "cases", "limitations", "routes", "recommend"}
    for name in names | {f"cells/{id}" for id in ("old", "new", "never")}:
        document = json.loads(files[f"api/v1/{name}.json"])
        kind = "cells" if name.startswith("cells/") else name
        jsonschema.validate(document, {**schema["properties"][kind], "$defs": schema["$defs"]})
        assert document["version"] == 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, {**schema["properties"]["cells"], "$defs": schema["$defs"]})


def test_every_planned_cell_is_told_once_with_its_verdict(facts: Facts) -> None:
    files = dict(api.files(facts))
    for id, cells in facts.table.cells.items():
        told = json.loads(files[f"api/v1/cells/{id}.json"])
        verdicts = {(cell["case"], cell["route"]): cell["verdict"] for cell in told["cells"]}
        for group in told["rest"]:
            for case in group["cases"]:
                assert (case, group["route"]) not in verdicts
                verdicts[case, group["route"]] = group["verdict"]
        assert verdicts == {(cell.planned.case, cell.planned.route): cell.verdict.value for cell in cells}


def test_the_recommendations_are_by_tensorflow(facts: Facts) -> None:
    told = json.loads(dict(api.files(facts))["api/v1/recommend.json"])["recommendations"]
    ways = {(one["case"], one["tensorflow"]): one["way"] and one["way"]["toolchain"] for one in told}
    assert ways == {
        ("zoo/add", None): "old", ("zoo/add", "2.12"): "old", ("zoo/add", "2.16"): "new",
        ("zoo/gelu", None): "old", ("zoo/gelu", "2.12"): "old", ("zoo/gru", None): None, ("zoo/mish", None): None,
    }  # fmt: skip


def test_an_attempts_error_is_told_where_the_cells_are(facts: Facts) -> None:
    told = json.loads(dict(api.files(facts))["api/v1/cells/old.json"])
    (gelu,) = (cell for cell in told["cells"] if cell["case"] == "zoo/gelu")
    first, second = gelu["attempts"]
    assert told["errors"][first["error"]]["message"] == small_project.UNSQUEEZE
    assert second["error"] is None
    assert gelu["command"] == 'python -m nox -s "compat(old)" -- --case zoo/gelu --route onnx-tf --again'


def test_no_line_of_the_csv_begins_a_formula(project: Project) -> None:
    hostile = Failure(Stage.CONVERT, "", '=HYPERLINK("x")')
    bad = record("gru", attempt(13, "convert", "fail", grade=None, error=hostile))
    rows = list(csv.DictReader(io.StringIO(api.table(Facts(table(bad, record("add")), {})))))
    assert [row["case"] for row in rows] == ["zoo/add", "zoo/gru"]
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "-", "@"))]


def test_a_badge_says_how_many_cells_work(facts: Facts) -> None:
    files = dict(api.files(facts))
    badge = json.loads(files["api/v1/badges/toolchains/old.json"])
    assert badge == {"schemaVersion": 1, "label": "old", "message": "2 of 4 cells work", "color": "yellow"}
    assert json.loads(files["api/v1/badges/cases/zoo/relu.json"])["message"] == "untested"


def test_the_client_that_is_shown_runs(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "site").symlink_to(site)
    monkeypatch.chdir(tmp_path)
    exec(compile(api.CLIENT.replace("torchvision/resnet50", "zoo/add"), "client", "exec"), {})
    assert capsys.readouterr().out == "[('new', 'onnx-tf', 'works'), ('old', 'onnx-tf', 'works')]\n"
    assert len(api.CLIENT.replace("\n\n", "\n").splitlines()) == 3
    assert f"```python\n{api.CLIENT}```" in (paths.PACKAGE.parents[1] / "docs" / "site.md").read_text(encoding="utf-8")


# The command


def test_the_command_builds_and_says_how_much(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "changes", lambda project: HISTORY)
    table(*RECORDS)
    assert main(["site", "-o", str(tmp_path / "out")]) == 0
    assert re.search(r"out/index.html: \d+ pages, \d+ files, [\d.]+ MB", capsys.readouterr().out)
    assert "1 cell with another verdict" in text_of(tmp_path / "out" / "changes.html")
    assert main(["site", "-o", str(tmp_path / "out")]) == 0  # again, over its own


def test_a_folder_with_something_else_is_left_as_it_is(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    assert main(["site", "-o", str(tmp_path / "mine")]) == 2
    assert "is no site made here; name another folder" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_what_a_killed_build_left_beside_the_site_is_removed(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "is_running", lambda pid: pid != 4242)
    left = [".site.4242.7", ".site.4242.7.before"]
    kept = [".site.4243.7", ".site.4242", "site.4242.7", ".other.4242.7", ".site.4242.7.mine"]
    for name in (*left, *kept):
        (tmp_path / name / "api").mkdir(parents=True)
    build(facts.table, facts.latencies, tmp_path / "site", HISTORY)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["site", *kept])


def test_the_same_evidence_makes_the_same_bytes(site: Path, facts: Facts, tmp_path: Path) -> None:
    first, second = site, tmp_path / "two"
    build(facts.table, facts.latencies, second, HISTORY)
    files = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(second) for file in second.rglob("*") if file.is_file())
    assert [file for file in files if (first / file).read_bytes() != (second / file).read_bytes()] == []


# What changed


def test_what_changed_is_told_on_a_page_in_the_data_and_as_a_feed(site: Path) -> None:
    said = text_of(site / "changes.html")
    assert "2026-11-02 · old old: 1 cell new, 1 cell with another verdict (commit bbbbbbbbbbbb)" in said
    assert "zoo/add by onnx-tf: ✗ broken → ✓ works" in said
    assert "2026-11-01 · gone gone: 1 cell removed" in said
    assert said.index("2026-11-02") < said.index("2026-11-01")
    changes = json.loads((site / "api/v1/changes.json").read_text())["changes"]
    assert changes[0]["moved"] == [{"case": "zoo/add", "route": "onnx-tf", "was": "broken", "now": "works"}]
    (cell,) = [
        cell
        for cell in json.loads((site / "api/v1/cells/old.json").read_text())["cells"]
        if (cell["case"], cell["route"]) == ("zoo/add", "onnx-tf")
    ]
    assert [(one["when"][:10], one["verdict"]) for one in cell["history"]] == [
        ("2026-11-01", "broken"),
        ("2026-11-02", "works"),
    ]
    atom = {"a": "http://www.w3.org/2005/Atom"}
    feed = ElementTree.fromstring((site / "feed.xml").read_bytes())
    assert feed.findtext("a:updated", namespaces=atom) == "2026-11-02T10:00:00+00:00"
    entries = feed.findall("a:entry", atom)
    assert entries[0].findtext("a:title", namespaces=atom) == "old: 1 cell new, 1 cell with another verdict"
    assert entries[0].findtext("a:summary", namespaces=atom) == "zoo/add by onnx-tf: broken, now works"
    assert len({entry.findtext("a:id", namespaces=atom) for entry in entries}) == len(entries) == 3


def test_a_site_without_a_log_says_so(project: Project, tmp_path: Path) -> None:
    folder = built(tmp_path / "site", record("add"))
    assert "built without the git log of its evidence" in text_of(folder / "changes.html")
    assert json.loads((folder / "api/v1/changes.json").read_text())["changes"] == []
    assert b"<entry>" not in (folder / "feed.xml").read_bytes()


def test_a_feed_is_short_whatever_changed() -> None:
    many = [
        Change("2026-11-01T10:00:00+00:00", f"{commit:040}", CellId("old", f"zoo/{case}", "onnx-tf"), BROKEN, WORKS)
        for commit in range(60)
        for case in range(30)
    ]
    entries = ElementTree.fromstring(changes.feed(changes.recorded(many))).findall("{*}entry")
    assert len(entries) == changes.FEED
    assert str(entries[0].findtext("{*}summary")).endswith("and 10 cells more")


# Folklore against measurement


def test_what_guides_say_stands_beside_what_was_recorded(project: Project, tmp_path: Path) -> None:
    (project.root / "claims.yaml").write_text(
        """\
- id: adding
  says: "`Add` <b>always</b> converts."
  source: guide
  asks: [{cases: [zoo/add], says: converts}]
- id: rounding
  says: "A GRU is rounded."
  source: other
  asks: [{cases: [zoo/relu], says: converts}]
"""
    )
    site = built(tmp_path / "site", *RECORDS)
    said = text_of(site / "claims.html")
    assert "2 claims: 1 true, 0 false, 0 depends, 1 untested." in said
    assert "Add <b>always</b> converts." in said
    assert "<code>Add</code> &lt;b&gt;always" in (site / "claims.html").read_text()
    assert "2 of 2 that were run and can tell" in said
    assert "As the claim says: zoo/add by onnx-tf on old, zoo/add by onnx-tf on new" in said
    first, second = json.loads((site / "api/v1/claims.json").read_text())["claims"]
    assert (first["answer"], first["asks"][0]["agree"], second["answer"]) == ("true", 2, "untested")
    assert "claims.html#adding" in (site / "data" / "search.js").read_text()
