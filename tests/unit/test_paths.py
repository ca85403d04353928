"""Files of text appear whole or not at all."""

import errno
import hashlib
import inspect
import os
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tfparity import paths
from tfparity.errors import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_takes_the_place_of_what_was_there_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("old")
    paths.write_text(path, "✓ new\n")
    assert path.read_bytes() == "✓ new\n".encode()
    assert names(tmp_path) == ["page.md"]


def test_what_was_there_stays_where_the_new_text_finds_no_room(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    path.write_text("old")

    def full(self, *_, **__):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as refused:
        paths.write_text(path, "new")
    assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["page.md"]


def test_a_folder_that_is_not_there_is_named_by_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as refused:
        paths.write_text(tmp_path / "nowhere" / "page.md", "new")
    assert refused.value.filename == str(tmp_path / "nowhere" / "page.md")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to("there")
    paths.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced(tmp_path):
    paths.write_text(Path("/dev/null"), "new")
    assert Path("/dev/null").is_char_device()


def test_an_installed_package_brings_its_project_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought, own = tmp_path / "package", tmp_path / "own"
    monkeypatch.delenv("TFPARITY_PROJECT", raising=False)
    monkeypatch.setattr(paths, "INSTALLED", brought)
    own.mkdir()
    monkeypatch.chdir(own)
    assert paths.project() == paths.Project(own)
    brought.mkdir()
    assert paths.project() == paths.Project(brought)
    (own / "matrix.yaml").touch()
    assert paths.project() == paths.Project(own)


def test_the_package_needs_what_requirements_in_names_for_running() -> None:
    root = Path(__file__).parents[2]
    running = (root / "requirements.in").read_text().partition("# running\n")[2].partition("\n\n")[0].split()
    with (root / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["dependencies"] == running


def test_threads_write_one_file_side_by_side(tmp_path):
    path = tmp_path / "file.txt"

    def write(number):
        for _ in range(50):
            paths.write_text(path, str(number) * 100)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(set(path.read_text())) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["file.txt"]


# What killed writers left


@pytest.fixture
def gone(monkeypatch):
    """A process that is no more; every other is there."""
    monkeypatch.setattr(psutil, "pid_exists", lambda pid: pid != 4242)
    return 4242


@pytest.mark.parametrize("name", [".page.md.{}.7", "page.md.{}.140735"])
def test_the_next_write_removes_what_a_killed_writer_left(tmp_path, gone, name):
    (tmp_path / name.format(gone)).write_text("hal")
    paths.write_text(tmp_path / "page.md", "whole")
    assert names(tmp_path) == ["page.md"]


@pytest.mark.parametrize("name", ["page.md.99999999999999999999.1", "page.md.4294967296.1"])
def test_what_is_no_number_of_a_process_is_not_running(tmp_path, name):
    (tmp_path / name).write_text("hal")
    paths.write_text(tmp_path / "page.md", "whole")
    assert names(tmp_path) == ["page.md"]


def test_what_another_writer_is_at_stays(tmp_path, gone):
    (tmp_path / f".page.md.{os.getpid()}.7").write_text("hal")
    paths.write_text(tmp_path / "page.md", "whole")
    assert names(tmp_path) == [f".page.md.{os.getpid()}.7", "page.md"]


@pytest.mark.parametrize(
    "name",
    [
        "page.md",
        "page.md.bak",
        "page.md.4242",
        "page.md.4242.7.txt",
        "other.md.4242.7",
        "..page.md.4242.7",
        "a.page.md.4242.7",
        "pageXmd.4242.7",
        "page.md.4242.x",
    ],
)
def test_what_is_named_otherwise_stays(tmp_path, gone, name):
    (tmp_path / name).write_text("a person's own")
    paths.clear_unfinished(tmp_path / "page.md")
    assert (tmp_path / name).read_text() == "a person's own"


def test_beside_the_file_that_a_link_names_it_is_removed_too(tmp_path, gone):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/there")
    (tmp_path / "real" / f".there.{gone}.7").write_text("hal")
    paths.write_text(tmp_path / "link", "whole")
    assert names(tmp_path / "real") == ["there"]


def test_what_cannot_be_removed_stays_and_the_file_is_written(tmp_path, gone):
    (tmp_path / f"page.md.{gone}.7").mkdir()
    paths.write_text(tmp_path / "page.md", "whole")
    assert names(tmp_path) == ["page.md", f"page.md.{gone}.7"]


def test_where_there_is_no_folder_there_is_nothing_to_remove(tmp_path):
    paths.clear_unfinished(tmp_path / "nowhere" / "page.md")


def test_what_is_below_a_folder_is_told_without_following_links_or_failing(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    (tmp_path / "a" / "link").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "a" / "pipe")
    assert {str(path.relative_to(tmp_path)) for path in paths.below(tmp_path)} == {
        "a/b/file",
        "a/link",
        "a/pipe",
        "loop",
    }
    assert list(paths.below(tmp_path / "nowhere")) == []
    assert list(paths.below(tmp_path / "a" / "b" / "file")) == []


def test_links_in_a_circle_have_a_path(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    assert paths.real(tmp_path / "one").parent == tmp_path.resolve()


@pytest.mark.parametrize("named", ["", "relative/cache", "~/cache"])
def test_a_cache_folder_that_is_not_absolute_is_not_taken(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.delenv("TFPARITY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", "/home/someone")
    assert paths.cache().root == Path("/home/someone/.cache/tfparity")


def test_who_has_no_home_is_asked_for_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TFPARITY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UsageError, match="set TFPARITY_CACHE"):
        paths.cache()
    monkeypatch.setenv("TFPARITY_CACHE", "/cache")
    assert paths.cache().root == Path("/cache")


def test_a_file_of_code_under_test_is_opened_where_it_is_a_plain_one(tmp_path: Path) -> None:
    plain, link, pipe, folder = (tmp_path / name for name in ("plain", "link", "pipe", "folder"))
    plain.write_bytes(b"content")
    link.symlink_to(plain)
    os.mkfifo(pipe)
    folder.mkdir()
    with os.fdopen(paths.open_untrusted(plain), "rb") as file:
        assert file.read() == b"content"
    for other in (link, pipe, folder, tmp_path / "gone", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"."):
            paths.open_untrusted(other)


def test_a_folder_is_removed_however_deep_it_is(tmp_path, monkeypatch):
    top = tmp_path / "top"
    top.mkdir()
    monkeypatch.chdir(top)
    deepest = sys.getrecursionlimit()
    for _ in range(300):
        Path("d").mkdir()
        Path("file").touch()
        os.chdir("d")
    monkeypatch.chdir(tmp_path)
    (top / "link").symlink_to(tmp_path)
    (tmp_path / "stays").touch()
    sys.setrecursionlimit(len(inspect.stack()) + 200)
    try:
        paths.remove_folder(top)
    finally:
        sys.setrecursionlimit(deepest)
    assert names(tmp_path) == ["stays"]


def test_a_folder_is_removed_with_those_that_nobody_may_enter(tmp_path):
    top, other = tmp_path / "top", tmp_path / "other"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "file").touch()
    other.mkdir(0o500)
    (top / "link").symlink_to(other)
    for folder in (top / "a" / "b", top / "a"):
        folder.chmod(0)
    paths.remove_folder(top)
    assert names(tmp_path) == ["other"]
    assert other.stat().st_mode & 0o777 == 0o500


def test_rights_are_given_to_a_folder_and_through_no_link(tmp_path):
    (tmp_path / "folder").mkdir(0)
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(OSError, match=r"."):
        paths._permit(tmp_path / "link")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0
    paths._permit(tmp_path / "folder")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("odd", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["a pipe", "a device"])
def test_what_has_no_end_has_no_digest(tmp_path, odd):
    odd(tmp_path / "x")
    with pytest.raises(OSError, match="is no plain file"):
        paths.digest([tmp_path / "x"])


def test_a_file_by_a_link_has_a_digest(tmp_path):
    (tmp_path / "x").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").symlink_to(tmp_path / "x")
    assert paths.digest([tmp_path / "folder" / "x"]) == paths.digest([tmp_path / "x"])


# Files that are none


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def socket_file(path):
    os.mknod(path, 0o140644)


def hole(path):
    with path.open("wb") as file:
        file.truncate(2**42)


@pytest.mark.parametrize("put", [pipe, device, socket_file, hole, Path.mkdir])
def test_what_is_no_plain_file_or_has_no_end_is_refused_and_not_waited_for(tmp_path, put):
    path = tmp_path / "matrix.yaml"
    put(path)
    for read in (paths.read_bytes, paths.read_text, paths.look_at):
        with pytest.raises(OSError, match=r"is no plain file|takes more than 32 MiB|Is a directory|No such device"):
            read(path)
    with pytest.raises(OSError, match=r"matrix\.yaml"):
        paths.read_untrusted(path, 1000)


def test_a_link_of_ones_own_is_followed_and_that_of_code_under_test_is_not(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"a\r\nb\rc\n")
    link.symlink_to(file)
    assert paths.read_bytes(link) == b"a\r\nb\rc\n"
    assert paths.read_text(link) == link.read_text() == "a\nb\nc\n"
    assert paths.digest([link], tmp_path) != paths.digest([file], tmp_path)
    for untrusted in (lambda: paths.read_untrusted(link, 100), lambda: paths.digest([link], None, NO_BOUNDS)):
        with pytest.raises(OSError, match="symbolic links"):
            untrusted()
    assert paths.read_untrusted(file, 7) == paths.read_bytes(file)
    with pytest.raises(OSError, match="takes more than"):
        paths.read_untrusted(file, 6)


NO_BOUNDS = paths.Bounds(2**30, lambda: None)


def test_a_digest_is_the_same_however_carefully_it_is_made(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    for number, file in enumerate(files):
        file.write_bytes(b"x" * (3 * 2**20 * number))
    assert paths.digest(files) == paths.digest(files, None, NO_BOUNDS)
    assert paths.digest(files, tmp_path) == paths.digest(files, tmp_path, NO_BOUNDS)
    known = hashlib.sha256()
    for file in files:
        known.update(f"{file.name}\0{file.stat().st_size}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    assert paths.digest(files) == known.hexdigest()  # kept bundles have it
    with pytest.raises(OSError, match="takes more than"):
        paths.digest(files, None, paths.Bounds(3 * 2**20 - 1, lambda: None))


@pytest.mark.parametrize("put", [pipe, device, socket_file, lambda path: path.symlink_to("/nowhere"), Path.mkdir])
def test_what_stands_in_the_place_of_a_file_of_the_cache_makes_way(tmp_path, put):
    file = tmp_path / "store" / "ab" / "attempts.json"
    file.parent.mkdir(parents=True)
    put(file)
    paths.make_way(file, tmp_path)
    assert not file.exists()
    assert not file.is_symlink()
