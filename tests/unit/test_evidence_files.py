"""Files of results/ are canonical: the same facts give the same bytes, broken files say where."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import RECORDS, RULES, TOOLCHAIN, attempt, broken, document, entry, record

from tfparity.errors import EvidenceError, InputError
from tfparity.evidence import files, gate_rates, latency, schema
from tfparity.evidence.explain import explain
from tfparity.evidence.schema import Evidence
from tfparity.inputs import claims, limitations, quarantine
from tfparity.paths import Project
from tfparity.records.cells import Failure
from tfparity.records.vocabulary import Grade, Stage, Verdict

GOOD = "operators/gelu"

REFUSED = Failure(Stage.LOAD, "RuntimeError", "a kernel is missing")


def full() -> Evidence:
    """Evidence in which every key has something to say."""
    content = explain(document(*RECORDS), RULES)
    beside = {
        "probes": {"training": entry("p1")},
        "targets": {"tflite-float32": entry("t1", megabytes=12.34)},
        "runtimes": {"tf2.15": entry("r1"), "tf2.4": entry("r2", REFUSED)},
    }
    cells = (replace(cell, level=2, **beside) if cell.case == GOOD else cell for cell in content.cells)
    return replace(content, cells=tuple(cells), errors={**content.errors, REFUSED.fingerprint: REFUSED})


def changed(content: Evidence, case: str, **changes: Any) -> Evidence:
    """The evidence with one cell another."""
    cells = (replace(cell, **changes) if cell.case == case else cell for cell in content.cells)
    return replace(content, cells=tuple(cells))


# What is written


def test_a_document_has_its_keys_in_order_and_a_line_per_cell() -> None:
    text = schema.encode(document(*RECORDS)).decode()
    content = json.loads(text)
    assert list(content) == ["schema", "toolchain", "environments", "source", "routes", "errors", "cells"]
    assert content["schema"] == schema.SCHEMA == 2
    assert [cell["case"] for cell in content["cells"]] == sorted(record.case for record in RECORDS)
    assert list(content["environments"][TOOLCHAIN]) == [
        "python", "lock_sha256", "packages", "shims", "resolve", "install", "import",
    ]  # fmt: skip
    assert list(content["environments"][TOOLCHAIN]["packages"]) == ["onnx", "onnx-tf", "tensorflow", "torch"]
    assert {tuple(error) for error in content["errors"].values()} == {("stage", "type", "message")}
    assert {tuple(cell) for cell in content["cells"]} == {
        (
            "case", "route", "verdict", "grade", "opset", "attempts", "remedies", "error", "limitation", "max_abs",
            "floor", "dynamic", "signature", "level", "probes", "targets", "runtimes", "unlocked", "key",
        )
    }  # fmt: skip
    assert {tuple(tried) for cell in content["cells"] for tried in cell["attempts"]} == {
        ("opset", "file_opset", "remedies", "stage", "outcome", "error")
    }
    lines = [line for line in text.splitlines() if line.startswith('  {"case": ')]
    assert len(lines) == len(RECORDS)
    assert all(json.loads(line.rstrip(",")) in content["cells"] for line in lines)
    assert text.endswith("}\n")


def test_what_stands_beside_a_verdict_is_written_by_name_with_a_key_each() -> None:
    (cell,) = (cell for cell in json.loads(schema.encode(full()))["cells"] if cell["case"] == GOOD)
    assert cell["level"] == 2
    assert list(cell["runtimes"]) == ["tf2.15", "tf2.4"]
    assert cell["runtimes"]["tf2.4"] == {
        "outcome": "fail", "error": REFUSED.fingerprint, "max_abs": None, "megabytes": 1.5, "key": "r2",
    }  # fmt: skip


def test_numbers_of_a_cell_are_powers_of_ten_that_repeat_on_another_processor() -> None:
    here, there = document(record("a/b")), document(record("a/b", attempt(max_abs=3.9e-6, floor=9.9e-7)))
    assert (here.cells[0].max_abs, here.cells[0].floor) == (1e-5, 1e-6)
    assert schema.encode(here) == schema.encode(there)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    project = Project(tmp_path)
    content = full()
    path = files.save(project, content)
    assert path == tmp_path / "results" / f"{TOOLCHAIN}.json"
    assert files.load(path) == content
    assert files.load_all(project) == {TOOLCHAIN: content}
    assert files.load_one(project, TOOLCHAIN) == content
    assert files.load_one(project, "other") is None
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    files.save(project, files.load(path))
    assert path.read_bytes() == schema.encode(content)


def test_a_file_that_was_found_right_is_not_checked_again_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path / "cache"))
    path = files.save(Project(tmp_path), full())
    checked: list[Evidence] = []
    monkeypatch.setattr(files, "_fault", checked.append)
    assert [files.load(path), files.load(path)] == [full()] * 2
    assert len(checked) == 1
    monkeypatch.undo()
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path / "cache"))
    for old, new in (
        (b'"verdict": "broken"', b'"verdict": "partial"'),
        (b'"schema": 2,', b'"schema": 2, "schema": 2,'),
    ):
        right = path.read_bytes()
        assert old in right
        path.write_bytes(right.replace(old, new, 1))
        for _ in range(2):
            with pytest.raises(EvidenceError):
                files.load(path)
        path.write_bytes(right)
        assert files.load(path) == full()


def test_a_file_in_another_layout_is_read_and_written_as_it_should_be(tmp_path: Path) -> None:
    content = full()
    path = files.save(Project(tmp_path), content)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")), sort_keys=True), encoding="utf-8")
    assert files.load(path) == content
    assert schema.encode(files.load(path)) == schema.encode(content) != path.read_bytes()


def test_text_of_every_kind_survives(tmp_path: Path) -> None:
    odd = 'quote " backslash \\ <b>&amp;</b> | `x` é 漢 \u2603'
    content = document(record("a/b", broken(odd)))
    (error,) = files.load(files.save(Project(tmp_path), content)).errors.values()
    assert error.message == odd


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    path = files.save(project, document(*RECORDS))
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        files.save(project, document(RECORDS[0]))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# Schema 1


def first(content: Evidence) -> dict[str, Any]:
    """The document as schema 1 wrote it: an error has the limitation of all its cells, numbers have two digits."""
    made: dict[str, Any] = json.loads(schema.encode(content))
    made["schema"] = 1
    rules = {cell["error"]: cell["limitation"] for cell in made["cells"] if cell["error"]}
    for name, error in made["errors"].items():
        error["limitation"] = rules.get(name)
    for cell in made["cells"]:
        for name in ("limitation", "level", "probes", "runtimes", "unlocked"):
            del cell[name]
        cell["targets"] = {}
        if cell["max_abs"] is not None:
            cell["max_abs"], cell["floor"] = 1.7e-6, 9.1e-7
    return made


def written(folder: Path, content: object, name: str = TOOLCHAIN) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def test_a_file_of_schema_1_is_read_as_what_it_says_in_schema_2(tmp_path: Path) -> None:
    content = explain(document(*RECORDS), RULES)
    assert files.load(written(tmp_path, first(content))) == content


def test_a_limitation_of_schema_1_moves_from_its_error_to_the_cells_that_fail_by_it(tmp_path: Path) -> None:
    made = [record("a/works", broken(), attempt(12)), record("a/one", broken()), record("a/two", broken())]
    old = first(document(*made))
    (error,) = old["errors"].values()
    error["limitation"] = "unsqueeze"
    found = files.load(written(tmp_path, old))
    assert {cell.case: cell.limitation for cell in found.cells} == {
        "a/one": "unsqueeze", "a/two": "unsqueeze", "a/works": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("was", "now"), [(1.7e-6, 1e-5), (1e-6, 1e-6), (9.9e-7, 1e-6), (0.0, 0.0), (None, None), (3, 10.0)]
)
def test_numbers_of_schema_1_are_rounded_up_to_a_power_of_ten(
    tmp_path: Path, was: float | None, now: float | None
) -> None:
    old = first(document(record("a/b")))
    old["cells"][0].update(max_abs=was, floor=was, grade="1e-5")
    (cell,) = files.load(written(tmp_path, old)).cells
    assert (cell.max_abs, cell.floor) == (now, now)


def test_a_file_of_schema_1_is_written_in_schema_2(tmp_path: Path) -> None:
    content = files.load(written(tmp_path, first(document(*RECORDS))))
    assert json.loads(schema.encode(content))["schema"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["cells"][0].update(limitation="gru"), "unknown key 'limitation'"),
        (lambda c: c["cells"][0].update(level=1), "unknown key 'level'"),
        (lambda c: c["cells"][0].pop("targets"), "lacks targets"),
        (lambda c: c["cells"][0].update(max_abs=True), "max_abs: Input should be a valid number"),
        (lambda c: c["cells"][0].update(verdict="works"), "is works and has an error"),
        (lambda c: next(iter(c["errors"].values())).pop("limitation"), "lacks limitation"),
        (lambda c: next(iter(c["errors"].values())).update(limitation=7), "limitation: Input should be a valid string"),
    ],
)
def test_a_broken_file_of_schema_1_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    old = first(document(*RECORDS))
    change(old)
    with pytest.raises(EvidenceError) as caught:
        files.load(written(tmp_path, old))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Files that are broken


def damaged(folder: Path, change: Callable[[Any], object]) -> Path:
    content = json.loads(schema.encode(full()))
    change(content)
    return written(folder, content)


def good(content: Any) -> Any:
    return next(cell for cell in content["cells"] if cell["case"] == GOOD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(schema=3), "schema 3, this tfparity reads 2"),
        (lambda c: c.pop("schema"), "schema None"),
        (lambda c: c.update(schema=True), "schema True"),
        (lambda c: c.update(schema=2.0), "schema 2.0"),
        (lambda c: c.update(toolchain="other"), "evidence of 'other'"),
        (lambda c: c.pop("routes"), "lacks routes"),
        (lambda c: c.update(more=1), "unknown key 'more'"),
        (lambda c: c.update(cells={}), "cells is not a list"),
        (lambda c: c.update(errors=[]), "errors is no object"),
        (lambda c: c["cells"].append(3), "no object with case and route"),
        (lambda c: c["cells"].append(c["cells"][0]), "stands twice"),
        (lambda c: c["cells"][0].pop("key"), "lacks key"),
        (lambda c: c["cells"][0].pop("limitation"), "lacks limitation"),
        (lambda c: c["cells"][0].pop("unlocked"), "lacks unlocked"),
        (lambda c: c["cells"][0].update(more=1), "unknown key 'more'"),
        (lambda c: c["cells"][0].update(verdict="fine"), "verdict: Input should be 'works', "),
        (lambda c: c["cells"][0].update(verdict="stale"), "verdict: 'stale' is none of works, works-with-remedy, "),
        (lambda c: c["cells"][0].update(grade="1e-4"), "grade: Input should be 'float32-noise', "),
        (lambda c: c["cells"][0].update(attempts=[]), "no attempt at opset 12 met its error"),
        (lambda c: c["cells"][0]["attempts"][0].pop("opset"), "lacks attempts.0.opset"),
        (lambda c: c["cells"][0].update(error="0123456789ab"), "no attempt at opset 12 met its error"),
        (lambda c: c["cells"][0].update(dynamic=None), "dynamic is no object"),
        (lambda c: c["cells"][0].update(error=None), "is broken and has no error"),
        (lambda c: c["cells"][0].update(error=["x"]), "error: Input should be a valid string"),
        (lambda c: c["cells"][0]["attempts"].append(3), "attempts.2 is no object"),
        (lambda c: c["cells"][0]["attempts"][0].update(error=None), "attempts.0: its outcome is fail, with no error"),
        (lambda c: c["cells"][0]["attempts"][0].update(outcome="pass"), "its outcome is pass, with an error"),
        (lambda c: c["cells"][0].update(level="1"), "level: Input should be a valid integer"),
        (lambda c: c["cells"][0].update(unlocked=0), "unlocked: Input should be a valid boolean"),
        (lambda c: good(c).update(limitation="unsqueeze"), "is works-with-remedy and has a limitation"),
        (lambda c: good(c)["probes"].update(more=1), "probes.more is no object"),
        (lambda c: good(c)["targets"]["tflite-float32"].pop("key"), "lacks targets.tflite-float32.key"),
        (lambda c: good(c)["runtimes"]["tf2.4"].update(size=1), "unknown key 'runtimes.tf2.4.size'"),
        (lambda c: good(c)["runtimes"]["tf2.15"].update(error="0123456789ab"), "which the file has not"),
        (lambda c: c["errors"].clear(), "which the file has not"),
        (lambda c: next(iter(c["errors"].values())).pop("message"), "lacks message"),
        (lambda c: next(iter(c["errors"].values())).update(limitation=None), "unknown key 'limitation'"),
        (lambda c: c["environments"][TOOLCHAIN].pop("python"), "lacks python"),
        (lambda c: c["environments"].update({TOOLCHAIN: []}), "is no object"),
        (lambda c: c["environments"][TOOLCHAIN].update(packages={"torch": 2}), "packages.torch: Input should be"),
        (lambda c: c.update(source=None), "source names no environment"),
        (lambda c: c["routes"].update(other=None), "the route 'other' names no environment"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        files.load(damaged(tmp_path, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def places(value: Any, *way: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*way, key)
        yield from places(value[key], *way, key)


@pytest.mark.parametrize("number", schema.READ)
@pytest.mark.parametrize(
    "wrong", [None, True, 0, -1.5, "", "x", [], ["x"], {}, {"x": None}, float("nan"), float("inf"), "\ud800"]
)
def test_a_value_of_any_type_anywhere_is_read_or_refused_in_one_line(tmp_path: Path, wrong: Any, number: int) -> None:
    content = full()
    content = replace(content, cells=tuple(cell for cell in content.cells if cell.case in (GOOD, "operators/gru")))
    text = json.dumps(first(content) if number == 1 else json.loads(schema.encode(content)))
    path = tmp_path / f"{TOOLCHAIN}.json"
    for *way, last in places(json.loads(text)):
        document = inside = json.loads(text)
        for key in way:
            inside = inside[key]
        inside[last] = wrong
        path.write_text(json.dumps(document), encoding="utf-8")
        try:
            schema.encode(explain(files.load(path), RULES))
        except EvidenceError as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - most are refused, some may pass


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        # a verdict typed in over attempts that all failed
        ("operators/gru", {"verdict": "works", "error": None}, "is works, but no attempt at opset 12 passed"),
        (GOOD, {"opset": 13}, "is works-with-remedy, but no attempt at opset 13 passed"),
        (GOOD, {"opset": 11}, "no attempt at opset 11 passed"),
        (GOOD, {"grade": None}, "the grade null is not right"),
        (GOOD, {"grade": "1e-3"}, "the grade 1e-3 is not right"),
        (GOOD, {"dynamic": {"batch": True, "height": False}}, "the axis 'height' is lost"),
        (GOOD, {"signature": None}, "the signature is not kept"),
        (GOOD, {"remedies": []}, "is works-with-remedy, but the remedies are none"),
        (GOOD, {"verdict": "works"}, "is works, but the remedies are opset-12"),
        (
            GOOD,
            {"grade": "float32-noise", "max_abs": 123.0, "floor": 1e-6},
            "123.0 is no noise where the floor is 1e-06",
        ),
        (GOOD, {"remedies": ["shim:onnx-mapping"]}, "opset 12 is not the first that was tried"),
        (GOOD, {"max_abs": "small"}, "max_abs: Input should be a valid number"),
        (GOOD, {"max_abs": -1e-6}, "max_abs: -1e-06 is below 0"),
        ("operators/gru", {"verdict": "partial"}, "is partial, but the grade is null"),
        ("operators/gru", {"grade": "float32-noise"}, "is broken, but the grade is float32-noise"),
        ("operators/interpolate", {"verdict": "broken"}, "is broken, but the grade is float32-noise"),
        ("operators/interpolate", {"grade": "diverged"}, "is partial, but the grade is diverged"),
        ("operators/interpolate", {"opset": 12}, "no attempt at opset 12 met its error"),
    ],
)
def test_a_verdict_that_does_not_follow_from_the_rest_is_refused_by_its_line(
    tmp_path: Path, case: str, change: dict[str, Any], message: str
) -> None:
    path = files.save(Project(tmp_path), document(*RECORDS))
    lines = path.read_text(encoding="utf-8").splitlines()
    (place,) = (number for number, line in enumerate(lines) if f'"case": "{case}"' in line)
    comma = "," if lines[place].endswith(",") else ""
    lines[place] = f"  {json.dumps({**json.loads(lines[place].rstrip(',')), **change})}{comma}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        files.load(path)
    assert message in str(caught.value)
    assert caught.value.line == place + 1


@pytest.mark.parametrize(
    ("max_abs", "floor", "noise"), [(1e-5, 1e-6, True), (1e-4, 1e-6, False), (1e-6, 1e-6, True), (0.0, 0.0, True)]
)
def test_noise_is_at_most_a_power_of_ten_over_its_floor(
    tmp_path: Path, max_abs: float, floor: float, noise: bool
) -> None:
    """Four times the floor, and both are rounded up."""
    content = changed(document(record("a/b")), "a/b", max_abs=max_abs, floor=floor)
    path = files.save(Project(tmp_path), content)
    if noise:
        assert files.load(path) == content
        return
    with pytest.raises(EvidenceError, match="is no noise"):
        files.load(path)


def test_a_diverged_answer_is_broken_and_a_drifted_one_partial(tmp_path: Path) -> None:
    wrong = attempt(13, "parity", "fail", "off", "ConverterDiverged", grade=Grade.DIVERGED, max_abs=3.0)
    drifted = attempt(13, "parity", "fail", "off", "ConverterDrifted", grade=Grade.WITHIN_1E3, max_abs=3e-4)
    content = document(record("a/b", wrong), record("a/c", drifted))
    assert [cell.verdict for cell in content.cells] == [Verdict.BROKEN, Verdict.PARTIAL]
    assert files.load(files.save(Project(tmp_path), content)) == content


def test_a_broken_cell_is_found_by_its_line(tmp_path: Path) -> None:
    path = files.save(Project(tmp_path), document(*RECORDS))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if "operators/gru" in line)
    lines[number] = lines[number].replace('"verdict": "broken"', '"verdict": "fine"')
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        files.load(path)
    assert caught.value.line == number + 1


@pytest.mark.parametrize(
    "text",
    [
        *["", "{", "<<<<<<< HEAD\n{}\n", "[]", "3", '{"schema": 1, "schema": 1}', '{"schema": 1}', '{"schema": 2}'],
        *["[" * 100_000, "9" * 10_000],
    ],
)
def test_a_file_that_is_no_evidence_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvidenceError):
        files.load(path)


def test_a_conflict_marker_is_found_by_its_line(tmp_path: Path) -> None:
    path = files.save(Project(tmp_path), document(*RECORDS))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:4], "<<<<<<< HEAD\n", *lines[4:]]), encoding="utf-8")
    with pytest.raises(EvidenceError) as caught:
        files.load(path)
    assert caught.value.line == 5


def test_a_file_of_other_bytes_or_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no such file"):
        files.load(tmp_path / "t.json")
    (tmp_path / "t.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(EvidenceError, match="cannot be read"):
        files.load(tmp_path / "t.json")


def test_a_canonical_file_that_has_a_cell_twice_is_refused(tmp_path: Path) -> None:
    content = document(record("a/b"))
    path = files.save(Project(tmp_path), replace(content, cells=content.cells * 2))
    with pytest.raises(EvidenceError, match="a/b by onnx-tf stands twice"):
        files.load(path)


# What a pull request may put in the place of a file


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


@pytest.mark.parametrize("put", [os.mkfifo, endless, sparse, Path.mkdir])
def test_what_is_no_plain_file_or_has_no_end_is_refused_by_its_name(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    project = Project(tmp_path)
    runs = project.results / "runs" / "small.json"
    reads: list[tuple[Path, Callable[[], object]]] = [
        (project.results / "small.json", lambda: files.load_all(project)),
        (project.results / "small.json", lambda: files.load_one(project, "small")),
        (runs, lambda: files.load_runs(project)),
        (runs, lambda: files.load_runs_of(project, "small")),
        (project.flaky, lambda: quarantine.load(project.flaky)),
        (project.claims, lambda: claims.load(project.claims)),
        (project.limitations, lambda: limitations.load(project.limitations)),
        (latency.path(project, "small"), lambda: latency.load(project, "small")),
        (gate_rates.path(project), lambda: gate_rates.load(project)),
    ]
    for path, read in reads:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            put(path)
        with pytest.raises(InputError, match=re.escape(path.name)):
            read()


def test_a_link_of_ones_own_is_read(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    elsewhere = files.save(Project(tmp_path / "elsewhere"), full())
    project.results.mkdir(parents=True)
    (project.results / elsewhere.name).symlink_to(elsewhere)
    assert files.load_all(project) == files.load_all(Project(tmp_path / "elsewhere"))
