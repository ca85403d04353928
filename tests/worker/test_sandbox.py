"""What code under test may do inside the sandbox, by each way to one that this machine has, and without one."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.engine import sandbox
from tfparity.engine.process_limits import Limits
from tfparity.engine.sandbox import Inside, Sandbox
from tfparity.engine.worker_client import Side, Worker
from tfparity.records.cells import CellRecord
from tfparity.records.vocabulary import Sandboxing
from tfparity.worker import confinement

HERE = Path(__file__).parent
LIMITS = Limits(60, 1024)


@pytest.fixture(params=["user namespaces", "bubblewrap"])
def way(request: pytest.FixtureRequest, named_way: Callable[[str], Sandbox]) -> Sandbox:
    return named_way(request.param)


@pytest.fixture
def any_way() -> Sandbox:
    found = sandbox.available()
    if found.sandbox is None:
        pytest.skip(f"no sandbox: {found.why}")
    return found.sandbox


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this user's, with a secret in its environment."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"GITHUB_TOKEN": "hunter2"}
    )
    yield process
    process.kill()
    process.communicate()


OF_ITSELF = ("limit itself", "slow itself", "place itself")
DENIED = (
    "write outside",
    "write to the bundle",
    "write to the references",
    "write to the environment",
    "network",
    "socket",
    "kill it",
    "secret",
    "remount",
)
ALLOWED = ("own folder", "home", "where it is", "tmp", "shared memory", "read a model", *OF_ITSELF)
#: Memory that has no address, keys, rings of calls: of linux/unistd.h.
ABSENT = [f"call {number}" for number in (*confinement._ARCHITECTURES[platform.machine()].absent, *confinement._ABSENT)]
#: What is denied a request of others of its side, and since which version of Landlock.
OF_OTHERS = {
    "write where another request makes something": 1,
    "rename what another makes": 1,
    "hold what another makes by a name": 1,
    "empty what another makes": 1,
    "shut what another makes": 1,
    "make it older": 1,
    "write to the shared home": 1,
    "write to its parent's memory": 1,
    "read its parent's files": 1,
    "signal its parent": 6,
    "limit its parent": 1,
    "slow its parent": 1,
    "slow all": 1,
    "place its parent": 1,
}


def intruded(
    python: Path, tmp_path: Path, victim: subprocess.Popen[bytes], inside: Sandbox | None, *, fresh: bool = False
) -> dict[str, str]:
    """What the planted intruder came to, by what it tried."""
    run, bundle, outside, open_to_all = (tmp_path / name for name in ("run", "bundle", "outside", "sockets"))
    for folder in (run, bundle / "export", outside, open_to_all):
        folder.mkdir(parents=True)
    artifact = run / "artifact"
    (bundle / "io.npz").write_bytes(b"0" * 200)
    route = tmp_path / "planted_intruder.py"
    shutil.copy(HERE / "planted_intruder.py", route)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        path = Path(f"/tmp/tfparity-test-{os.getpid()}.socket")
        local.bind(str(path))
        local.listen()
        where = {"port": server.getsockname()[1], "socket": str(path), "pid": victim.pid}
        where.update(outside=str(outside), name=f"tfparity-test-{os.getpid()}")
        try:
            within = Inside(inside, (tmp_path,)) if inside else None
            with Worker(Side(python, (), ("numpy",)), run / "worker", fresh=fresh, inside=within) as worker:
                assert worker.failed_import is None
                other = worker.place("other") / "io.npz"
                other.write_text("what another request makes")
                where.update(other=str(other), worker=str(worker.folder))
                (tmp_path / "where.json").write_text(json.dumps(where))
                request = {"route": str(route), "bundle": str(bundle / "export"), "artifact": "artifact"}
                request |= {"case_file": "", "case": "", "remedies": []}
                answer = worker.ask("convert", request, LIMITS, makes={"artifact": artifact})
                assert answer.passed, answer.stages
        finally:
            path.unlink()
    came: dict[str, str] = json.loads((artifact / "came.json").read_text())
    return came


@pytest.mark.parametrize("fresh", [False, True], ids=["forked", "fresh"])
def test_inside_nothing_is_reached_but_its_own_folder(
    interpreter: Callable[[str], Path], tmp_path: Path, victim: subprocess.Popen[bytes], way: Sandbox, fresh: bool
) -> None:
    came = intruded(interpreter("3.11"), tmp_path, victim, way, fresh=fresh)
    assert sorted(came) == sorted((*DENIED, *ALLOWED, *OF_OTHERS, *ABSENT))
    assert {name: came[name] for name in ABSENT if not came[name].startswith("denied")} == {}
    held = [name for name, since in OF_OTHERS.items() if confinement.version() >= since]
    assert {name: came[name] for name in held if not came[name].startswith("denied")} == {}
    shut = {"tmp"} if confinement.version() and tmp_path.is_relative_to("/tmp") else set()
    assert {name: came[name] for name in {*ALLOWED} - shut if not came[name].startswith("done")} == {}
    assert {name: came[name] for name in shut if not came[name].startswith("denied")} == {}
    assert {name: came[name] for name in DENIED if not came[name].startswith("denied")} == {}
    assert victim.poll() is None
    assert (tmp_path / "bundle" / "io.npz").stat().st_size == 200
    name = f"tfparity-test-{os.getpid()}"
    assert not [place for place in ("/tmp", "/dev/shm") if (Path(place) / name).exists()]


def test_the_intruder_reaches_most_of_it_without_a_sandbox(
    interpreter: Callable[[str], Path], tmp_path: Path, victim: subprocess.Popen[bytes]
) -> None:
    """Else what is denied inside would say nothing."""
    try:
        came = intruded(interpreter("3.11"), tmp_path, victim, None)
    finally:
        for place in (Path("/tmp"), Path("/dev/shm"), interpreter("3.11").parent.parent):
            (place / f"tfparity-test-{os.getpid()}").unlink(missing_ok=True)
    reached = (
        "write outside",
        "write to the bundle",
        "write to the references",
        "network",
        "socket",
        "kill it",
        "secret",
        *OF_OTHERS,
    )
    assert {name: came[name] for name in reached if not came[name].startswith("done")} == {}
    assert came["secret"] == "done: True"
    assert victim.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("fresh", [False, True], ids=["forked", "fresh"])
@pytest.mark.parametrize(
    "fault",
    ["faithful", "drop-an-op", "freeze-batch", "die-by-signal", "exit", "exit-at-once", "print-tricks", "fork"],
)
def test_a_sandbox_changes_no_verdict(
    convert: Callable[..., CellRecord], any_way: Sandbox, fault: str, fresh: bool
) -> None:
    assert any_way
    inside, outside = (
        convert(fault, fresh_process=fresh, sandbox=wanted) for wanted in (Sandboxing.REQUIRED, Sandboxing.OFF)
    )
    assert inside.verdict == outside.verdict
    assert inside.cell == outside.cell  # its key too: what is recorded is not stale
    assert [attempt.error for attempt in inside.attempts] == [attempt.error for attempt in outside.attempts]


def test_every_python_runs_inside(convert: Callable[..., CellRecord], any_way: Sandbox, python: str) -> None:
    assert any_way
    assert convert("faithful", python=python, sandbox=Sandboxing.REQUIRED).verdict == "works"


@pytest.mark.parametrize(
    ("fault", "limits", "outcome"),
    [
        ("hang", {"seconds": 3}, "timeout"),
        ("eat-memory", {"memory_gib": 0.5}, "out-of-memory"),
        ("fork-without-end", {}, "crash"),
    ],
)
def test_limits_hold_inside(
    convert: Callable[..., CellRecord], any_way: Sandbox, fault: str, limits: dict[str, float], outcome: str
) -> None:
    assert any_way
    record = convert(fault, sandbox=Sandboxing.REQUIRED, **limits)
    assert record.deciding is not None
    assert (record.verdict, record.deciding.outcome) == ("broken", outcome)


@pytest.mark.parametrize("fault", ["forge-references", "cut-references", "change-the-export"])
def test_references_are_out_of_reach_inside(convert: Callable[..., CellRecord], any_way: Sandbox, fault: str) -> None:
    assert any_way
    record = convert(fault, sandbox=Sandboxing.REQUIRED)
    assert record.verdict == "broken"
    assert record.deciding is not None
    assert record.deciding.error is not None
    assert "Read-only file system" in record.deciding.error.message


def ended(way: Sandbox, tmp_path: Path, program: str) -> int:
    """The status of a Python program inside, as our side reads it."""
    command = Inside(way).around([sys.executable, "-I", "-c", program], tmp_path)
    return way.status(subprocess.run(command, cwd=tmp_path, check=False).returncode)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        *((f"import os; os.kill(os.getpid(), {number})", -number) for number in (6, 9, 11, 15)),
        ("import ctypes; ctypes.string_at(0)", -11),
    ],
)
def test_a_command_ends_inside_as_it_would_outside(way: Sandbox, tmp_path: Path, program: str, status: int) -> None:
    assert ended(way, tmp_path, program) == status


@pytest.mark.parametrize("below", ["", "deeper/and/deeper/"])
def test_a_socket_below_run_is_not_there(way: Sandbox, tmp_path: Path, below: str) -> None:
    places = (Path("/run"), Path(f"/run/user/{os.getuid()}"))
    run = next((place for place in places if os.access(place, os.W_OK)), None)
    if run is None:
        pytest.skip("nothing can be made below /run")
    folder = run / f"tfparity-test-{os.getpid()}"
    path = str(folder / f"{below}socket")
    program = (
        "import socket\n"
        f"try: socket.socket(socket.AF_UNIX).connect({path!r})\n"
        "except FileNotFoundError: raise SystemExit(3)\n"
    )
    (folder / below).mkdir(parents=True)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
            assert ended(way, tmp_path, program) == 3
    finally:
        shutil.rmtree(folder)


def test_what_a_command_leaves_running_ends_with_it(way: Sandbox, tmp_path: Path) -> None:
    program = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    while True:\n"
        f"        open({str(tmp_path / 'alive')!r}, 'a').write('x')\n"
        "        time.sleep(0.05)\n"
        "time.sleep(0.5)\n"
    )
    assert ended(way, tmp_path, program) == 0
    assert (tmp_path / "alive").stat().st_size
    sizes = []
    for _ in range(4):  # what ends with it may take a moment to go
        subprocess.run(["sleep", "0.3"], check=True)
        sizes.append((tmp_path / "alive").stat().st_size)
    assert sizes[-1] == sizes[-2]


def test_proc_shows_none_of_our_variables_and_we_still_have_them() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from tfparity.records import own_environment\n"
        "own_environment.hide()\n"
        "shown = open(f'/proc/{os.getpid()}/environ', 'rb').read()\n"
        "assert not shown.strip(bytes(1)), shown\n"
        "assert os.environ['GITHUB_TOKEN'] == 'hunter2'\n"
        "said = subprocess.run(['env'], capture_output=True, text=True, check=True).stdout\n"
        "assert 'GITHUB_TOKEN=hunter2' in said\n"
    )
    given = {**os.environ, "GITHUB_TOKEN": "hunter2", "PYTHONPATH": str(paths.PACKAGE.parent)}
    subprocess.run([sys.executable, "-c", program], env=given, check=True)


@pytest.mark.parametrize("wanted", ["off", "auto"])
def test_a_converter_finds_no_secret_in_our_process(convert: Callable[..., CellRecord], wanted: str) -> None:
    """Of the process that runs these tests: what it starts can read what /proc shows of it."""
    assert convert("faithful", sandbox=Sandboxing(wanted)).verdict == "works"
    assert not Path("/proc/self/environ").read_bytes().strip(b"\0")


@pytest.mark.parametrize(
    ("namespaces", "found"),
    [
        (0, "Found(sandbox=None, why='user namespaces: unshare: no more than /proc/sys/user/max_user_namespaces"),
        (1, "Found(sandbox=Sandbox(name='user namespaces', program=None), why=None, lacks=('mounts',"),
        (2, "Found(sandbox=Sandbox(name='user namespaces', program=None), why=None, lacks=("),
    ],
)
def test_what_the_system_denies_is_told(namespaces: int, found: str) -> None:
    """Where this user may make that many user namespaces: of a namespace of its own that is the limit."""
    limited = f'echo {namespaces} >/proc/sys/user/max_user_namespaces && exec "$@"'
    denied = ("unshare", "-Ur", "sh", "-c", limited, "sh")
    if subprocess.run([*denied, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("no namespace can be made here in which others are denied")
    program = "from tfparity.engine import sandbox; print(sandbox.available())"
    given = {**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent)}
    command = [*denied, sys.executable, "-c", program]
    said = subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout
    assert said.startswith(found)
    assert ("mounts" in said) is (namespaces == 1)
