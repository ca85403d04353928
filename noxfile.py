"""tfparity's menu. What stands after `--` goes to the program behind the session, mostly pytest.

nox -s compat                         the default toolchain, a table at the end (about five minutes after its downloads)
nox -s "compat(tf2.12-torch1.13)"     one toolchain
nox -s compat -- -k resnet18          what pytest understands, it understands
nox -s tfparity -- --help             every other command
"""

# Standard library and nox only: this file runs before anything of ours is installed.
from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit(
        f"tfparity itself needs Python 3.11 or later, nox runs on {sys.version_info[0]}.{sys.version_info[1]} here. "
        'Install nox with a newer one (python3.12 -m pip install "nox[uv]"): toolchains keep their own interpreters.'
    )

import nox
from nox.command import CommandFailed

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements.txt"
#: Two tests at a time; `-- -n 0` has one, as a debugger needs.
SIDE_BY_SIDE = ("-n", "2", "--benchmark-disable")
#: Tests that need the default toolchain, which is large: the zoo's session runs them, CI doesn't.
DEFAULT_ONLY = "tests/end_to_end/default_toolchain"
PYTHONS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["compat"]


def toolchains() -> list[str]:
    """The ids under `toolchains:` in matrix.yaml, in its order. (A real parser reads it once ours is installed.)"""
    text = (ROOT / "matrix.yaml").read_text(encoding="utf-8") if (ROOT / "matrix.yaml").is_file() else ""
    block = re.search(r"^toolchains:[^\n]*\n((?:[ \t#-][^\n]*\n|\n)*)", text + "\n", re.MULTILINE)
    return re.findall(r"^[ ]*- id:[ ]*[\"']?([\w.+-]+)", block.group(1), re.MULTILINE) if block else []


def prepare(session: nox.Session) -> str:
    """The Python of an environment with our own requirements, hash-checked, in which to run from src/.

    One for each version of Python, whatever the session. Modules of a person's own (--cases module:function) are found
    from where nox was called and on PYTHONPATH.
    """
    where = nox_cache(session)
    if where is not None:
        session.env.setdefault("TFPARITY_CACHE", where)
    called_from = [] if Path(session.invoked_from).resolve() == ROOT else [session.invoked_from]
    inherited = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    session.env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), *called_from, *inherited])
    session.env["TFPARITY_PROJECT"] = str(ROOT)
    session.env["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime leaves events in the home folder
    runner = ours(session, own_version(session), str(Path(session.bin) / "python"))
    if not Path(runner).exists():
        session.error(f"{runner} was never made: run once without -R or --no-install")
    session.env["PATH"] = os.pathsep.join([str(Path(runner).parent), os.environ.get("PATH", os.defpath)])
    session.env["VIRTUAL_ENV"] = str(Path(runner).parent.parent)
    return runner


def own_version(session: nox.Session) -> str:
    """Of the Python that nox runs on, or of that which --force-python names."""
    named = re.search(r"3\.\d+", session.python if isinstance(session.python, str) else "")
    return named.group() if named else "{}.{}".format(*sys.version_info[:2])


def ours(session: nox.Session, version: str, python: str) -> str:
    """The executable of the environment with our requirements on an interpreter of that version, in nox's folder; it is
    not there where nox skips what installs and never made it."""
    folder = session.cache_dir.parent.resolve() / f"python{version}"
    runner = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")

    def install() -> None:
        session.log(f"installing what tfparity itself needs on Python {version}, once for all sessions: half a minute")
        session.run_install("uv", "venv", "--quiet", "--clear", "--python", python, str(folder))
        words = ("--quiet", "--python", runner, "--require-hashes", "-r", str(REQUIREMENTS))
        session.run_install("uv", "pip", "install", *words)

    with one_at_a_time(folder):
        install_into(session, folder, install)
    return runner


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Held while the folder is looked at or made: sessions of two terminals share it."""
    if fcntl is None:
        yield
        return
    with folder.with_name(f".{folder.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def install_into(session: nox.Session, folder: Path, install: Callable[[], None]) -> None:
    """Install where the folder's stamp is of other requirements; under -R and --no-install only say that it is."""
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if session.run_install("python", "-c", "", log=False) is None:  # None: nox skips what installs
        session.warn(f"requirements.txt has changed since {folder} was made: run without -R or --no-install once")
        return
    stamp.unlink(missing_ok=True)
    install()
    stamp.write_text(wanted)


def nox_cache(session: nox.Session) -> str | None:
    """Where toolchains' environments go when --envdir moves nox's own: under it. None: the user's cache folder."""
    if "TFPARITY_CACHE" in os.environ or session.cache_dir.parent.resolve() == ROOT / ".nox":
        return None
    return str(session.cache_dir.resolve() / "tfparity")


def run(session: nox.Session, runner: str, *arguments: str) -> None:
    """Run a module, after -m, in the environment that `prepare` gave."""
    call(session, runner, "-m", *arguments, name=arguments[0])


def call(
    session: nox.Session, *words: str, name: str, success_codes: Sequence[int] = (0,), silent: bool = False
) -> None:
    """Run a program, `name`. nox ends with 1 whatever the program's code: the session's last line says that code, and
    what it means where the program is one of ours."""
    try:
        session.run(*words, external=True, success_codes=success_codes, silent=silent)
    except CommandFailed as failed:
        code = re.search(r"-?\d+", str(failed.reason))
        means = meaning(int(code[0])) if code and name in ("tfparity", "pytest") else ""
        session.error(f"{name} ended with exit code {code[0] if code else '?'}{means and f', {means}'}")


def meaning(code: int) -> str:
    """An exit code in words: how the line of docs/running.md begins that has it; empty for one that it has not."""
    page = ROOT / "docs" / "running.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    for codes, words in re.findall(r"^\| (\d[\d, ]*) \| (.+) \|$", text, re.MULTILINE):
        if str(code) in codes.split(", "):
            return re.split("[:;]", re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", words))[0]
    return ""


def asked_for(posargs: list[str], option: str) -> list[str]:
    """The values of a repeatable option in what stands after `--`."""
    after = [value for name, value in itertools.pairwise(posargs) if name == option]
    return after + [word.partition("=")[2] for word in posargs if word.startswith(option + "=")]


def run_compat(session: nox.Session, toolchain: str) -> None:
    """Make the toolchain's environments, then let pytest go through its cells."""
    runner = prepare(session)
    chosen = asked_for(session.posargs, "--toolchain") or [toolchain]
    only_looking = {"--help", "-h", "--collect-only", "--co"} & set(session.posargs)
    if not only_looking:
        download = ["--download"] if "--download" in session.posargs else []
        # 19: an environment does not install, which the run tells of as a result
        words = ("-m", "tfparity", "install", *download, *chosen)
        session.run_install(runner, *words, success_codes=[0, 19], external=True)
    given = [] if asked_for(session.posargs, "--toolchain") else ["--toolchain", toolchain]
    run(session, runner, "pytest", "-p", "tfparity.pytest_plugin", "tests/compat", *given, *session.posargs)


@nox.session
def compat(session: nox.Session) -> None:
    """Convert real models on the default toolchain and judge them; ends with a table."""
    run_compat(session, "default")


def compat_of(toolchain: str) -> None:
    """One plain session of that exact name: nox would run them all for a bare `-s compat` were they parametrised."""

    @nox.session(name=f"compat({toolchain})", tags=["toolchain"], default=False)
    def one(session: nox.Session) -> None:
        run_compat(session, toolchain)

    one.__doc__ = f"compat, on {toolchain}."


@nox.session(default=False)
def sweep(session: nox.Session) -> None:
    """Run and record what results/ lacks, piece by piece; run again, it goes on (-- --list: only its hours)."""
    run(session, prepare(session), "tfparity", "sweep", *session.posargs)


@nox.session(default=False)
def gate(session: nox.Session) -> None:
    """Compare a run with the committed evidence; the exit code says what moved."""
    run(session, prepare(session), "tfparity", "gate", *session.posargs)


@nox.session(default=False)
def upgrade(session: nox.Session) -> None:
    """What breaks on the way from one toolchain to another, why, and what gets across (-- BASE HEAD)."""
    run(session, prepare(session), "tfparity", "upgrade", *session.posargs)


@nox.session(default=False)
def bisect(session: nox.Session) -> None:
    """Which package, from which release on, makes a case fail (-- GOOD BAD --case CASE --route ROUTE)."""
    run(session, prepare(session), "tfparity", "bisect", *session.posargs)


@nox.session(default=False)
def scout(session: nox.Session) -> None:
    """What is new on the index of the packages that toolchains pin, tried and proposed (-- --list: only said)."""
    run(session, prepare(session), "tfparity", "scout", *session.posargs)


@nox.session(default=False)
def convert(session: nox.Session) -> None:
    """One model taken across, checked and written to a folder (-- torchvision/resnet18 -o DIR)."""
    run(session, prepare(session), "tfparity", "convert", *session.posargs)


@nox.session(default=False)
def table(session: nox.Session) -> None:
    """Write the tables of README.md and docs/ from results/ (-- --check: only compare)."""
    run(session, prepare(session), "tfparity", "table", *session.posargs)


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Build the published table as static pages from results/ into build/site (-- -o DIR)."""
    run(session, prepare(session), "tfparity", "site", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Resolve what has no lockfile that fits (-- --again IDS: what fits too; -- --check: digests, offline)."""
    runner = prepare(session)
    if all(word.startswith("-") for word in session.posargs):  # no environment is named: ours too
        lock_ourselves(session, check="--check" in session.posargs, again="--again" in session.posargs)
    run(session, runner, "tfparity", "lock", *session.posargs)


def lock_ourselves(session: nox.Session, *, check: bool, again: bool = False) -> None:
    """requirements.in → requirements.txt for every platform and Python from 3.11 on, with the digest of its input.

    One that is of this input stays as it is, unless `again`.
    """
    source = ROOT / "requirements.in"
    digest = f"# of requirements.in with sha256 {hashlib.sha256(source.read_bytes()).hexdigest()}\n"
    fits = digest in REQUIREMENTS.read_text()
    if check:
        if not fits:
            session.error("requirements.txt is not made from this requirements.in: run `nox -s lock`")
        return
    if fits and not again:
        session.log("requirements.txt: as it was")
        return
    fresh = Path(session.create_tmp()) / "requirements.txt"
    fresh.unlink(missing_ok=True)
    call(
        session,
        *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"),
        *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "nox -s lock"),
        *("--output-file", str(fresh), str(source)),
        name="uv",
        silent=True,
    )
    head, rest = fresh.read_text().replace(str(source), "requirements.in").split("nox -s lock\n", 1)
    REQUIREMENTS.write_text(head + "nox -s lock\n" + digest + rest)


@nox.session(default=False)
def latency(session: nox.Session) -> None:
    """Time torch, ONNX Runtime, SavedModel, XLA and TFLite in interleaved pairs on the default toolchain."""
    run(session, prepare(session), "pytest", "tests/latency", *session.posargs)


@nox.session(default=False)
def mutations(session: nox.Session) -> None:
    """Change one weight or attribute of files that convert: no cell may still work (-- --sample 40)."""
    run(session, prepare(session), "pytest", "tests/mutations", *session.posargs)


@nox.session(default=False)
def zoo(session: nox.Session) -> None:
    """Hold zoo, rules and remedies against the default toolchain: models that fail by a rule work the way round it."""
    run(session, prepare(session), "pytest", "tests/zoo", DEFAULT_ONLY, *session.posargs)


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Unit tests on every Python from 3.11 on, worker tests on every Python from 3.7 on that is found."""
    own = prepare(session)
    found = interpreters(session, own)
    codes = [0, 5] if session.posargs else [0]  # 5: what stands after -- may choose no test of one kind
    for version, python in found.items():
        if version in ("3.7", "3.8", "3.9", "3.10"):
            continue
        runner = own if version == own_version(session) else ours(session, version, python)
        if not Path(runner).exists():  # under -R and --no-install
            missed(session, f"no environment for Python {version} yet: no unit tests on it here")
            continue
        session.log(f"unit tests on Python {version}")
        words = ("-m", "pytest", "tests/unit", *SIDE_BY_SIDE, *session.posargs)
        call(session, runner, *words, name="pytest", success_codes=codes)
    session.log(f"worker tests on Python {', '.join(found)}")
    words = ("-m", "pytest", "tests/worker", *SIDE_BY_SIDE, *session.posargs)
    call(session, own, *words, name="pytest", success_codes=codes)


def interpreters(session: nox.Session, runner: str) -> dict[str, str]:
    """Version → executable of every Python that is found; absent ones are named, and an error on CI."""
    ask = (runner, "-m", "tfparity", "interpreters", "--plain")
    # run does nothing under --install-only, run_install nothing under --no-install
    quietly = {"silent": True, "log": False, "external": True}
    listed = session.run(*ask, **quietly) or session.run_install(*ask, **quietly)
    found = dict(line.split(" ", 1) for line in str(listed).splitlines() if re.match(r"3\.\d+ ", line))
    absent = [version for version in PYTHONS if version not in found]
    if absent:
        named = ", ".join(absent)
        missed(session, f"no Python {named} found: nothing is tested on it here (`uv python install` gets one)")
    return found


def missed(session: nox.Session, message: str) -> None:
    """Something that is not tested here: an error on CI."""
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        session.error(message)
    session.warn(message)


@nox.session(name="end-to-end", default=False)
def end_to_end(session: nox.Session) -> None:
    """The front door for real on one small toolchain, held against the evidence; the site in a browser."""
    chosen = (
        "tests/end_to_end",
        "tests/scorecard",
        "tests/site",
        "--ignore",
        DEFAULT_ONLY,
        *SIDE_BY_SIDE,
        "--dist",
        "loadfile",
        "--durations",
        "25",  # what to look at when it takes long
    )
    run(session, prepare(session), "pytest", *chosen, *session.posargs)


@nox.session(default=False)
def scorecard(session: nox.Session) -> None:
    """Plant hostile cells, kills, full disks, damaged and fuzzed files; count what is missed (-- --part 0.1)."""
    call(session, prepare(session), "tests/scorecard", *session.posargs, name="scorecard")


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of our own requirements; skipped, and said so, where no service can be asked."""
    runner = prepare(session)
    found = Path(session.create_tmp()) / "audit.json"
    found.unlink(missing_ok=True)
    asked = ("--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json")
    command = (runner, "-m", "pip_audit", *asked, "--output", str(found), "-r", str(REQUIREMENTS))
    # 1: it found something, or could not ask, which leaves no file
    call(session, *command, name="pip-audit", success_codes=[0, 1], silent=True)
    looked_up, unknown, vulnerable = audit_of(found.read_text() if found.is_file() else "{}")
    if vulnerable:
        session.error(f"known vulnerabilities: {', '.join(vulnerable)}")
    if not looked_up:
        session.skip("NOT RUN: no service of known vulnerabilities can be reached from here")
    if unknown:
        session.warn(f"NOT RUN for what the service does not know: {', '.join(unknown)}")
    session.log(f"{looked_up} requirements without a known vulnerability")


def audit_of(text: str) -> tuple[int, list[str], list[str]]:
    """Of pip-audit's JSON: how many requirements it could look up, those that its service does not know, and the
    vulnerabilities."""
    found = json.loads(text).get("dependencies", [])
    unknown = [one["name"] for one in found if "skip_reason" in one]
    vulnerable = [f"{one['name']} {one['version']}: {bad['id']}" for one in found for bad in one.get("vulns", ())]
    return len(found) - len(unknown), unknown, vulnerable


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Style, types, what bandit finds, the worker's Python 3.7, workflows, and that every generated file is fresh."""
    runner = prepare(session)
    run(session, runner, "ruff", "check", ".")
    run(session, runner, "ruff", "format", "--check", ".")
    run(session, runner, "mypy")
    run(session, runner, "bandit", "--quiet", "--recursive", "--configfile", "pyproject.toml", "src")
    vermin, zizmor = (str(Path(runner).with_name(name)) for name in ("vermin", "zizmor"))
    python37 = ("--quiet", "--no-tips", "--target=3.7-", "--violations", "src/tfparity/worker", "cases")
    call(session, vermin, *python37, name="vermin")
    workflows = [str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    for schema, files in (("github-workflows", workflows), ("github-actions", ["action.yml"])):
        run(session, runner, "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    call(session, zizmor, "--offline", "--no-progress", "--quiet", ".", name="zizmor")
    lock_ourselves(session, check=True)
    for command in ("lock", "schema", "table"):
        run(session, runner, "tfparity", command, "--check")


@nox.session(name="tfparity", default=False)
def any_command(session: nox.Session) -> None:
    """Any command of `python -m tfparity` (-- cases --tier smoke; -- --help lists them)."""
    run(session, prepare(session), "tfparity", *session.posargs)


# Names that are none


def named_sessions(arguments: Sequence[str], environment: str = "") -> list[str]:
    """The sessions that a command line of nox names, before what stands after `--`, and NOXSESSION."""
    found = [name.strip() for name in environment.split(",") if name.strip()]
    naming = False
    for word in itertools.takewhile(lambda word: word != "--", arguments):
        flag, _, value = word.partition("=")
        if flag in ("-s", "-e", "--session", "--sessions"):
            naming = not value
            found += [value] if value else []
        elif word.startswith("-"):
            naming = False
        elif naming:
            found.append(word)
    return found


def meant(name: str, known: Sequence[str]) -> list[str]:
    """The sessions that such a name most likely means: those that begin so, the default toolchain's first, else the
    closest."""
    begin = [one for one in known if one.startswith(name.rstrip(")"))]
    first = f"compat({default_toolchain()})"
    if begin:
        return [first] if first in begin else begin[-1:]
    return difflib.get_close_matches(name, known, n=1, cutoff=0.5)


def default_toolchain() -> str | None:
    """As matrix.yaml names it."""
    text = (ROOT / "matrix.yaml").read_text(encoding="utf-8") if (ROOT / "matrix.yaml").is_file() else ""
    found = re.search(r"^default:[ ]*[\"']?([\w.+-]+)", text, re.MULTILINE)
    return found.group(1) if found else None


def refuse(name: str, known: Sequence[str]) -> None:
    """A session of a name that is none, which says what was meant: nox itself only says that it is not there."""
    guess = "".join(f', did you mean -s "{one}"?' for one in meant(name, known))

    @nox.session(name=name, venv_backend="none", default=False)
    def none(session: nox.Session) -> None:
        session.error(f"there is no session {name!r}{guess or '; nox -l lists them'}")

    none.__doc__ = "None such."


for _toolchain in toolchains():
    compat_of(_toolchain)

_known = list(nox.registry.get())
for _name in named_sessions(sys.argv[1:], os.environ.get("NOXSESSION", "")):
    if _name not in _known:
        refuse(_name, _known)

if __name__ == "__main__":
    print(json.dumps(toolchains()))  # for a matrix of CI jobs
