"""What was read is found again for the same file, content and reader alone, and a damaged entry is no entry."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tfparity.inputs.read_cache import ReadCache

FILE, CONTENT = Path("/zoo/family.py"), b"WIDTH = 4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path))
    return tmp_path / "read"


@pytest.fixture
def kept(folder: Path) -> ReadCache:
    """With one reading in it."""
    cache = ReadCache("case", "1")
    cache.put(FILE, CONTENT, b"what it came to")
    return cache


def test_a_reading_is_found_again(kept: ReadCache) -> None:
    assert kept.get(FILE, CONTENT) == b"what it came to"


def test_a_reading_may_be_empty(kept: ReadCache) -> None:
    kept.put(FILE, CONTENT, b"")
    assert kept.get(FILE, CONTENT) == b""


@pytest.mark.parametrize(
    ("cache", "file", "content"),
    [
        (ReadCache("case", "1"), FILE, b"WIDTH = 5\n"),
        (ReadCache("case", "1"), Path("/zoo/other.py"), CONTENT),
        (ReadCache("case", "2"), FILE, CONTENT),
        (ReadCache("code", "1"), FILE, CONTENT),
    ],
)
def test_of_another_content_file_reader_or_kind_there_is_none(
    kept: ReadCache, cache: ReadCache, file: Path, content: bytes
) -> None:
    assert cache.get(file, content) is None


def test_a_file_has_one_entry_of_a_kind(kept: ReadCache, folder: Path) -> None:
    kept.put(FILE, b"WIDTH = 5\n", b"another")
    assert kept.get(FILE, CONTENT) is None
    assert kept.get(FILE, b"WIDTH = 5\n") == b"another"
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", ["empty", "short", "long", "flipped", "other"])
def test_a_damaged_entry_is_none_and_is_made_again(kept: ReadCache, folder: Path, damage: str) -> None:
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(
        {
            "empty": b"",
            "short": whole[:-1],
            "long": whole + b"!",
            "flipped": whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
            "other": b"\0" * len(whole),
        }[damage]
    )
    assert kept.get(FILE, CONTENT) is None
    kept.put(FILE, CONTENT, b"what it came to")
    assert entry.read_bytes() == whole


def test_an_entry_that_is_a_folder_is_none_and_gives_way(kept: ReadCache, folder: Path) -> None:
    (entry,) = folder.iterdir()
    entry.unlink()
    entry.mkdir()
    assert kept.get(FILE, CONTENT) is None
    kept.put(FILE, CONTENT, b"what it came to")
    assert kept.get(FILE, CONTENT) == b"what it came to"


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/x"])
def test_without_a_folder_that_can_be_written_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("TFPARITY_CACHE", place)
    cache = ReadCache("case", "1")
    cache.put(FILE, CONTENT, b"what it came to")
    assert cache.get(FILE, CONTENT) is None


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    for name in ("TFPARITY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    cache = ReadCache("case", "1")
    cache.put(FILE, CONTENT, b"what it came to")
    assert cache.get(FILE, CONTENT) is None


def test_of_many_that_write_at_once_each_finds_its_own_or_none(kept: ReadCache) -> None:
    def work(number: int) -> set[bytes | None]:
        content, found = b"%d" % (number % 2), set()
        for _ in range(50):
            kept.put(FILE, content, content * 10_000)
            found.add(kept.get(FILE, content))
        return found - {None, content * 10_000}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [set()] * 4
