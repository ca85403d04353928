"""noxfile.py's own decisions: a stamp says what was installed, not what should have been."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nox
import pytest
from nox.command import CommandFailed

from tfparity import errors as errors_of_ours
from tfparity import paths
from tfparity.features.gate import compare
from tfparity.features.upgrade import kinds, scout

PROJECT = paths.PACKAGE.parent.parent


@pytest.fixture(scope="module")
def loaded() -> ModuleType:
    """Once: nox keeps a register of sessions."""
    spec = importlib.util.spec_from_file_location("menu", paths.PACKAGE.parent.parent / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def menu(loaded: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "requirements.in").write_text("numpy\n")
    (tmp_path / "requirements.txt").write_text("numpy==2.3.5\n")
    monkeypatch.setattr(loaded, "ROOT", tmp_path)
    monkeypatch.setattr(loaded, "REQUIREMENTS", tmp_path / "requirements.txt")
    return loaded


class Session:
    """nox's session as far as installing goes: it keeps what was asked of it. `installs` is false under -R."""

    def __init__(self, folder, *, installs=True):
        self.virtualenv = SimpleNamespace(location=str(folder))
        self.cache_dir, self.bin, self.python = folder / ".cache", str(folder / "compat" / "bin"), None
        self.env: dict[str, str] = {}
        self.invoked_from = str(folder)
        self.installs = installs
        self.installed: list[tuple] = []
        self.warnings: list[str] = []
        self.resolved = 0
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def create_tmp(self):
        return str(self.folder)

    def run(self, *words, **_):
        """Resolve, as uv would."""
        self.resolved += 1
        output = Path(words[words.index("--output-file") + 1])
        output.write_text(f"# made via\n#    nox -s lock\nnumpy==2.3.{5 + self.resolved}\n")

    def log(self, message):
        pass

    def error(self, message):
        raise RuntimeError(message)

    def run_install(self, *words, log=True):
        if not self.installs:
            return None
        if words[:2] == ("uv", "venv"):
            (Path(words[-1]) / "bin").mkdir(parents=True)
            (Path(words[-1]) / "bin" / "python").touch()
        if words[0] == "uv":
            self.installed.append(words)
        return True

    def warn(self, message):
        self.warnings.append(message)


def test_requirements_are_installed_once_and_again_when_they_change(menu, tmp_path):
    session, done = Session(tmp_path / "made"), []
    for _ in range(2):
        menu.install_into(session, tmp_path / "made", lambda: done.append("first"))
    menu.REQUIREMENTS.write_text("numpy==2.3.6\n")
    for _ in range(2):
        menu.install_into(session, tmp_path / "made", lambda: done.append("second"))
    assert done == ["first", "second"]
    assert session.warnings == []


def test_where_nox_installs_nothing_the_stamp_stays_and_a_warning_says_so(menu, tmp_path):
    done = []
    menu.install_into(Session(tmp_path / "made"), tmp_path / "made", lambda: done.append("first"))
    stamp = (tmp_path / "made" / "requirements.sha256").read_text()
    menu.REQUIREMENTS.write_text("numpy==2.3.6\n")
    skipping = Session(tmp_path / "made", installs=False)
    menu.install_into(skipping, tmp_path / "made", lambda: done.append("never"))
    assert (tmp_path / "made" / "requirements.sha256").read_text() == stamp
    assert "requirements.txt has changed since" in skipping.warnings[0]
    menu.install_into(Session(tmp_path / "made"), tmp_path / "made", lambda: done.append("second"))
    assert done == ["first", "second"]


def test_an_install_that_fails_leaves_no_stamp(menu, tmp_path):
    def fails():
        raise RuntimeError("no network")

    session = Session(tmp_path / "made")
    menu.install_into(session, tmp_path / "made", lambda: None)
    menu.REQUIREMENTS.write_text("numpy==2.3.6\n")
    with pytest.raises(RuntimeError):
        menu.install_into(session, tmp_path / "made", fails)
    assert not (tmp_path / "made" / "requirements.sha256").exists()


def test_another_interpreters_environment_is_made_and_stamped(menu, tmp_path):
    session = Session(tmp_path / "made")
    runner = Path(menu.ours(session, "3.99", "/opt/python3.99"))
    assert runner.exists()
    assert [words[1] for words in session.installed] == ["venv", "pip"]
    assert (tmp_path / "made" / "python3.99" / "requirements.sha256").is_file()


def test_another_interpreters_environment_that_was_never_made_is_only_warned_of(menu, tmp_path):
    session = Session(tmp_path / "made", installs=False)
    assert not Path(menu.ours(session, "3.99", "/opt/python3.99")).exists()
    assert len(session.warnings) == 1


def test_every_session_shares_one_environment_of_a_python(menu, tmp_path):
    session = Session(tmp_path / "made")
    first, second = menu.prepare(session), menu.prepare(session)
    assert first == second
    assert len(session.installed) == 2  # venv and pip, once
    assert menu.ours(session, menu.own_version(session), "/another/session/bin/python") == first
    assert session.env["PATH"].startswith(str(Path(first).parent))
    session.python = "python3.99"
    assert menu.prepare(session) != first


def test_where_nothing_may_be_installed_and_nothing_is_there_the_remedy_is_told(menu, tmp_path):
    with pytest.raises(RuntimeError, match="was never made: run once without -R"):
        menu.prepare(Session(tmp_path / "made", installs=False))


def test_the_menu_tells_each_session_in_one_whole_line(loaded):
    sessions = nox.registry.get()
    assert len(sessions) > 40
    for name, session in sessions.items():
        told = (session.__doc__ or "").strip()
        assert "\n" not in told, f"nox -l cuts the line of {name}"
        assert told.endswith("."), name
        assert len(f"- {name} -> {told}") <= 120, name


def test_our_own_requirements_are_resolved_where_their_input_changed_or_again(menu, tmp_path):
    session = Session(tmp_path / "made")

    def said(**given):
        menu.lock_ourselves(session, check=False, **given)
        return menu.REQUIREMENTS.read_text().splitlines()[-1]

    assert said() == said() == "numpy==2.3.6"
    (tmp_path / "requirements.in").write_text("numpy\nscipy\n")
    assert said() == said() == "numpy==2.3.7"
    assert said(again=True) == "numpy==2.3.8"
    assert session.resolved == 3


def test_a_check_of_our_own_requirements_writes_nothing(menu, tmp_path):
    session = Session(tmp_path / "made")
    with pytest.raises(RuntimeError, match="not made from this requirements"):
        menu.lock_ourselves(session, check=True)
    menu.lock_ourselves(session, check=False)
    menu.lock_ourselves(session, check=True)
    assert session.resolved == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["-s", "compat(tf2.15)", "gate", "-R", "lint", "--", "-s", "no"], "", ["compat(tf2.15)", "gate"]),
        (["--session=tests", "-e", "lint", "--list"], "", ["tests", "lint"]),
        (["-l"], "zoo, lint", ["zoo", "lint"]),
        (["--", "-s", "compat(x)"], "", []),
    ],
)
def test_the_sessions_that_a_command_line_names(loaded, arguments, environment, named):
    assert loaded.named_sessions(arguments, environment) == named


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("compat(tf2.15)", ["compat(tf2.15-torch2.15)"]),
        ("compat(tf2.12)", ["compat(tf2.12-torch1.13)"]),
        ("compat(tf2.12-torch1.31)", ["compat(tf2.12-torch1.13)"]),
        ("gat", ["gate"]),
        ("tabel", ["table"]),
        ("xyzzy-and-more", []),
    ],
)
def test_a_session_that_is_none_is_told_with_the_one_that_is_meant(loaded, name, meant):
    known = [*(f"compat({id})" for id in loaded.toolchains()), "compat", "gate", "table", "lint", "tests"]
    assert loaded.meant(name, known) == meant


def test_a_session_of_that_name_is_there_and_ends_with_the_hint(loaded, monkeypatch):
    monkeypatch.setattr(nox.registry, "_REGISTRY", nox.registry._REGISTRY.copy())
    known = list(nox.registry.get())
    said = []
    for name in ("compat(tf2.15)", "xyzzy-and-more"):
        loaded.refuse(name, known)
        nox.registry.get()[name].func(SimpleNamespace(error=said.append))
    assert said == [
        "there is no session 'compat(tf2.15)', did you mean -s \"compat(tf2.15-torch2.15)\"?",
        "there is no session 'xyzzy-and-more'; nox -l lists them",
    ]


CLEAN = {"name": "one", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "other", "skip_reason": "Dependency not found"}
VULNERABLE = {"name": "third", "version": "2.0", "vulns": [{"id": "CVE-1"}, {"id": "CVE-2"}]}


@pytest.mark.parametrize(
    ("dependencies", "looked_up", "unknown", "vulnerable"),
    [
        (None, 0, [], []),
        ([], 0, [], []),
        ([CLEAN], 1, [], []),
        ([UNKNOWN], 0, ["other"], []),
        ([CLEAN, UNKNOWN], 1, ["other"], []),
        ([CLEAN, VULNERABLE], 2, [], ["third 2.0: CVE-1", "third 2.0: CVE-2"]),
    ],
)
def test_what_the_service_does_not_know_is_not_audited(loaded, dependencies, looked_up, unknown, vulnerable):
    text = "{}" if dependencies is None else json.dumps({"dependencies": dependencies})
    assert loaded.audit_of(text) == (looked_up, unknown, vulnerable)


def ended(menu, session, *, code: int):
    """What a session's last line says where its program ends with that code."""

    def run(*_, success_codes, **__):
        if code not in success_codes:
            raise CommandFailed(f"Returned code {code}")

    session.run = run
    try:
        menu.run(session, "python", "tfparity", "gate")
    except RuntimeError as said:
        return str(said)
    return ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, ""),
        (30, "tfparity ended with exit code 30, regressed"),
        (2, "tfparity ended with exit code 2, the command line asks for something that cannot be, or a package"),
        (14, "tfparity ended with exit code 14, matrix.yaml, a case file, limitations.yaml, or a file of results/"),
        (-9, "tfparity ended with exit code -9"),
        (99, "tfparity ended with exit code 99"),
    ],
)
def test_the_last_line_says_the_code_in_words(menu, tmp_path, monkeypatch, code, said):
    monkeypatch.setattr(menu, "ROOT", PROJECT)
    found = ended(menu, Session(tmp_path / "made"), code=code)
    assert found.startswith(said)
    assert bool(found) == bool(code)


def test_every_exit_code_of_ours_has_words(menu, monkeypatch):
    monkeypatch.setattr(menu, "ROOT", PROJECT)
    errors = [one for one in vars(errors_of_ours).values() if isinstance(one, type) and hasattr(one, "exit_code")]
    codes = {one.exit_code for one in errors} | {*compare.EXIT_CODES.values(), *kinds.EXIT_CODES.values()}
    codes |= {kinds.NO_ANSWER, scout.FOUND, 1, 129, 130, 143}
    assert [code for code in sorted(codes - {0}) if not menu.meaning(code)] == []
    for kind, code in compare.EXIT_CODES.items():
        assert not code or menu.meaning(code) == kind
    for kind, code in kinds.EXIT_CODES.items():
        assert menu.meaning(code) == kind


def test_every_program_that_a_session_runs_has_its_code_said(menu):
    """By the one function that does; what only asks or installs is told by nox."""
    source = (PROJECT / "noxfile.py").read_text(encoding="utf-8")
    direct = re.findall(r"session\.run\((.*)", source)
    assert direct == [
        "*words, external=True, success_codes=success_codes, silent=silent)",
        "*ask, **quietly) or session.run_install(*ask, **quietly)",
    ]
