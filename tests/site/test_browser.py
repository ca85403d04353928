"""What a person does on the site, done in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import small_project
from axe_playwright_python.sync_playwright import Axe
from builders import attempt
from playwright.sync_api import Page, expect
from small_project import EVERYTHING, current, record
from window import Opened

from tfparity.evidence.advice import Known, Wishes, advise
from tfparity.evidence.query import Query, Standing, Table
from tfparity.evidence.recorder import Recorder
from tfparity.planning.routes import BY_HAND
from tfparity.planning.selection import Selection
from tfparity.report.site import answers
from tfparity.report.site.build import build

Open = Callable[..., Opened]

#: Pages of every kind.
PAGES = (
    "index.html",
    "index.html#state=ran&q=gru",
    "index.html#state=ran&cell=tf2.15-torch2.15%2Foperators%2Fgru%2Fonnx-tf",
    "search.html#q=gru",
    "cases/huggingface/bert.html",
    "cases/index.html",
    "toolchains/tf2.15-torch2.15.html",
    "tensorflow/2.16.html",
    "limitations/onnx-tf-gru.html",
    "operators/Gemm.html",
    "routes/onnx-tf.html",
    "latency.html",
    "data.html",
)

#: Pages of every form of what is on them; small ones, for axe takes its time.
AUDITED = (
    "index.html#toolchain=tf2.7-torch1.10&state=ran&cell=tf2.7-torch1.10%2Foperators%2Fgru%2Fonnx-tf",
    "cases/operators/gru.html",
    "index.html",
    "index.html#toolchain=tf2.7-torch1.10&state=ran",
    "search.html#q=gru",
)


def rows(page: Page) -> list[list[str]]:
    """The texts of the grid's rows."""
    found: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('#cells-table tbody tr')].map(r => [...r.cells].map(c => c.innerText.trim()))"
    )
    return found


def counted(page: Page) -> int:
    return int(re.sub(r"\D", "", page.inner_text("#cells-count")))


def shown(page: Page) -> Page:
    """The page once the grid has its rows."""
    expect(page.locator("#cells-table tbody tr").first).to_be_visible()
    return page


# Answers


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "TF 2.15, BERT and ResNet-50: what do I install?",
            r"TensorFlow 2\.15: install tf2\.15-\S+ .*huggingface/bert: ✓.* works.*torchvision/resnet50: ✓.* works",
        ),
        ("why does my GRU fail and what do I do?", r"onnx-tf-gru.*reset gate.*Works with gru-handler \(\d+ cases"),
        (
            "can I go to TF 2.16? 2.18?",
            r"(?=.*TensorFlow 2\.16.*Yes, on tf2\.16\S+ with shims .*\d+ of \d+)(?=.*2\.18.*Yes, on tf2\.18)",
        ),
        (
            "what is the newest TensorFlow for onnx-tf?",
            r"^(Any TensorFlow.*?)?onnx-tf ?route.*?without shims: 2\.15 .*?with shims: 2\.21",
        ),
        (
            "I have one ResNet and want a .tflite: what do I type?",
            r"python -m nox -s convert -- torchvision/resnet50 --target saved-model --target tflite-float32 -o res",
        ),
        (
            "is it slower?",
            r"^Is it slower\?.*\d+ of \d+ timed models are slower than in torch.*others? .*untested|untested",
        ),
    ],
)
def test_a_question_is_answered_among_the_first_that_are_found(
    site: Path, opened: Open, question: str, answer: str
) -> None:
    page = opened(site).go("index.html")
    page.fill("#question", question)
    expect(page.locator("#found li").first).to_be_visible()
    first = page.locator("#found .card, #found li:nth-child(-n+3)").all_inner_texts()
    assert re.search(answer, " ".join(" ".join(first).split())), first
    box = page.locator("#found").bounding_box()
    assert box is not None and box["y"] < 200  # on the first screen


def test_of_what_fails_the_known_issues_come_first(site: Path, opened: Open, table: Table) -> None:
    """For operators of the zoo that fail by a rule, however the question is put; before what to install."""
    failing: dict[str, set[str]] = {}
    for rule in table.limitations:
        for name in rule.operators:
            failing.setdefault(name, set()).add(rule.id)
    for cell in (cell for cells in table.cells.values() for cell in cells if cell.limitation):
        assert cell.limitation is not None
        for name in table.selection.cases[cell.planned.case].operators:
            failing.setdefault(name, set()).add(cell.limitation.id)
    known = sorted(failing.keys() - {"And", "If", "Not", "Or", "Where"})  # in a question these are no operators
    chosen = known[:: max(1, len(known) // 12)]
    assert len(chosen) >= 8
    page = opened(site).go("index.html")
    for name in chosen:
        for question in (f"why does my {name} fail?", f"{name} error", f"why is {name} wrong in TensorFlow 2.15"):
            page.fill("#question", "")
            page.fill("#question", question)
            first = page.locator("#found > :first-child li").first
            expect(first.locator(".kind")).to_have_text("known issue")
            assert first.locator("a").inner_text() in failing[name], question
    page.fill("#question", "GRU in TensorFlow 2.15")
    expect(page.locator("#found > :first-child")).to_have_class("cards")


#: In the browser: for every [cases, TensorFlow] the toolchain and the routes of the first plan, and whether it fits.
RECOMMEND = """(asked) => { const g = tfparity.data.grid, place = new Map(g.cases.map((name, at) => [name, at]));
  return asked.map(([cases, version]) => {
    const best = tfparity.recommend(g, cases.map(name => place.get(name)), version)[0];
    return [best.fit === 0, best.chain.id, best.picks.map(pick => pick && g.routes[g.ways[pick.way][1]])]; }); }"""


def test_the_browser_recommends_what_tfparity_recommends(site: Path, table: Table, opened: Open) -> None:
    cells: dict[str, list[Standing]] = {}
    for mine in table.cells.values():
        for cell in mine:
            cells.setdefault(cell.planned.case, []).append(cell)
    known = Known(table.selection.matrix, cells, {}, {}, BY_HAND)
    core = list(table.core)
    asked = [([case], "") for case in core] + [([case], "2.15") for case in core[::3]]
    asked += [([one, other], version) for one, other in pairwise(core[::2]) for version in ("", "2.12", "2.21")]
    page = opened(site).go("index.html")
    page.wait_for_function("window.tfparity && tfparity.data.grid && tfparity.data.grid.letters")
    ages, fitting = answers.age(table), 0
    for (cases, version), (fits, toolchain, routes) in zip(asked, page.evaluate(RECOMMEND, asked), strict=True):
        wishes = Wishes(cases=tuple(cases), versions={"tensorflow": f"=={version}.*"} if version else {})
        best = advise(known, wishes).best
        assert fits == (best is not None), (cases, version)
        if best is not None:
            fitting += 1
            assert (toolchain, routes) == (best.toolchain, [pick.route for pick in best.picks]), (cases, version)
        if len(cases) == 1 and not version:
            told = answers.best(cells[cases[0]], table.default, ages)
            assert (told.planned.toolchain if told else None) == (best.toolchain if best else None), cases
    assert fitting > 100


def test_the_first_screen_asks_both_questions_and_answers_them(site: Path, opened: Open) -> None:
    page = opened(site).go("index.html")
    for heading in ("Which versions?", "Which tool for my model?"):
        box = page.get_by_role("heading", name=heading).bounding_box()
        assert box is not None and box["y"] < 400
    page.select_option("#ask-tf", "2.15")
    page.fill("#ask-models", "bert, resnet50")
    expect(page.locator("#versions-answer")).to_contain_text("TensorFlow 2.15: install tf2.15-")
    page.fill("#ask-model", "operators/gru")
    expect(page.locator("#tool-answer")).to_contain_text("gru-handler")


# The grid


def test_filters_leave_the_cells_that_are_asked_for(site: Path, table: Table, opened: Open) -> None:
    page = shown(opened(site).go("index.html#state=ran"))
    assert counted(page) == sum(count for verdict, count in table.counts().items() if verdict.ran)
    page.select_option("#f-state", "broken")
    page.select_option("#f-family", "torchvision")
    page.select_option("#f-tf", "2.16")
    expect(page.locator("#cells-count")).not_to_have_text("4,368 cells")
    chains = {chain.id for chain in table.toolchains if answers.tensorflow(table.packages(chain)) == "2.16"}
    cells = [
        cell
        for id in chains
        for cell in table.cells[id]
        if cell.verdict == "broken" and cell.planned.case.startswith("torchvision/")
    ]
    assert counted(page) == len(cells) > 0
    for row in rows(page):
        assert row[0].startswith("torchvision/") and row[1] in chains and row[3].endswith("broken")


def test_search_as_you_type_finds_models_issues_and_states(site: Path, opened: Open) -> None:
    page = shown(opened(site).go("index.html#state=all"))
    page.locator("#f-q").press_sequentially("resnet18")
    page.fill("#f-q", "resnet18 tf2.15-torch2.15")
    expect(page.locator("#cells-table tbody tr").first).to_contain_text("tf2.15-torch2.15")
    assert "torchvision/resnet18" in {row[0] for row in rows(page)}
    assert all("resnet18" in row[0] and row[1] == "tf2.15-torch2.15" for row in rows(page))
    page.fill("#f-q", "dynamo-recurrent")
    expect(page.locator("#cells-table tbody tr").first).to_contain_text("dynamo-recurrent")
    page.fill("#f-q", "no such thing at all")
    expect(page.locator("#cells-table tbody")).to_contain_text("No cell is as asked.")


def test_a_link_brings_back_the_view(site: Path, opened: Open) -> None:
    page = shown(opened(site).go("index.html#state=ran"))
    page.select_option("#f-route", "onnx2tf")
    page.get_by_role("columnheader", name="Max error").click()
    expect(page.get_by_role("columnheader", name="Max error")).to_have_attribute("aria-sort", "ascending")
    before, link = rows(page), page.url
    errors = [float(row[5]) for row in before if row[5] != "–"]
    assert errors == sorted(errors) and len(errors) > 5
    other = opened(site)
    other.page.goto(link)
    assert rows(shown(other.page)) == before
    expect(other.page.locator("#f-route")).to_have_value("onnx2tf")


def test_a_cell_opens_by_its_link_and_says_everything(site: Path, opened: Open) -> None:
    page = opened(site).go("index.html#state=ran&cell=tf2.15-torch2.15%2Foperators%2Fgru%2Fonnx-tf")
    cell = page.get_by_role("dialog")
    expect(cell).to_contain_text('python -m nox -s "compat(tf2.15-torch2.15)" -- --case operators/gru --route onnx-tf')
    said = cell.inner_text()
    for part in (
        "works with a remedy",
        "gru-handler",
        "Attempts",
        "Stages",
        "convert: fail",
        "Ran",
        "Latency",
        "Opset",
    ):
        assert part in said, part
    page.keyboard.press("Escape")
    expect(cell).to_be_hidden()
    expect(page).not_to_have_url(re.compile("cell="))
    page.go_back()
    expect(cell).to_be_visible()


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("tf2.11-onnx1.13/torchvision/resnet18/onnx-tf", "no such environment"),
        ("tf2.4-torch1.8/torchvision/resnet50/onnx-tf", "untested"),
        ("no-such/torchvision/resnet50/onnx-tf", "There is no such toolchain"),
        ("tf2.4-torch1.8/no/such/onnx-tf", "The plan has no such cell"),
    ],
)
def test_a_cell_that_was_not_run_says_why(site: Path, opened: Open, cell: str, state: str) -> None:
    page = opened(site).go(f"index.html#state=ran&cell={cell}")
    expect(page.get_by_role("dialog")).to_contain_text(state)


def test_what_says_nothing_looks_unlike_a_failure_without_colour(site: Path, opened: Open) -> None:
    page = opened(site).go("index.html")
    looks = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.legend .verdict')].map(one => {
          const look = getComputedStyle(one);
          const seen = [one.innerText.trim(), look.borderTopStyle, look.fontStyle, look.fontWeight];
          return [one.classList[1], seen]; }))"""
    )
    assert len({text for text, *_ in looks.values()}) == len(looks) == 8
    for name in ("untested", "stale", "not-applicable", "unresolvable"):
        assert looks[name][1:] != looks["broken"][1:], name


# Reading it


def test_dark_follows_the_system_and_the_switch_is_kept(site: Path, opened: Open) -> None:
    dark = "getComputedStyle(document.body).backgroundColor"
    by_system = opened(site, color_scheme="dark")
    page = by_system.go("index.html")
    assert page.evaluate(dark) == "rgb(15, 19, 24)"
    page.get_by_role("button", name="Switch to light colours").click()
    assert page.evaluate(dark) == "rgb(255, 255, 255)"
    assert by_system.go("latency.html").evaluate(dark) == "rgb(255, 255, 255)"


def test_every_kind_of_page_fits_a_phone(site: Path, opened: Open) -> None:
    window, wide = opened(site, viewport={"width": 360, "height": 740}), {}
    for path in PAGES:
        page = window.go(path)
        page.wait_for_timeout(50)
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in wide.items() if width > 360} == {}


def serious(page: Page, **asked: object) -> list[tuple[str, str, list[str]]]:
    """What axe finds serious or worse on a page: the page, the rule, the first places."""
    page.wait_for_timeout(100)
    # without preload: axe would fetch the style sheets, which a page of a file may not
    found = Axe().run(page, options={**asked, "preload": False}).response["violations"]
    return [
        (page.url.rsplit("/", 1)[-1], one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_axe_finds_nothing_serious(site: Path, opened: Open) -> None:
    window = opened(site)
    assert [fault for path in AUDITED for fault in serious(window.go(path))] == []


def test_axe_finds_every_text_legible_in_the_dark(site: Path, opened: Open) -> None:
    window, contrast = opened(site, color_scheme="dark"), {"type": "rule", "values": ["color-contrast"]}
    assert [fault for path in AUDITED[:2] for fault in serious(window.go(path), runOnly=contrast)] == []


def test_everything_goes_by_keyboard(site: Path, opened: Open) -> None:
    page = opened(site).go("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    page.keyboard.type("onnx-tf-gru")
    expect(page.locator("#found li").first).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html#q=onnx-tf-gru")
    expect(page.locator("#found li").first).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/limitations/onnx-tf-gru.html")

    page = shown(opened(site).go("index.html#state=ran&q=gru"))
    page.focus("#cells-table a.opens")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "opens"
    page.get_by_role("button", name="Toolchain: Activate to sort").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#cells-table thead th").nth(1)).to_have_attribute("aria-sort", "ascending")


# What a converter says


def test_hostile_error_texts_are_shown_and_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Open
) -> None:
    small_project.make(tmp_path, monkeypatch)
    noise = "\u202e" + '<b onmouseover="alert(0)">\x1b[31m' * 30_000
    hostile = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>\u2028 `${alert(3)}` "
    records = (
        record("gelu", attempt(13, "convert", "fail", hostile)),
        record("gru", attempt(13, "convert", "fail", noise)),
        record("add", attempt(13, "convert", "fail", hostile, type="<script>alert(4)</script>")),
    )
    Recorder(Selection(EVERYTHING)).record(current(*records))
    build(Table(Query(Selection(EVERYTHING))), {}, tmp_path / "site")
    assert max(file.stat().st_size for file in (tmp_path / "site").rglob("cells/*")) < 100_000
    window = opened(tmp_path / "site")
    for case in ("gelu", "gru", "add"):
        window.go(f"cases/zoo/{case}.html")
        page = window.go(f"index.html#state=ran&cell=old/zoo/{case}/onnx-tf")
        expect(page.get_by_role("dialog")).to_contain_text("Attempts")
        assert page.locator("dialog img, dialog b[onmouseover], dialog script").count() == 0
        page.mouse.move(600, 400)
    page = window.go("index.html#state=ran&cell=old/zoo/gelu/onnx-tf")
    expect(page.get_by_role("dialog")).to_contain_text("<img src=https://example.org/x onerror=alert(2)>")
    page = window.go("search.html")
    page.fill("#question", hostile)
    expect(page.locator("#found-count")).to_contain_text("ound")
