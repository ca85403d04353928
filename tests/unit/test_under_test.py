"""Packages under test: what is asked for, how they lie over a lock, and what is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tfparity import cli
from tfparity.environments import changed, interpreters, lock, under_test, wheels
from tfparity.environments.changed import Resolver
from tfparity.environments.under_test import Asked, UnderTest
from tfparity.environments.uv_command import Completed
from tfparity.errors import NetworkError, PackageError, TfparityError, UsageError
from tfparity.features import under_test as sessions
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.paths import Cache, Project

MATRIX = """\
schema: 1
default: one
environments:
  - {id: torch-side, python: "3.11", as-of: 2024-05-20, pins: {torch: 2.2.2, onnx: 1.16.0}}
  - {id: tf-side, python: "3.10", as-of: 2024-05-20, shims: [legacy-keras], pins: {onnx: 1.16.0, onnx-tf: 1.10.0}}
toolchains:
  - {id: one, python: "3.11", as-of: 2024-05-20, pins: {torch: 2.2.2, onnx: 1.16.0, onnx-tf: 1.10.0}}
  - {id: two, source: torch-side, routes: {onnx-tf: tf-side}}
  - {id: plain, python: "3.11", as-of: 2024-05-20, pins: {tensorflow: 2.15.1}}
  - {id: other, source: torch-side, routes: {onnx-tf: tf-side, onnx2tf: tf-side}}
"""


class Uv:
    """uv as planned: resolves to what is asked, builds a wheel of that name and version; keeps its commands."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.refusal: str | None = None
        self.builds = ("onnx-tf", "1.11.0")
        self.copied: list[str] | None = None

    def __call__(self, command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
        self.commands.append(list(command))
        if self.refusal:
            return Completed(1, "", self.refusal)
        if Path(command[0]).name == "git":
            return Completed(128, "", "not a git repository")
        if "build" in command:
            files = sorted(path.name for path in Path(command[-1]).rglob("*") if path.is_file())
            assert self.copied in (None, files)
            out = Path(command[command.index("--out-dir") + 1])
            out.mkdir()
            made(out, *self.builds)
            return Completed(0, "", "")
        out = Path(command[command.index("--output-file") + 1])
        out.write_text("".join(f"{line} \\\n    --hash=sha256:aa\n" for line in stdin.splitlines()))
        return Completed(0, "", "")

    @property
    def built(self) -> int:
        return sum("build" in command for command in self.commands)


def made(folder: Path, name: str, version: str, tag: str = "py3-none-any", metadata: str = "", body: str = "") -> Path:
    """A wheel; of `body` its only module."""
    folder.mkdir(parents=True, exist_ok=True)
    distribution = name.replace("-", "_")
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"
    parts = {"METADATA": head, "WHEEL": "Wheel-Version: 1.0\n", "RECORD": ""}
    return zipped(
        folder / f"{distribution}-{version}-{tag}.whl",
        {f"{distribution}.py": body, **{f"{distribution}-{version}.dist-info/{one}": parts[one] for one in parts}},
    )


def zipped(file: Path, content: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return file


@pytest.fixture
def declared(tmp_path: Path) -> Matrix:
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    return matrix.load(tmp_path / "matrix.yaml")


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    return Uv()


@pytest.fixture
def resolver(tmp_path: Path, declared: Matrix, uv: Uv) -> Resolver:
    """Of a project whose environments are locked at their pins, and at numpy."""
    project = Project(tmp_path)
    project.lockfiles.mkdir()
    for environment in declared.environments.values():
        pins = {**environment.pins, "numpy": "1.26.4"}
        lines = "".join(
            f"{name}=={version} \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
            for name, version in sorted(pins.items())
        )
        lock.write(project.lockfiles, environment, lock.Resolved(lines, None))
    return Resolver(project, Cache(tmp_path / "cache"), changed.yesterday(), run=uv)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return made(tmp_path / "wheels", "onnx-tf", "1.10.0+mine")


def laid(declared: Matrix, base: str, resolver: Resolver, *asked: str) -> tuple[Matrix, str]:
    extended, id, _ = under_test.over(declared, base, [under_test.read(text) for text in asked], resolver)
    return extended, id


def environments(found: tuple[Matrix, str]) -> list[Environment]:
    extended, id = found
    return [extended.environments[name] for name in extended.toolchains[id].environments()]


# What is asked for


def test_a_package_is_a_wheel_a_folder_an_archive_or_a_version(tmp_path: Path, wheel: Path) -> None:
    archive = tmp_path / "onnx-tf.tar.gz"
    archive.touch()
    assert under_test.read(f"onnx_tf={wheel}") == Asked("onnx-tf", made_of=wheel)
    assert under_test.read(f"onnx-tf={tmp_path}") == Asked("onnx-tf", made_of=tmp_path)
    assert under_test.read(f"onnx-tf={archive}") == Asked("onnx-tf", made_of=archive)
    for text in ("onnx-tf=1.9.0", "Onnx.TF == 1.9.0"):
        assert under_test.read(text) == Asked("onnx-tf", version="1.9.0")


@pytest.mark.parametrize("text", ["onnx-tf", "=1.0", "onnx-tf=", "-x=1.0", "./wheel.whl"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write PACKAGE=WHEEL, PACKAGE=FOLDER or PACKAGE=VERSION"):
        under_test.read(text)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("/no/such.whl", "/no/such.whl is not there"),
        ("no/folder", "no/folder is not there"),
        ("newest", "newest is no version, and no wheel or folder of that name is there"),
        (__file__, "is neither a wheel nor an archive of sources"),
        ("~nosuchuser/x.whl", "~nosuchuser/x.whl: cannot be looked for: "),
        ("x" * 300, "x: cannot be looked for: File name too long"),
    ],
)
def test_what_is_not_there_is_told(what: str, said: str) -> None:
    with pytest.raises(PackageError, match=said):
        under_test.read(f"onnx-tf={what}")


# How it lies over a lock


def test_a_wheel_replaces_one_package_and_nothing_else(declared: Matrix, resolver: Resolver, wheel: Path) -> None:
    found = laid(declared, "two", resolver, f"onnx-tf={wheel}")
    source, target = environments(found)
    assert source == declared.environments["torch-side"]
    assert isinstance(target, UnderTest)
    assert (target.python, target.shims, target.published) == ("3.10", ("legacy-keras",), False)
    base = lock.status(resolver.project, declared.environments["tf-side"])
    now = lock.status(resolver.project, target)
    assert (now.kind, now.packages) == ("locked", {**base.packages, "onnx-tf": "1.10.0+mine"})
    assert target.beneath(now.path) == base.path
    (kept,) = target.over()
    assert (kept.name, kept.read_bytes()) == (wheel.name, wheel.read_bytes())
    extended, id = found
    assert extended.toolchains[id].over == "two"
    assert extended.toolchains["two"].over is None


def test_a_package_of_both_sides_lies_over_both(declared: Matrix, resolver: Resolver, tmp_path: Path) -> None:
    onnx = made(tmp_path / "wheels", "onnx", "1.16.0+mine")
    both = environments(laid(declared, "two", resolver, f"onnx={onnx}"))
    assert [lock.status(resolver.project, one).packages["onnx"] for one in both] == ["1.16.0+mine"] * 2


def test_the_content_makes_the_key_and_neither_name_nor_place_does(
    declared: Matrix, resolver: Resolver, wheel: Path, tmp_path: Path
) -> None:
    def key(file: Path) -> tuple[str, str]:
        (one,) = environments(laid(declared, "one", resolver, f"onnx-tf={file}"))
        return one.id, lock.status(resolver.project, one).sha256

    first = key(wheel)
    moved = tmp_path / "elsewhere" / wheel.name
    moved.parent.mkdir()
    moved.write_bytes(wheel.read_bytes())
    assert key(moved) == first
    edited = key(made(tmp_path / "edited", "onnx-tf", "1.10.0+mine", body="x = 1"))
    assert edited[0] != first[0]
    assert edited[1] != first[1]
    assert first[1] != lock.status(resolver.project, declared.environments["one"]).sha256


def test_two_toolchains_of_the_same_environments_stay_two(declared: Matrix, resolver: Resolver, wheel: Path) -> None:
    extended, id = laid(declared, "two", resolver, f"onnx-tf={wheel}")
    extended, other = laid(extended, "other", resolver, f"onnx-tf={wheel}")
    assert id != other
    assert extended.toolchains[id].environments() == extended.toolchains[other].environments()


def test_a_version_is_resolved_again_and_a_wheel_lies_over_that(
    declared: Matrix, resolver: Resolver, wheel: Path
) -> None:
    (version,) = environments(laid(declared, "one", resolver, "onnx-tf=1.9.0"))
    assert lock.status(resolver.project, version).packages["onnx-tf"] == "1.9.0"
    assert not version.published
    (both,) = environments(laid(declared, "one", resolver, "onnx=1.15.0", f"onnx-tf={wheel}"))
    packages = lock.status(resolver.project, both).packages
    assert (packages["onnx"], packages["onnx-tf"]) == ("1.15.0", "1.10.0+mine")


def test_a_package_takes_the_place_of_another_with_the_same_modules(
    declared: Matrix, resolver: Resolver, tmp_path: Path
) -> None:
    (version,) = environments(laid(declared, "plain", resolver, "tensorflow-cpu=2.15.0"))
    packages = lock.status(resolver.project, version).packages
    assert (packages.get("tensorflow-cpu"), packages.get("tensorflow")) == ("2.15.0", None)
    file = made(tmp_path / "w", "tensorflow-cpu", "2.15.1+mine")
    (wheel,) = environments(laid(declared, "plain", resolver, f"tensorflow-cpu={file}"))
    packages = lock.status(resolver.project, wheel).packages
    assert (packages.get("tensorflow-cpu"), packages.get("tensorflow")) == ("2.15.1+mine", None)
    assert wheel.pins == {"tensorflow-cpu": "2.15.1+mine"}
    assert wheel.given_up() == ("tensorflow",)
    own = made(tmp_path / "w", "tensorflow", "2.15.1+mine")
    (wheel,) = environments(laid(declared, "plain", resolver, f"tensorflow={own}"))
    assert wheel.given_up() == ()
    with pytest.raises(UsageError, match="tensorflow-cpu: as tensorflow, is given more than once"):
        laid(declared, "plain", resolver, "tensorflow=2.15.0", "tensorflow-cpu=2.15.0")


def sources(folder: Path) -> Path:
    (folder / "onnx_tf").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (folder / "onnx_tf" / "relu.py").write_text("right")
    return folder


def test_a_folder_is_built_once_for_each_content_of_a_copy(
    declared: Matrix, resolver: Resolver, uv: Uv, tmp_path: Path
) -> None:
    folder = sources(tmp_path / "sources")
    ids = []
    for change in ("right", "right", "wrong", "right"):
        (folder / "onnx_tf" / "relu.py").write_text(change)
        (folder / "build").mkdir(exist_ok=True)  # what a build left there is no source
        (folder / "build" / f"{len(ids)}.o").touch()
        ids.append(environments(laid(declared, "one", resolver, f"onnx-tf={folder}"))[0].id)
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert uv.built == 2
    assert all(str(folder) != word for command in uv.commands for word in command)


def test_what_a_wheel_asks_for_and_is_not_there_is_told(declared: Matrix, resolver: Resolver, tmp_path: Path) -> None:
    asks = "Requires-Dist: numpy>=2\nRequires-Dist: jax\nRequires-Dist: onnx\nRequires-Dist: x; python_version<'3'\n"
    asks += "Requires-Dist: y; python_full_version>='3.12'\nRequires-Dist: z; python_full_version<'3.11.4'\n"
    file = made(tmp_path / "w", "onnx-tf", "2.0", metadata=asks)
    _, _, (one,) = under_test.over(declared, "one", [under_test.read(f"onnx-tf={file}")], resolver)
    assert one.lacks == ("numpy>=2 (1.26.4 is there)", "jax (none is there)")
    told = sessions.said("one", [one])
    assert told[0].startswith("one with onnx-tf 2.0 (wheel ")
    assert "asks for numpy>=2 (1.26.4 is there), jax (none is there)" in told[1]


# What is refused


def refused(declared: Matrix, resolver: Resolver, *asked: str) -> TfparityError:
    before = sorted(resolver.project.lockfiles.iterdir())
    with pytest.raises(TfparityError) as wrong:
        laid(declared, "one", resolver, *asked)
    assert sorted(resolver.project.lockfiles.iterdir()) == before
    return wrong.value


@pytest.mark.parametrize(
    ("name", "version", "tag", "metadata", "said"),
    [
        (
            "onnx-tf",
            "2.0",
            "cp37-cp37m-manylinux1_x86_64",
            "",
            "is for cp37-cp37m-manylinux1_x86_64, and one is Python 3.11",
        ),
        ("onnx-tf", "2.0", "cp311-cp311-win_amd64", "", "is for cp311-cp311-win_amd64, and one is Python 3.11"),
        ("onnx-tf", "2.0", "py3-none-any", "Requires-Python: <3.10\n", "is for Python <3.10, and one is Python 3.11"),
        ("onnx", "2.0", "py3-none-any", "", "is the package onnx, not onnx-tf: write --with onnx="),
        ("onnx-tf", "2.0", "py3-none-any", "Requires-Dist: a b c\n", "its METADATA cannot be read"),
        ("onnx-tf", "2.0", "py3-none-any", "Requires-Python: >=x\n", "its METADATA cannot be read"),
        ("onnx-tf", "2.0", "py3-none-any", "Requires-Dist: a; os_name ~= 'posix'\n", "a marker that says nothing"),
    ],
)
def test_a_wheel_that_does_not_fit_is_refused(
    declared: Matrix, resolver: Resolver, tmp_path: Path, name: str, version: str, tag: str, metadata: str, said: str
) -> None:
    file = made(tmp_path / "w", name, version, tag, metadata)
    wrong = refused(declared, resolver, f"onnx-tf={file}")
    assert (wrong.exit_code, said in str(wrong)) == (27, True), str(wrong)


def test_a_native_wheel_for_this_python_is_taken(declared: Matrix, resolver: Resolver, tmp_path: Path) -> None:
    for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp38-abi3-manylinux1_x86_64", "py2.py3-none-any"):
        assert environments(laid(declared, "one", resolver, f"onnx-tf={made(tmp_path / tag, 'onnx-tf', '2.0', tag)}"))


def test_what_is_no_whole_wheel_or_no_project_is_refused(
    declared: Matrix, resolver: Resolver, tmp_path: Path, wheel: Path
) -> None:
    data = wheel.read_bytes()
    wheel.write_bytes(data[:-40])
    assert "is no wheel, or is cut off" in str(refused(declared, resolver, f"onnx-tf={wheel}"))
    wheel.write_bytes(data.replace(b"Version: 1.10", b"Version: 1.11"))
    assert "is damaged" in str(refused(declared, resolver, f"onnx-tf={wheel}"))
    named = wheel.with_name("wheel.whl")
    named.write_bytes(data)
    assert "is no wheel's name" in str(refused(declared, resolver, f"onnx-tf={named}"))
    zipped(wheel, {"é.py": ""})
    wheel.write_bytes(wheel.read_bytes().replace("é".encode(), b"\xff\xff"))
    assert "is no wheel, or is cut off" in str(refused(declared, resolver, f"onnx-tf={wheel}"))
    (tmp_path / "empty").mkdir()
    assert "is no Python project" in str(refused(declared, resolver, f"onnx-tf={tmp_path / 'empty'}"))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_wheel_of_damaged_compression_is_refused(
    declared: Matrix, resolver: Resolver, tmp_path: Path, method: int
) -> None:
    file = tmp_path / "onnx_tf-2.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("onnx_tf.py", "".join(map(str, range(5000))))
    data = bytearray(file.read_bytes())
    data[50:120] = b"\xff" * 70
    file.write_bytes(data)
    wrong = refused(declared, resolver, f"onnx-tf={file}")
    assert wrong.exit_code == 27
    assert str(file) in str(wrong)


@pytest.mark.parametrize(
    ("changed_to", "said"),
    [
        ({"METADATA": "Name: onnx-tf\nVersion: 3.0\n"}, "its name says onnx-tf 2.0, and its METADATA onnx-tf 3.0"),
        ({"METADATA": "Name: other\nVersion: 2.0\n"}, "its name says onnx-tf 2.0, and its METADATA other 2.0"),
        ({"METADATA": "Name: onnx-tf\nVersion: new\n"}, "its METADATA cannot be read"),
        ({"METADATA": "Name: onnx-tf\n"}, "its METADATA cannot be read"),
        ({"METADATA": None}, "no METADATA"),
        ({"WHEEL": None}, "no WHEEL"),
        ({"RECORD": None}, "no RECORD"),
    ],
)
def test_a_wheel_that_contradicts_itself_or_lacks_a_part_is_refused(
    declared: Matrix, resolver: Resolver, tmp_path: Path, changed_to: dict[str, str | None], said: str
) -> None:
    parts = {"METADATA": "Name: onnx-tf\nVersion: 2.0\n", "WHEEL": "", "RECORD": "", **changed_to}
    held = {f"onnx_tf-2.0.dist-info/{part}": text for part, text in parts.items() if text is not None}
    file = zipped(tmp_path / "onnx_tf-2.0-py3-none-any.whl", held)
    wrong = refused(declared, resolver, f"onnx-tf={file}")
    assert (wrong.exit_code, said in str(wrong)) == (27, True), str(wrong)


def test_what_does_not_build_or_resolve_ends_with_its_reason(
    declared: Matrix, resolver: Resolver, uv: Uv, tmp_path: Path
) -> None:
    folder = sources(tmp_path / "sources")
    uv.refusal = "error: Failed to build\n  SyntaxError: invalid syntax"
    wrong = refused(declared, resolver, f"onnx-tf={folder}")
    assert (wrong.exit_code, "SyntaxError" in str(wrong)) == (27, True)
    uv.refusal = "error: error sending request for url"
    assert isinstance(refused(declared, resolver, f"onnx-tf={folder}"), NetworkError)
    uv.refusal = "error: No solution found when resolving dependencies\n  there is no version of onnx-tf==9.8"
    wrong = refused(declared, resolver, "onnx-tf=9.8")
    assert wrong.exit_code == 27
    assert str(wrong).startswith("--with onnx-tf==9.8: the index has no such version of onnx-tf as of ")
    uv.refusal = "error: No solution found when resolving dependencies\n  onnx-tf==9.9 wants another onnx"
    wrong = refused(declared, resolver, "onnx-tf=9.9")
    assert wrong.exit_code == 27
    assert "one with onnx-tf==9.9 cannot be resolved" in str(wrong)
    assert "onnx-tf==9.9 wants another onnx" in str(wrong)


def test_an_unknown_package_is_refused_with_the_one_that_is_meant(declared: Matrix, resolver: Resolver) -> None:
    assert "holds the package 'onnxtf', did you mean 'onnx-tf'?" in str(refused(declared, resolver, "onnxtf=1.0"))
    assert "pin it in matrix.yaml first" in str(refused(declared, resolver, "jax=1.0"))
    assert "given more than once" in str(refused(declared, resolver, "onnx=1.0", "onnx=1.1"))


def test_sources_are_told_apart_by_name_and_content(tmp_path: Path) -> None:
    one, other = sources(tmp_path / "one"), sources(tmp_path / "other")
    assert wheels.digest_of(one) == wheels.digest_of(other)
    (other / "onnx_tf" / "relu.py").rename(other / "onnx_tf" / "gelu.py")
    assert wheels.digest_of(one) != wheels.digest_of(other)


def test_a_package_named_as_a_build_folder_is_source_and_a_build_folder_is_not(tmp_path: Path) -> None:
    folder = sources(tmp_path / "sources")
    seen = {wheels.digest_of(folder)}
    for name in ("build", "dist", "venv", "node_modules"):
        (folder / name).mkdir()
        (folder / name / "left.py").touch()
    for name in ("__pycache__", ".venv", "x.egg-info"):
        (folder / "onnx_tf" / name).mkdir()
        (folder / "onnx_tf" / name / "left.py").touch()
    assert {wheels.digest_of(folder)} == seen
    for name in ("build", "dist", "venv"):
        (folder / "onnx_tf" / name).mkdir()
        (folder / "onnx_tf" / name / "__init__.py").write_text("x = 1")
        assert wheels.digest_of(folder) not in seen
        seen.add(wheels.digest_of(folder))


def test_what_is_digested_is_what_is_built_links_followed(
    declared: Matrix, resolver: Resolver, uv: Uv, tmp_path: Path
) -> None:
    folder, beside = sources(tmp_path / "sources"), tmp_path / "beside"
    (beside / "build").mkdir(parents=True)
    (beside / "build" / "gelu.py").write_text("right")
    (folder / "onnx_tf" / "linked").symlink_to(beside)
    (folder / "onnx_tf" / "one.py").symlink_to(beside / "build" / "gelu.py")
    (folder / "onnx_tf" / "loop").symlink_to(folder)
    (folder / "onnx_tf" / "nowhere").symlink_to(tmp_path / "no such")
    (folder / "build").mkdir()
    (folder / "build" / "left.o").touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").touch()
    uv.copied = ["HEAD", "gelu.py", "one.py", "pyproject.toml", "relu.py"]
    first = environments(laid(declared, "one", resolver, f"onnx-tf={folder}"))[0].id
    (beside / "build" / "gelu.py").write_text("wrong")
    assert environments(laid(declared, "one", resolver, f"onnx-tf={folder}"))[0].id != first
    assert uv.built == 2


def test_a_moved_tag_is_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.shutil, "which", lambda name: f"/usr/bin/{name}")
    folder = sources(tmp_path / "sources")

    def told(status: int, said: str) -> str:
        return wheels.digest_of(folder, lambda command, **_: Completed(status, said, ""))

    without = told(0, "v1.0-0-gabc")
    assert without == wheels.digest_of(folder)  # no .git: nobody is asked
    (folder / ".git").mkdir()
    assert len({without, told(0, "v1.0-0-gabc"), told(0, "v1.1-0-gabc")}) == 3
    assert told(128, "") == without
    monkeypatch.setattr(wheels.shutil, "which", lambda name: None)
    assert told(0, "v1.0-0-gabc") == without


# The command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("run --score", "--score is of a package under test"),
        ("run --score-json x.json", "--score is of a package under test"),
        ("run --with onnx-tf=1.9.0 --score --level 2", "leave out --level 2, or --score"),
        ("run --with onnx-tf=1.9.0 --score-json x.json --target all", "leave out --target, or --score"),
        ("run --with onnx-tf=1.9.0 --record", "nothing of it goes into results/: leave out --record"),
        (
            "run --with onnx-tf=1.9.0 --shard 1/2 --record --results mine",
            "toolchains of matrix.yaml alone",
        ),
        ("gate --with onnx-tf=1.9.0 --update", "nothing of it goes into results/: leave out --update"),
        ("run --with onnx-tf=1.9.0 --need stale", "--need asks for what is recorded of a toolchain"),
        ("run --with onnx-tf", "write PACKAGE=WHEEL, PACKAGE=FOLDER or PACKAGE=VERSION"),
        ("bundles run x --with onnx-tf=1.9.0 --python p", "name that with --toolchain, and leave out --python"),
        ("bundles run x --score", "--score is of a package under test"),
    ],
)
def test_what_means_nothing_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, said: str
) -> None:
    monkeypatch.setenv("TFPARITY_PROJECT", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments.split()) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("what", ["~nosuchuser/x.whl", "x" * 300])
def test_a_value_that_is_no_path_ends_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, what: str
) -> None:
    monkeypatch.setenv("TFPARITY_PROJECT", str(Path(__file__).parents[2]))
    assert cli.main([command, "--with", f"onnx-tf={what}"]) == 27
    told = capsys.readouterr()
    assert told.err.startswith(f"tfparity: --with onnx-tf={what}: cannot be looked for: ")
    assert told.err.count("\n") == 1
