"""What the store holds comes back; what it cannot read counts as absent; keys follow content."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.store import Store, key

KEY = hashlib.sha256(b"content").hexdigest()

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), JSON))
def test_what_is_put_comes_back(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    store.put(KEY, "opset-13", value)
    assert store.get(KEY, "opset-13") == value


def test_what_was_never_put_is_absent(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    store.put(KEY, "opset-13", {"a": 1})
    assert store.get(KEY, "opset-12") is None
    assert store.get(KEY[::-1], "opset-13") is None


def test_a_second_value_takes_the_place_of_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, "opset-13", {"a": 1})
    store.put(KEY, "opset-13", {"a": 2})
    assert store.get(KEY, "opset-13") == {"a": 2}


@pytest.mark.parametrize("content", [b"", b'{"outcome": "pa', b"\xff\xfe\x00", b"[1, 2]", b"null", b'"text"'])
def test_a_file_that_is_no_whole_record_counts_as_absent_and_can_be_made_again(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.put(KEY, "opset-13", {"a": 1})
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(content)
    assert store.get(KEY, "opset-13") is None
    store.put(KEY, "opset-13", {"a": 2})
    assert store.get(KEY, "opset-13") == {"a": 2}


def test_a_folder_in_the_place_of_a_file_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / KEY[:2] / KEY / "opset-13.json").mkdir(parents=True)
    assert store.get(KEY, "opset-13") is None


def test_a_put_leaves_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, "opset-13", {})
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        f"{KEY[:2]}/{KEY}/opset-13.json"
    ]


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), JSON), st.randoms())
def test_keys_are_equal_for_equal_content_in_any_order(value: dict[str, object], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert key("cell", dict(items)) == key("cell", value)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text() | st.integers() | st.none()), st.lists(st.text() | st.integers() | st.none()))
def test_keys_differ_for_different_content(one: list[object], other: list[object]) -> None:
    assert (key(*one) == key(*other)) == (one == other)


def test_a_tuple_and_a_list_of_the_same_are_the_same_content() -> None:
    assert key((1, ("a", 2))) == key([1, ["a", 2]])


def test_parts_do_not_run_together() -> None:
    assert len({key("ab", "c"), key("a", "bc"), key("abc"), key(["ab", "c"])}) == 4


def test_a_key_is_a_sha256_that_stays_the_same() -> None:
    assert key("cell", {"b": 1, "a": [13, None]}) == hashlib.sha256(b'["cell",{"a":[13,null],"b":1}]').hexdigest()


def test_what_is_not_json_has_no_key() -> None:
    with pytest.raises(TypeError):
        key(object())
