"""README and docs/: every link leads somewhere, and the first screen says what it is there to say."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from urllib.parse import unquote

import pytest
from builders import planned, record

from tfparity import errors, signals
from tfparity.evidence import slowdowns
from tfparity.evidence.query import Standing, Table
from tfparity.features.gate import compare as gate
from tfparity.features.upgrade import kinds as upgrade
from tfparity.features.upgrade import scout
from tfparity.records.vocabulary import Verdict
from tfparity.report import readme
from tfparity.report.pages import MADE

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])

#: The target of [text](target) and of ![text](target), code left out.
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|<code>.*?</code>", re.MULTILINE | re.DOTALL)


@pytest.fixture
def table(committed_table: Table) -> Table:
    return committed_table


def links(text: str) -> list[str]:
    return _LINK.findall(_CODE.sub("", text))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The names that a link may have after "#": of headings, as GitHub makes them, and those that are given."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r'<a id="([^"]+)"', text)
    seen: Counter[str] = Counter()
    for heading in re.findall(
        r"^#{1,6} +(.+?) *#*$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        plain = re.sub(r"<[^>]+>|\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("\\", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


def broken(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    wrong = []
    for link in links(text):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        place = (page.parent / name).resolve() if name else page
        if not place.exists() or not place.is_relative_to(ROOT) or (anchor and anchor not in anchors(place)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_no_link_leads_nowhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](docs/gate.md) ![b](docs/images/versions.svg) [c](https://example.org/x)", []),
        ("[a](docs/no-such.md)", ["docs/no-such.md"]),
        ("[a](docs/adopting.md#shims)", []),
        ("[a](docs/adopting.md#shim)", ["docs/adopting.md#shim"]),
        ("[a](#which-versions)", []),
        ("[a](#no-such)", ["#no-such"]),
        ("[`a` (b)](docs/gate.md) [x [y]](docs/none.md)", ["docs/none.md"]),
        ("`[a](none.md)`\n```\n[a](none.md)\n```\n", []),
        ("[a](../README.md)", ["../README.md"]),
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str, wrong: list[str]) -> None:
    assert broken(ROOT / "README.md", text) == wrong


def test_there_are_links_to_check() -> None:
    assert sum(len(links(page.read_text(encoding="utf-8"))) for page in PAGES) > 100


# Where things are, in docs/architecture.md

#: A module's path in code, and names in code that follow it, each after a comma or "and".
_POINTER = re.compile(r"`(\w+/[\w./]+\.py)`((?:(?:, | and )`\w+(?:\.\w+)?`)*)")


def misled(text: str) -> list[str]:
    """The pointers of a text that lead nowhere: to a path that is not there, or to a name that it does not define."""
    wrong = []
    for path, names in _POINTER.findall(text):
        place = next((one for root in ("src/tfparity", "", "tests") if (one := ROOT / root / path).exists()), None)
        if place is None:
            wrong.append(path)
            continue
        for name in re.findall(r"`([\w.]+)`", names):
            last = name.rpartition(".")[2]
            defined = rf"^\s*(?:def|class) {last}\b|^{last}\b(?:: [^=]+)? ="
            if not re.search(defined, place.read_text(encoding="utf-8"), re.MULTILINE):
                wrong.append(f"{path} {name}")
    return wrong


def test_no_pointer_of_the_architecture_leads_nowhere() -> None:
    text = text_of("docs/architecture.md")
    assert len(_POINTER.findall(text)) > 100
    assert misled(text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`engine/cell_run.py`, `attempts`; `engine/engine.py`, `_run_toolchain` (once)", []),
        ("`judging/judge.py`, `attempt` and `cell`; `features/gate/`", []),
        ("`engine/retry.py`, `attempts`", ["engine/retry.py"]),
        ("`report/pages.py`, `overview` and `_row`", ["report/pages.py _row"]),
        ("`planning/keys.py`, `Keys.cells`", ["planning/keys.py Keys.cells"]),
    ],
)
def test_a_pointer_that_leads_nowhere_is_found(text: str, wrong: list[str]) -> None:
    assert misled(text) == wrong


# The first screen


def text_of(name: str = "README.md") -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_two_commands_that_set_everything_up_stand_as_they_are() -> None:
    for session in ("compat", "tests"):
        assert f'python -m pip install "nox[uv]" && python -m nox -s {session}\n' in text_of()


def test_who_comes_with_a_question_has_the_answer_before_how_to_run() -> None:
    headings = re.findall(r"^## (.+)$", text_of(), re.MULTILINE)
    assert headings[:4] == ["Which versions?", "Which tool?", "Questions", "Try it"]
    assert text_of().index("docs/images/") < text_of().index("## Which versions?")


def test_no_table_of_readme_has_more_than_six_columns() -> None:
    columns = [line.count("|") - 1 for line in text_of().splitlines() if re.fullmatch(r"\|(?:[:-]+\|)+", line)]
    assert columns
    assert max(columns) <= 6


def test_headline_counts_are_of_cells_that_ran(table: Table) -> None:
    ran = [cell for cells in table.cells.values() for cell in cells if cell.verdict.ran]
    said = readme.headline(table)
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]+\d|\d", said)]
    assert numbers[0] == len(ran) == sum(numbers[2:6])
    for word in ("not applicable", "untested", "no such environment"):
        assert word not in said


def test_the_sets_to_paste_have_the_pins_of_toolchains_that_work(table: Table) -> None:
    found = readme.sets(table)
    assert len(found) == 3
    assert len({toolchain.id for toolchain in found.values()}) == 3
    days = [table.selection.matrix.environments[one.source].as_of for one in found.values()]
    assert days[1] < days[0]
    for toolchain in found.values():
        cells = [cell for cell in table.cells[toolchain.id] if table.smoke(cell.planned)]
        assert any(cell.verdict.works for cell in cells)
        environment = table.selection.matrix.environments[toolchain.source]
        line = readme.paste(environment)[-1]
        assert set(re.findall(r"(\S+)==(\S+)", line)) == set(environment.pins.items())
        assert line in text_of()


def test_an_environment_with_overrides_says_them() -> None:
    text = text_of()
    assert "--override overrides.txt" in text
    assert text.index("> overrides.txt") < text.index("--override overrides.txt")


def stands(case: str, route: str, verdict: str) -> Standing:
    made = record(case, route=route).cell
    return Standing(planned(case, route=route), Verdict(verdict), made)


def test_the_route_to_try_first_is_that_which_converts_most_without_a_remedy() -> None:
    cases = {
        "a": [stands("a", "one", "works"), stands("a", "two", "works-with-remedy"), stands("a", "three", "untested")],
        "b": [stands("b", "one", "works"), stands("b", "two", "works-with-remedy")],
        "c": [stands("c", "one", "broken"), stands("c", "two", "works-with-remedy")],
        "d": [stands("d", "keras-rebuild", "works"), stands("d", "two", "partial")],
    }
    assert [str(one) for one in readme.shares(cases)] == ["one (2 of 3)", "two (3 of 4, 3 with a remedy)"]
    assert readme._then(cases, readme.shares(cases)[0]) == "two (1 more)"
    alone = {"a": [stands("a", "one", "works")]}
    assert readme._then(alone, readme.shares(alone)[0]) == "–"


def test_what_is_generated_can_be_read_as_a_page() -> None:
    """What is longer belongs on the site, which has a search."""
    made = [page for page in (ROOT / "docs").rglob("*.md") if page.read_text(encoding="utf-8").startswith(MADE)]
    assert len(made) > 10
    assert {page.name: size for page in made if (size := page.stat().st_size) > 60_000} == {}


def exit_codes() -> dict[str, int]:
    """Every exit code that something of ours ends with, by what it stands for."""
    kinds = [errors.TfparityError]
    for kind in kinds:
        kinds += [deeper for deeper in kind.__subclasses__() if deeper not in kinds]
    return {
        **{kind.__name__: kind.exit_code for kind in kinds},
        **gate.EXIT_CODES,
        **{str(kind): code for kind, code in upgrade.EXIT_CODES.items()},
        "no answer": upgrade.NO_ANSWER,
        "slower than recorded": slowdowns.EXIT_CODE,
        "something new": scout.FOUND,
        **{number.name: signals.exit_code(signals.Ended(number)) for number in (SIGHUP, SIGINT, SIGTERM)},
    }


def documented(page: str) -> set[int]:
    """The exit codes in the first column of docs/running.md's table, ranges counted through."""
    rows = re.findall(r"^\| (\d[\d, to]*) \|", page, re.MULTILINE)
    found: set[int] = set()
    for part in (part for row in rows for part in row.split(", ")):
        first, _, last = part.partition(" to ")
        found.update(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize(("what", "code"), exit_codes().items())
def test_every_exit_code_is_documented(what: str, code: int) -> None:
    assert code in documented((ROOT / "docs" / "running.md").read_text(encoding="utf-8")), what


def test_a_code_that_the_table_lacks_is_seen() -> None:
    assert documented("| 0 | well |\n| 30 to 32, 43 | gate |\n| 39 | also |\nexit code 41") == {0, 30, 31, 32, 43, 39}
