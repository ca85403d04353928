"""What the store holds comes back; what it cannot read counts as absent and is made again."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from builders import attempt, broken
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity import paths
from tfparity.engine.store import ImportStep, Store, StoredAttempt, StoredProbe, StoredTarget
from tfparity.records.cells import (
    Artifact,
    Attempt,
    Entry,
    Failure,
    Model,
    Note,
    Problem,
    RefereeAnswer,
    Said,
    StageReply,
    TargetRun,
)
from tfparity.records.vocabulary import Grade, Outcome, Stage

KEY = hashlib.sha256(b"content").hexdigest()
USED = {"build": 2, "judge": 1}

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBER
TEXT = st.text()
WORDS = st.none() | TEXT
PROBLEM = st.builds(Problem, TEXT, TEXT)
REPLY = st.builds(StageReply, TEXT, st.sampled_from(Outcome), MAYBE, MAYBE, st.none() | PROBLEM)
ATTEMPT = st.builds(
    Attempt,
    opset=st.none() | st.integers(),
    file_opset=st.none() | st.integers(),
    remedies=st.lists(TEXT).map(tuple),
    stage=st.sampled_from(Stage),
    outcome=st.sampled_from(Outcome),
    error=st.none() | st.builds(Failure, st.sampled_from(Stage), TEXT, TEXT),
    grade=st.none() | st.sampled_from(Grade),
    max_abs=MAYBE,
    rms=MAYBE,
    cosine=MAYBE,
    top_k=MAYBE,
    floor=MAYBE,
    floor_source=WORDS,
    referee=st.none() | st.builds(RefereeAnswer, st.none() | st.sampled_from(Grade), MAYBE, WORDS),
    culprit=WORDS,
    dynamic=st.dictionaries(TEXT, st.booleans()),
    signature=st.none() | st.booleans(),
    stages=st.lists(REPLY).map(tuple),
    total_seconds=NUMBER,
    ran_at=WORDS,
    host=WORDS,
    limits=st.none() | st.tuples(NUMBER, NUMBER),
    sandboxed=st.none() | st.booleans(),
    model=st.none()
    | st.builds(Model, st.none() | st.integers(), st.integers(), WORDS, MAYBE, st.lists(TEXT).map(tuple)),
    where=WORDS,
    answer=st.none() | st.builds(Said, WORDS, WORDS),
    artifact=st.none() | st.builds(Artifact, NUMBER, NUMBER),
    notes=st.lists(st.builds(Note, TEXT, st.lists(TEXT, max_size=2).map(tuple)), max_size=2).map(tuple),
)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(TEXT, st.integers()), ATTEMPT)
def test_what_is_put_comes_back(
    tmp_path_factory: pytest.TempPathFactory, revisions: dict[str, int], made: Attempt
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    store.put_attempt(KEY, "opset-13", revisions, made)
    assert store.attempts(KEY) == {"opset-13": StoredAttempt(revisions, made)}
    found = store.attempts(KEY)["opset-13"].attempt
    assert [type(word) for word in (found.stage, found.outcome)] == [Stage, Outcome]


def test_what_was_never_put_is_absent(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    store.put_attempt(KEY, "opset-13", USED, attempt())
    assert set(store.attempts(KEY)) == {"opset-13"}
    assert store.attempts(KEY[::-1]) == {}


def test_an_attempt_takes_the_place_of_one_of_its_name_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_attempt(KEY, "opset-13", USED, attempt())
    store.put_attempt(KEY, "opset-13", {"build": 3}, broken())
    store.put_attempt(KEY, "opset-12", USED, attempt())
    assert store.attempts(KEY) == {
        "opset-13": StoredAttempt({"build": 3}, broken()),
        "opset-12": StoredAttempt(USED, attempt()),
    }


#: What stands in a file that no store of this version wrote, or that one did and a disk damaged.
WRONG: dict[str, bytes | Callable[[dict[str, Any]], object]] = {
    "nothing": b"",
    "half": b'{"revisions": {}, "attem',
    "no text": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "null": b"null",
    "text": b'"text"',
    "an empty object": b"{}",
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "an attempt alone, as older versions wrote it": lambda kept: kept["attempt"],
    "no revisions": lambda kept: {"attempt": kept["attempt"]},
    "no attempt": lambda kept: {"revisions": kept["revisions"], "attempt": None},
    "revisions that are none": lambda kept: {**kept, "revisions": ["build"]},
    "a revision that is none": lambda kept: {**kept, "revisions": {"build": "new"}},
    "an outcome that is none": lambda kept: {**kept, "attempt": {**kept["attempt"], "outcome": "fine"}},
    "a stage that is none": lambda kept: {**kept, "attempt": {**kept["attempt"], "stage": "transmute"}},
    "an error that is text": lambda kept: {**kept, "attempt": {**kept["attempt"], "error": "it broke"}},
    "no stages": lambda kept: {**kept, "attempt": {**kept["attempt"], "stages": None}},
    "remedies that are text": lambda kept: {**kept, "attempt": {**kept["attempt"], "remedies": "fixed-axes"}},
}


def sealed(file: Path, kept: bytes) -> bytes:
    """A file of that content as a store writes it."""
    place = f"{file.parent.name}/{file.name}"
    digest = hashlib.sha256(f"{place}\0".encode() + kept).hexdigest()
    return f'{{"sha256": "{digest}", "kept": '.encode() + kept + b"}"


@pytest.mark.parametrize("is_sealed", [True, False], ids=["sealed", "as it is"])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_file_that_is_damaged_or_foreign_counts_as_absent_and_can_be_made_again(
    tmp_path: Path, wrong: bytes | Callable[[dict[str, Any]], object], is_sealed: bool
) -> None:
    store = Store(tmp_path)
    store.put_attempt(KEY, "opset-13", USED, attempt())
    (file,) = files(tmp_path)
    kept = json.loads(file.read_text())["kept"]
    damaged = wrong if isinstance(wrong, bytes) else json.dumps({**kept, "opset-12": wrong(kept["opset-13"])}).encode()
    file.write_bytes(sealed(file, damaged) if is_sealed else damaged)
    assert store.attempts(KEY) == {}
    store.put_attempt(KEY, "opset-13", USED, broken())
    assert store.attempts(KEY) == {"opset-13": StoredAttempt(USED, broken())}


def test_a_record_in_which_anything_changed_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_attempt(KEY, "opset-13", USED, broken())
    (file,) = files(tmp_path)
    content = file.read_bytes()
    assert content == sealed(file, content[content.index(b"{", 1) : -1])
    for place in range(len(content) - 1):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert store.attempts(KEY) == {}, place
    file.write_bytes(content)
    assert store.attempts(KEY)
    other = Path(paths.attempts_file(tmp_path, KEY[::-1]))
    other.parent.mkdir(parents=True)
    other.write_bytes(content)  # of another cell
    assert store.attempts(KEY[::-1]) == {}


PROBE, OTHER = (StoredProbe(Entry(Outcome.PASS, None, None, None, name * 32), None) for name in ("ab", "cd"))
TARGET = StoredTarget(Entry(Outcome.PASS, None, None, None, "ab" * 32), None, TargetRun(1e-7, None, 2.0))


def test_what_probes_find_is_kept_beside_what_others_found_of_the_cell(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_probes(KEY, {PROBE.entry.key: PROBE})
    store.put_probes(KEY, {OTHER.entry.key: OTHER})
    assert store.probes(KEY) == {one.entry.key: one for one in (PROBE, OTHER)}
    failed = replace(PROBE, entry=replace(PROBE.entry, outcome=Outcome.FAIL))
    store.put_probes(KEY, {PROBE.entry.key: failed})
    assert store.probes(KEY) == {PROBE.entry.key: failed, OTHER.entry.key: OTHER}
    assert store.probes(KEY[::-1]) == {}


def test_what_is_kept_beside_attempts_counts_as_absent_where_anything_changed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_probes(KEY, {PROBE.entry.key: PROBE})
    store.put_target(TARGET.entry.key, TARGET)
    assert store.target(TARGET.entry.key) == TARGET
    for file in files(tmp_path):
        content = file.read_bytes()
        for place in range(len(content) - 1):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert not (store.probes(KEY) if file.name == "probes.json" else store.target(TARGET.entry.key)), place
        file.unlink()
        file.mkdir()
    assert (store.probes(KEY), store.target(TARGET.entry.key)) == ({}, None)
    store.put_probes(KEY, {PROBE.entry.key: PROBE})
    store.put_target(TARGET.entry.key, TARGET)
    assert (store.probes(KEY), store.target(TARGET.entry.key)) == ({PROBE.entry.key: PROBE}, TARGET)


def test_what_says_that_it_is_anothers_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_probes(KEY, {OTHER.entry.key: PROBE})
    store.put_target(OTHER.entry.key, TARGET)
    assert (store.probes(KEY), store.target(OTHER.entry.key)) == ({}, None)


def test_a_folder_in_the_place_of_a_file_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("attempts", "imports"):
        (tmp_path / KEY[:2] / KEY / f"{name}.json").mkdir(parents=True)
    assert store.attempts(KEY) == {}
    assert store.imports(KEY) == ()
    store.put_attempt(KEY, "opset-13", USED, attempt())
    assert set(store.attempts(KEY)) == {"opset-13"}


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_file_in_the_place_of_a_folder_gives_way(tmp_path: Path, depth: int) -> None:
    store = Store(tmp_path / "cache" / "store")
    place = [store.root, store.root / KEY[:2], store.root / KEY[:2] / KEY][depth]
    place.parent.mkdir(parents=True)
    place.write_text("")
    assert store.attempts(KEY) == {}
    store.put_attempt(KEY, "opset-13", USED, attempt())
    assert set(store.attempts(KEY)) == {"opset-13"}


def test_a_put_leaves_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_attempt(KEY, "opset-13", USED, attempt())
    store.put_attempt(KEY, "opset-13+fixed-axes-1", USED, attempt())
    assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == [f"{KEY[:2]}/{KEY}/attempts.json"]


def test_what_a_killed_writer_left_goes_with_the_next_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.put_attempt(KEY, "opset-13", USED, attempt())
    (file,) = files(tmp_path)
    file.with_name("attempts.json.4242.7").write_text('{"a": ')
    file.with_name("imports.json.4242.7").write_text('{"a": ')
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != 4242)
    store.put_attempt(KEY, "opset-13", USED, attempt())
    assert sorted(path.name for path in file.parent.iterdir()) == ["attempts.json", "imports.json.4242.7"]


# How imports went

STEP = st.builds(ImportStep, TEXT, st.sampled_from(Outcome), NUMBER, st.none() | PROBLEM)


@settings(deadline=None, max_examples=30)
@given(st.lists(STEP, min_size=1))
def test_imports_that_are_put_come_back(tmp_path_factory: pytest.TempPathFactory, steps: list[ImportStep]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    store.put_imports(KEY, steps)
    assert store.imports(KEY) == tuple(steps)
    assert store.imports(KEY[::-1]) == ()


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"null", b"[1]", b'[{"module": "torch"}]', b"\xff"])
def test_imports_that_cannot_be_read_count_as_absent(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.put_imports(KEY, [ImportStep("torch", Outcome.PASS, 1.0)])
    (file,) = files(tmp_path)
    file.write_bytes(content)
    assert store.imports(KEY) == ()
