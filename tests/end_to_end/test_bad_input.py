"""Every bad input ends with one clear message and its own exit code, never with a traceback."""

import pytest
from folders import Folder


def refused(done, code: int, *said: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr[done.stderr.rindex("tfparity: ") :]
    for text in said:
        assert text in last


def refused_by_pytest(done, code: int, *said: str) -> None:
    """The same where pytest is the front: nothing was collected, let alone run, and it is said once."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "collected" not in done.stdout
    lines = (done.stdout + done.stderr).splitlines()
    assert len([line for line in lines if said[0] in line]) == 1, lines
    refused(done, code, *said)


def test_an_unknown_key_of_the_matrix(small: Folder):
    small.replace("matrix.yaml", "pins:", "pinned:")
    refused(small.run("plan"), 11, "matrix.yaml:8: unknown key 'pinned'", "did you mean 'pins'")


def test_a_pin_that_is_no_version(small: Folder):
    small.replace("matrix.yaml", "2.3.5", '">=2"')
    refused(small.run("plan"), 11, "matrix.yaml:8", "not an exact version")


def test_a_pin_that_does_not_exist_is_a_result(small: Folder):
    small.replace("matrix.yaml", "2.3.5", "2.999.0")
    refused(small.run("plan"), 15, "small.txt", "nox -s lock")
    done = small.run("lock")
    assert done.returncode == 0, done.stderr
    assert "unresolvable" in done.stdout
    done = small.run("plan")
    assert done.returncode == 0
    assert "unresolvable: " in done.stdout
    assert "2.999.0" in done.stdout


def test_a_case_file_that_is_no_python(small: Folder):
    (small.root / "cases" / "mine.py").write_text("import\n")
    refused(small.run("plan"), 12, "mine.py:1")


def test_a_case_that_is_declared_wrongly(small: Folder):
    small.replace("cases/planted_cases.py", '"batch", 3, 8, 8', '"batch", 3, "height", 8')
    refused(small.run("plan"), 12, "planted_cases.py:7", "height")


def test_a_case_file_that_is_not_there(small: Folder):
    refused(small.run("plan", "--cases", "nowhere.py"), 12, "nowhere.py", "no such case file")


def test_a_limitation_without_a_cause(small: Folder):
    small.replace("limitations.yaml", "  cause: The planted converter freezes the batch.\n", "")
    refused(small.run("run", "--route", "freeze-batch.py"), 13, "limitations.yaml:", "'cause' is missing")


def test_broken_evidence(small: Folder):
    (small.root / "results").mkdir()
    (small.root / "results" / "small.json").write_text('{\n "schema": 1,\n "toolchain": \n}')
    refused(small.run("gate"), 14, "small.json:4", "is not JSON")


def test_a_missing_lockfile(small: Folder):
    (small.root / "lockfiles" / "small.txt").unlink()
    refused(small.run("install"), 15, "run `nox -s lock`")


def test_a_missing_interpreter(small: Folder, tmp_path):
    # an install of its own, so that the interpreter is asked for
    nowhere = str(tmp_path / "nowhere")
    done = small.run(
        "install", TFPARITY_CACHE=nowhere, PATH=nowhere, PYENV_ROOT=nowhere, UV_PYTHON_INSTALL_DIR=nowhere, HOME=nowhere
    )
    refused(done, 16, "no Python 3.11", "uv python install 3.11")


def test_no_network(small: Folder, tmp_path):
    done = small.run(
        "install", TFPARITY_CACHE=str(tmp_path / "cache"), UV_CACHE_DIR=str(tmp_path / "uv"), UV_OFFLINE="1"
    )
    refused(done, 17)


def test_a_full_disk(small: Folder, tmp_path):
    # more packages than any disk holds: each counts in the estimate that is made before anything is fetched
    lockfile = small.root / "lockfiles" / "small.txt"
    made_up = "".join(f"made-up-{n}==1.0 \\\n    --hash=sha256:{n:064x}\n" for n in range(250_000))
    lockfile.write_text(lockfile.read_text() + made_up)
    small.seal()
    refused(small.run("install", TFPARITY_CACHE=str(tmp_path / "cache")), 18, "GB of disk", "GB are free")


def test_an_index_that_gives_other_files_than_locked(small: Folder, tmp_path):
    lockfile = small.root / "lockfiles" / "small.txt"
    text = lockfile.read_text()
    first = text.index("sha256:", text.index("numpy=="))
    lockfile.write_text(text[: first + 7] + "0" * 64 + " \\\n    --hash=sha256:" + "1" * 64 + "\n")
    small.seal()
    refused(small.run("install", TFPARITY_CACHE=str(tmp_path / "cache")), 17, "small")


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "said"),
    [
        ("matrix.yaml", "schema: 1", "schema: 9", 11, "matrix.yaml:1: schema"),
        ("limitations.yaml", "- id: swapped\n", "- id: swapped\n  causes: none\n", 13, "did you mean 'cause'"),
    ],
)
def test_through_pytest_a_bad_file_ends_the_session_before_anything_runs(small: Folder, file, old, new, code, said):
    small.replace(file, old, new)
    refused_by_pytest(small.pytest(), code, file, said)


def test_through_pytest_broken_evidence_ends_the_session_before_anything_runs(small: Folder):
    (small.root / "results").mkdir()
    (small.root / "results" / "small.json").write_text('{\n "schema": 1,\n "toolchain": \n}')
    refused_by_pytest(small.pytest(), 14, "small.json:4", "is not JSON")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "planted/nets"], "no case matches 'planted/nets', did you mean 'planted/net'?"),
        (["--toolchain", "smal"], "did you mean 'small'"),
        (["--path", "nowhere"], "nowhere: is no folder"),
        (["--record", "--cases", "cases"], "--results my_results"),
    ],
)
def test_through_pytest_an_option_that_cannot_be_is_told_once(small: Folder, arguments: list[str], said: str):
    arguments = [str(small.root / "cases") if word == "cases" else word for word in arguments]
    refused_by_pytest(small.pytest(*arguments), 2, said)


def test_a_lockfile_that_is_no_text(small: Folder):
    (small.root / "lockfiles" / "small.txt").write_bytes(b"\xff\xfe")
    refused(small.run("plan"), 15, "small.txt: cannot be read", "nox -s lock")


def test_a_cache_that_cannot_be_a_folder(small: Folder):
    refused(small.run("run", TFPARITY_CACHE="/dev/null/x"), 10, "/dev/null/x", "Not a directory")


def test_through_pytest_a_cache_that_cannot_be_a_folder(small: Folder):
    small.environment["TFPARITY_CACHE"] = "/dev/null/x"
    done = small.pytest("-k", "faithful")
    assert done.returncode == 10, done.stdout + done.stderr
    assert "/dev/null/x/work" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_a_report_that_names_a_folder(small: Folder, option):
    refused(small.run("gate", option, "cases"), 2, f"{option} cases: is a folder")


@pytest.mark.parametrize("arguments", [["lock", "--resolve"], ["plan", "--route", "nothing", "--toolchain", "x"]])
def test_a_command_line_that_cannot_be(small: Folder, arguments):
    refused(small.run(*arguments), 2)
