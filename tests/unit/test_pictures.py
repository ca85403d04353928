"""The pictures: from the evidence alone, the same bytes each time, well-formed whatever stands in them."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tfparity.evidence.query import Query, Table
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Verdict
from tfparity.report import plots
from tfparity.report.svg import Box, Dot, Line, Picture, Words, render

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def table(committed_table: Table) -> Table:
    return committed_table


def test_text_cannot_leave_its_place() -> None:
    foreign = '</text><script>alert(1)</script> & "x"'
    shapes = [
        Words(1, 2, foreign),
        Box(0, 0, 1, 1, "works", foreign),
        Dot(1, 1, 1, "filled", foreign),
        Line(0, 0, 1, 1),
    ]
    made = ET.fromstring(render(Picture(10, 10, foreign, foreign, shapes)))
    assert [one.text for one in made.iter(f"{SVG}title")] == [foreign] * 3
    assert not list(made.iter(f"{SVG}script"))


def test_numbers_have_one_digit_and_no_picture_asks_anything_of_the_net(table: Table) -> None:
    for text in (render(made(table)) for made in (plots.versions, plots.dates, plots.exactness, plots.latency)):
        ET.fromstring(text)
        outside = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http" not in outside
        assert "href" not in outside
        assert len(text) < 20_000


def test_a_bar_is_as_tall_as_its_count(table: Table) -> None:
    found = plots.by_release(table)
    boxes = [shape for shape in plots.versions(table).shapes if isinstance(shape, Box) and shape.said]
    scale = {round(box.height / int(box.said.split(": ")[1].split()[0]), 6) for box in boxes}
    assert len(scale) == 1
    counted = {(str(id), word): counts[v] for id, counts in found.items() for v, _, word in plots.PARTS if counts[v]}
    told = {
        (box.said.split(":")[0], box.said.split(" ", 5)[5]): int(box.said.split(": ")[1].split()[0]) for box in boxes
    }
    assert told == counted


def test_a_case_counts_once_for_each_tensorflow_and_only_where_it_can_be(table: Table) -> None:
    for id, counts in plots.by_release(table).items():
        assert sum(counts.values()) <= len(table.core)
        assert set(counts) <= {verdict for verdict, _, _ in plots.PARTS}, id
    default = table.selection.matrix.environments[table.default].pins["tensorflow"].rpartition(".")[0]
    newest = next(counts for id, counts in plots.by_release(table).items() if id.version == default)
    works = Counter(
        cell.planned.case
        for cells in table.core.values()
        for cell in cells
        if cell.verdict.works and cell.planned.toolchain == table.default
    )
    assert newest[Verdict.WORKS] + newest[Verdict.WORKS_WITH_REMEDY] >= len(works)


def test_ratios_are_of_cells_that_work_alone(table: Table) -> None:
    for route, values in plots.ratios(table).items():
        cells = [cell for mine in table.cells.values() for cell in mine if cell.planned.route == route]
        assert values == sorted(values)
        assert 0 < len(values) <= sum(cell.verdict.works for cell in cells)


def test_every_cell_that_was_timed_has_its_ratios(table: Table) -> None:
    timed = [one for one in table.query.latencies.values() if one.samples]
    picture = plots.latency(table)
    dots = [shape for shape in picture.shapes if isinstance(shape, Dot) and shape.said]
    told = [one.compared(subject, "torch") for one in timed for subject in ("saved-model", "saved-model-xla")]
    assert len(dots) == sum(found is not None and found.median is not None for found in told) > 0
    assert all(dot.said in picture.about for dot in dots)


def test_a_project_without_evidence_has_pictures_too(tmp_path: Path) -> None:
    nothing = Choice(toolchains=("all",), tier="core", results=tmp_path)
    empty = Table(Query(Selection(nothing, Project(ROOT))))
    assert "nothing was run" in render(plots.dates(empty))
    assert "nothing was run" in render(plots.exactness(empty))
    assert "nothing was timed" in render(plots.latency(empty))
    assert ET.fromstring(render(plots.versions(empty))) is not None


def test_the_same_evidence_makes_the_same_bytes(table: Table) -> None:
    assert plots.contents(table) == plots.contents(table)
    for path, text in plots.contents(table).items():
        assert path.read_bytes() == text.encode()
