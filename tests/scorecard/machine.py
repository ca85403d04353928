"""What a machine does to a run: kills, signals, full and read-only disks, no network, an index of other files, two runs
at once, a clock that jumps, an environment that is damaged."""

from __future__ import annotations

import http.server
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import damage
import kills
import psutil
from ground import ERRORS, Done, Ground, Running
from plants import Missed, NotHere, Plant, Point, plant

from tfparity import paths
from tfparity.environments import install, intact, lock
from tfparity.errors import DiskError, InstallError, LockError, MachineFault, NetworkError
from tfparity.inputs import matrix

RECORD = ("run", "--record", "--jobs", "2")
UNTESTED = MachineFault.exit_code


def from_the_start(ground: Ground) -> None:
    """Nothing is done yet, and results/ has every cell under a key that is no longer its own."""
    ground.reset()
    for folder in ("store", "bundles", "read", "work"):
        shutil.rmtree(ground.cache / folder, ignore_errors=True)
    (ground.results / "small.json").write_bytes(ground.trials.before)


def but_for_one(ground: Ground) -> None:
    """The same, but that all is done of every case but planted/net."""
    ground.reset()
    ground.forget_the_first()
    (ground.results / "small.json").write_bytes(ground.trials.before)


def _afterwards(ground: Ground) -> None:
    """The next run gives the undisturbed bytes."""
    ground.next_run("--jobs", "2")


def _ended_well(ground: Ground, done: Done) -> None:
    """Undisturbed bytes and 0; or an error, and every cell in results/ as before or as undisturbed."""
    done.said_well()
    ground.nothing_is_left()
    if done.code == 0:
        ground.same()
    elif done.code not in ERRORS:
        raise Missed(f"ended with {done.code}: {done.said}")
    else:
        ground.same(ground.trials.before, allow=lambda found: _mixed(ground, found))


def _as_before(ground: Ground) -> None:
    """Nothing is recorded: the cells are those that lay there. Raises Missed."""
    if json.loads(ground.evidence()) != json.loads(ground.trials.before):
        ground.same(ground.trials.before)


def _mixed(ground: Ground, found: bytes) -> bool:
    """Whether every cell is as it was before or as an undisturbed run writes it."""
    before, whole, now = (kills._cells(text) for text in (ground.trials.before, ground.whole, found))
    return now.keys() == whole.keys() and all(now[place] in (before[place], whole[place]) for place in now)


# Kills and signals

_slow: dict[Path, kills.Trials] = {}


def _killed(kind: str) -> Callable[[Ground, random.Random], None]:
    """tests/end_to_end/kills.py, whose conversions take long enough to be killed."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        trials = _slow.get(ground.root)
        if trials is None:
            trials = _slow[ground.root] = kills.Trials(ground.root / "kills")
        try:
            trials.trial(kind, chance)
        except kills.Wrong as wrong:
            raise Missed(str(wrong)) from None

    return plant_it


def _at_work(run: Running, ground: Ground, seconds: float = 30.0) -> None:
    """Wait until the run has a worker."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and run.process.poll() is None:
        with suppress(psutil.Error):
            if any("worker" in " ".join(child.cmdline()) for child in psutil.Process(run.process.pid).children()):
                return
        time.sleep(0.01)


def _signalled(number: signal.Signals, whole_group: bool) -> Callable[[Ground, random.Random], None]:
    """A signal at a random moment of a run, to it alone or to its group, as a terminal sends it."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        from_the_start(ground)
        run = ground.begun(*RECORD)
        _at_work(run, ground)
        time.sleep(chance.uniform(0, ground.trials.seconds))
        with suppress(ProcessLookupError):
            (os.killpg if whole_group else os.kill)(run.process.pid, number)
        done = run.ended(60)
        if done.code == 0 or ground.evidence() == ground.whole:  # it came when all was done
            ground.nothing_is_left()
            ground.same()
            return
        done.said_well()
        if done.code != 128 + number:
            raise Missed(f"{number.name}: ended with {done.code}: {done.said}")
        ground.nothing_is_left()
        if not _mixed(ground, ground.evidence()):
            raise Missed(f"{number.name}: cells in results/ are neither as before nor as undisturbed")
        _afterwards(ground)

    return plant_it


def _slow_export(ground: Ground, seconds: float) -> None:
    """Exports take that long."""
    for route in kills.ROUTES:
        path = ground.project / route
        text = path.read_text(encoding="utf-8")
        assert EXPORTS in text
        path.write_text(text.replace(EXPORTS, f"{EXPORTS}    time.sleep({seconds})\n"), encoding="utf-8")


def _waiting_for_another(ground: Ground, chance: random.Random) -> None:
    """A run that waits for a bundle which another makes answers Ctrl-C at once."""
    from_the_start(ground)
    _slow_export(ground, 20)
    words = ("run", "--case", "planted/net", "--route", "faithful.py")
    first = ground.begun(*words)
    second = None
    try:
        _at_work(first, ground)
        time.sleep(2)
        second = ground.begun(*words)
        time.sleep(3)
        if second.process.poll() is not None:
            raise Missed(f"the second run did not wait: {second.ended().said}")
        began = time.monotonic()
        os.kill(second.process.pid, signal.SIGINT)
        done = second.ended(15).said_well()
        if done.code != 130:
            raise Missed(f"ended with {done.code} after {time.monotonic() - began:.0f} s: {done.said}")
    finally:
        for run in (first, second):
            if run is not None:
                run.kill()
        ground.reset()


def _stopped_parent(ground: Ground, chance: random.Random) -> None:
    """The warm parent is stopped: the run ends within its limits, says so, and leaves nothing behind."""
    from_the_start(ground)
    matrix = ground.project / "matrix.yaml"
    text = matrix.read_text(encoding="utf-8")
    matrix.write_text(text + "\nlimits: {seconds: 4, memory-gib: 2}\n", encoding="utf-8")
    _slow_export(ground, 1)
    run = ground.begun(*RECORD, "--case", "planted/net", "--route", "faithful.py")
    _at_work(run, ground)
    time.sleep(chance.uniform(0, 2))
    stopped = []
    with suppress(psutil.Error):
        for child in psutil.Process(run.process.pid).children():
            if "worker" in " ".join(child.cmdline()):
                child.suspend()
                stopped.append(child)
    try:
        done = run.ended(60).said_well()
        if any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in stopped):
            raise Missed("the stopped parent stays behind")
        if done.code not in ERRORS | {0} or _outcomes(ground.evidence()) != _outcomes(ground.whole):
            raise Missed(f"a stopped parent: ended with {done.code}: {done.said}")
    finally:
        for child in stopped:
            with suppress(psutil.Error):
                child.kill()
    ground.nothing_is_left()


# Disks


def _file_size(ground: Ground, chance: random.Random) -> None:
    """No file may be larger than so many bytes, in us and in all that we start: as on a disk that fills up."""
    from_the_start(ground)
    limit = int(1000 * 2 ** chance.uniform(-3, 5))

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = ground.process(*RECORD, before=limited)
    try:
        _ended_well(ground, done)
        _afterwards(ground)
    except Missed as missed:
        raise Missed(f"at {limit} bytes: {missed}") from None


def _small_disk(ground: Ground, chance: random.Random) -> None:
    """The cache lies on a disk of so many KiB."""
    from_the_start(ground)
    kib = int(2 ** chance.uniform(2, 9))
    done = _mounted(
        ground,
        f'mount -t tmpfs -o size={kib}k none "$TFPARITY_CACHE" && mkdir "$TFPARITY_CACHE/environments" && '
        f'mount --bind "{(ground.cache / "environments").resolve()}" "$TFPARITY_CACHE/environments"',
    )
    try:
        _ended_well(ground, done)
        _afterwards(ground)
    except Missed as missed:
        raise Missed(f"a cache of {kib} KiB: {missed}") from None


def _small_results(ground: Ground, chance: random.Random) -> None:
    """results/ lies on a disk of so many KiB."""
    from_the_start(ground)
    size = len(ground.whole) + len((ground.results / "runs" / "small.json").read_bytes())
    kib = max(4, int(size / 1024 * chance.uniform(0.2, 2)))
    kept = ground.root / "kept"
    done = _mounted(
        ground,
        f'cp -r results "{kept}" && mount -t tmpfs -o size={kib}k none results && cp "{kept}/small.json" results/',
        'rm -rf "{kept}"; cp -r results "{kept}"'.replace("{kept}", str(kept)),
    )
    try:
        found = kept / "small.json"
        if found.is_file():
            shutil.copy(found, ground.results / "small.json")
        _ended_well(ground, done)
        _afterwards(ground)
    except Missed as missed:
        raise Missed(f"results/ on {kib} KiB: {missed}") from None
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _mounted(ground: Ground, mount: str, after: str = "true") -> Done:
    """A run in a mount namespace of its own, where that has been mounted. Raises NotHere where there can be none."""
    unshare = shutil.which("unshare")
    user = [] if os.geteuid() == 0 else ["--map-root-user", "--user"]
    if unshare is None or subprocess.run([unshare, *user, "--mount", "true"], capture_output=True).returncode:
        raise NotHere("no mount namespace may be made here")
    script = f'{mount} || exit 99; "$0" -m tfparity "$@"; code=$?; {after}; exit $code'
    command = [unshare, *user, "--mount", "sh", "-c", script, sys.executable, *RECORD]
    done = Running(command, ground, {}).ended()
    if done.code == 99:
        raise NotHere(f"nothing can be mounted here: {done.said}")
    return done


def _read_only_results(ground: Ground, chance: random.Random) -> None:
    """It is said before any work is done."""
    from_the_start(ground)
    ground.results.chmod(0o555)
    (ground.results / "small.json").chmod(0o444)
    (ground.results / "runs").chmod(0o555)
    try:
        done = ground.command(*chance.choice([RECORD, ("gate", "--update"), ("sweep",)])).said_well()
        if done.code not in ERRORS:
            raise Missed(f"ended with {done.code}: {done.said}")
        _as_before(ground)
        if list(ground.cache.glob("store/*/*/attempts.json")):
            raise Missed("the cells had run before it was noticed")
    finally:
        ground.results.chmod(0o755)
        (ground.results / "runs").chmod(0o755)
    _afterwards(ground)


def _read_only_cache(ground: Ground, chance: random.Random) -> None:
    from_the_start(ground)
    ground.cache.chmod(0o555)
    try:
        done = ground.command(*RECORD).said_well()
        if done.code not in ERRORS:
            raise Missed(f"ended with {done.code}: {done.said}")
        _as_before(ground)
    finally:
        ground.cache.chmod(0o755)
    _afterwards(ground)


# Indexes


class _Index(http.server.BaseHTTPRequestHandler):
    """An index that answers everything with one status and one content."""

    status, content, page = 404, b"", b""

    def do_GET(self) -> None:
        content = self.content if self.path.endswith(".whl") else self.page
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _index(status: int, page: bytes, content: bytes) -> Iterator[str]:
    handler = type("Handler", (_Index,), {"status": status, "page": page, "content": content})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _wheel(ground: Ground) -> str:
    """The name of a wheel that the lock may take."""
    return "numpy-2.3.5-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"


INDEXES: dict[str, tuple[int, Callable[[Ground], bytes], bytes]] = {
    "401": (401, lambda ground: b"who are you", b""),
    "403": (403, lambda ground: b"no", b""),
    "404": (404, lambda ground: b"not here", b""),
    "500": (500, lambda ground: b"later", b""),
    "503": (503, lambda ground: b"later", b""),
    "a page that is none": (200, lambda ground: b"\x00\xff<html", b""),
    "a page without files": (200, lambda ground: b"<!DOCTYPE html><html><body></body></html>", b""),
    "another file of that name": (
        200,
        lambda ground: (
            f'<!DOCTYPE html><html><body><a href="/{_wheel(ground)}">{_wheel(ground)}</a></body></html>'.encode()
        ),
        b"PK\x05\x06" + bytes(18),
    ),
}


def _asked_of(ground: Ground, variables: dict[str, str], *codes: int) -> None:
    """A run in a cache without any environment: what the index answers becomes no verdict."""
    from_the_start(ground)
    (ground.cache / "environments").unlink()
    own = {"UV_CACHE_DIR": str(ground.home / "uv"), "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1", **variables}
    done = ground.process(*RECORD, variables=own, seconds=120).said_well()
    _as_before(ground)
    if done.code not in codes:
        raise Missed(f"ended with {done.code}: {done.said}")
    ground.nothing_is_left()
    ground.reset()
    from_the_start(ground)
    _afterwards(ground)


def _other_index(name: str) -> Callable[[Ground, random.Random], None]:
    status, page, content = INDEXES[name]

    def plant_it(ground: Ground, chance: random.Random) -> None:
        with _index(status, page(ground), content) as address:
            _asked_of(ground, {"UV_DEFAULT_INDEX": address, "UV_INDEX": ""}, NetworkError.exit_code)

    return plant_it


def _no_network(ground: Ground, chance: random.Random) -> None:
    _asked_of(ground, {"UV_OFFLINE": "1"}, NetworkError.exit_code)


def _no_route_out(ground: Ground, chance: random.Random) -> None:
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), nowhere)
    _asked_of(ground, {**proxies, "NO_PROXY": "", "no_proxy": ""}, NetworkError.exit_code)


def _other_hash(ground: Ground, chance: random.Random) -> None:
    """The lockfile has hashes that no file of the index has."""
    from_the_start(ground)
    lockfile = ground.project / "lockfiles" / "small.txt"
    text = lockfile.read_text(encoding="utf-8")
    lockfile.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", text), encoding="utf-8")
    done = ground.command(*RECORD).said_well()
    if done.code not in (LockError.exit_code, NetworkError.exit_code):
        raise Missed(f"ended with {done.code}: {done.said}")
    _as_before(ground)


def _unheard(ground: Ground, chance: random.Random) -> None:
    """Whoever started the run has the ends of children ignored, which an exec hands on."""
    from_the_start(ground)
    done = ground.process(*RECORD, before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)).said_well()
    if done.code:
        raise Missed(f"ended with {done.code}: {done.said}")
    ground.same()
    ground.nothing_is_left()


# Two runs at once


def _two_runs(ground: Ground, chance: random.Random) -> None:
    """Of the same cells, in one cache."""
    from_the_start(ground)
    runs = [ground.begun(*RECORD)]
    time.sleep(chance.uniform(0, 1.5))
    runs.append(ground.begun(*RECORD))
    for run in runs:
        done = run.ended().said_well()
        if done.code:
            raise Missed(f"one of two ended with {done.code}: {done.said}")
    ground.same()
    ground.nothing_is_left()


def _two_caches(ground: Ground, chance: random.Random) -> None:
    """Of several cells each, in a cache of its own, into one results/."""
    from_the_start(ground)
    (ground.results / "small.json").unlink()
    cells = [(case, route) for case in ("planted/net", "planted/net-1") for route in kills.ROUTES]
    chance.shuffle(cells)
    at = chance.randrange(1, len(cells))
    shared = (ground.cache / "environments").resolve()
    runs = []
    for number, share in enumerate((cells[:at], cells[at:])):
        cache = ground.root / f"cache-{number}"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        (cache / "environments").symlink_to(shared)
        chosen = [word for case, route in share for word in ("--case", f"{case} {route}")]
        runs.append(ground.begun(*RECORD, *chosen, variables={"TFPARITY_CACHE": str(cache)}))
    for run in runs:
        done = run.ended().said_well()
        if done.code:
            raise Missed(f"one of two ended with {done.code}: {done.said}")
    ground.same()


def _two_installs(ground: Ground, chance: random.Random) -> None:
    """Of one environment that neither has."""
    ground.reset()
    (ground.cache / "environments").unlink()
    runs = [ground.begun("install"), ground.begun("install")]
    for run in runs:
        done = run.ended(180).said_well()
        if done.code == NetworkError.exit_code:
            raise NotHere("no package index is reached from here")
        if done.code:
            raise Missed(f"one of two ended with {done.code}: {done.said}")
    if len([path for path in (ground.cache / "environments").iterdir() if path.is_dir()]) != 1:
        raise Missed("there is not one environment")
    ground.nothing_is_left()


# Clocks

_JUMPS = """
import time, threading
_real, _began, _jump = time.time, time.monotonic(), {seconds}
def _after(): return _real() + (_jump if time.monotonic() - _began > {moment} else 0)
time.time = _after
time.time_ns = lambda: int(_after() * 1e9)
"""


def _clock(seconds: int) -> Callable[[Ground, random.Random], None]:
    """The clock of our process jumps while it runs, and that of the conversion stays."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        from_the_start(ground)
        folder = ground.root / "clock"
        folder.mkdir(exist_ok=True)
        moment = chance.uniform(0.2, ground.trials.seconds)
        (folder / "sitecustomize.py").write_text(_JUMPS.format(seconds=seconds, moment=moment))
        path = os.pathsep.join([str(folder), ground.environment["PYTHONPATH"]])
        done = ground.process(*RECORD, variables={"PYTHONPATH": path}).said_well()
        if done.code:
            raise Missed(f"ended with {done.code}: {done.said}")
        ground.same()
        _afterwards(ground)

    return plant_it


def _workers_clock(seconds: int) -> Callable[[Ground, random.Random], None]:
    """The clock of the conversion jumps, and ours stays."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        from_the_start(ground)
        before = f"    time.time, real = (lambda: real() + {seconds}), time.time\n"
        edited(ground, kills.ROUTES, before)
        done = ground.command(*RECORD).said_well()
        if done.code or _outcomes(ground.evidence()) != _outcomes(ground.whole):
            raise Missed(f"ended with {done.code}: {done.said}")
        ground.nothing_is_left()

    return plant_it


#: How the functions of planted.py begin.
CONVERTS = "def convert(bundle, artifact, request):\n"
EXPORTS = "def export(model, example, case, output_axes, opset, folder):\n"


def edited(ground: Ground, routes: tuple[str, ...], code: str, begins: str = CONVERTS) -> None:
    """Lines of code before a conversion, or an export."""
    for route in routes:
        path = ground.project / route
        text = path.read_text(encoding="utf-8")
        assert begins in text
        path.write_text(text.replace(begins, begins + code), encoding="utf-8")


def _outcomes(text: bytes) -> dict[tuple[str, str], object]:
    """Verdicts by case and route."""
    return {(cell["case"], cell["route"]): cell["verdict"] for cell in json.loads(text)["cells"]}


def _files_of(when: float) -> Callable[[Ground, random.Random], None]:
    """Every file of the cache and of the project is of that time."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        ground.reset()
        for folder in (ground.cache, ground.project):
            for path in folder.rglob("*"):
                if not path.is_symlink():
                    os.utime(path, (when, when))
        shutil.rmtree(ground.cache / "store")
        _afterwards(ground)

    return plant_it


# Environments


def _own_environment(ground: Ground) -> Path:
    """The environment as a copy of this ground's own, which may be damaged."""
    ground.reset()
    link = ground.cache / "environments"
    project = paths.project(ground.project)
    (environment,) = matrix.load(project.matrix).environments.values()
    installed = install.place(environment, lock.status(project, environment), paths.Cache(ground.cache)).resolve()
    link.unlink()
    link.mkdir()
    subprocess.run(["cp", "-a", "--reflink=auto", str(installed), str(link)], check=True)
    shutil.rmtree(ground.cache / "store")
    mark = link / installed.name / install.COMPLETE
    facts = json.loads(mark.read_text(encoding="utf-8"))  # one that an older tfparity made says less
    mark.write_text(json.dumps({**facts, "unlike": intact.damaged(link / installed.name)}), encoding="utf-8")
    return link / installed.name


def _environment(pattern: str, harm: damage.Damage) -> Callable[[Ground, random.Random], None]:
    """Named or made again: never a verdict."""

    def plant_it(ground: Ground, chance: random.Random) -> None:
        path = min(_own_environment(ground).glob(pattern))
        harm(path, chance)
        done = ground.command(*RECORD, seconds=120).said_well()
        ground.same()
        if done.code not in ERRORS | {0} or done.code == InstallError.exit_code:
            raise Missed(f"ended with {done.code}: {done.said}")
        ground.nothing_is_left()

    return plant_it


def _full(ground: Ground, chance: random.Random) -> None:
    """More packages than a disk holds: it is said before anything is fetched."""
    from_the_start(ground)
    (ground.cache / "environments").unlink()
    done = ground.command(
        *RECORD,
        before=lambda: setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6)),  # type: ignore[attr-defined]
    ).said_well()
    if done.code != DiskError.exit_code:
        raise Missed(f"ended with {done.code}: {done.said}")
    _as_before(ground)


_ENVIRONMENT = {
    "its Python is gone": ("bin/python", damage.gone),
    "its Python is a loop of links": ("bin/python", damage.links_in_a_circle),
    "its Python is empty": ("bin/python", lambda path, chance: (path.unlink(), path.touch(0o755))),
    "its mark is gone": ("tfparity-complete.json", damage.gone),
    "its mark is a folder": ("tfparity-complete.json", damage.a_folder),
    "its pyvenv.cfg is gone": ("pyvenv.cfg", damage.gone),
    "its pyvenv.cfg is empty": ("pyvenv.cfg", damage.empty),
    "a module is gone": ("lib/python*/site-packages/numpy/__init__.py", damage.gone),
    "a module is empty": ("lib/python*/site-packages/numpy/__init__.py", damage.empty),
    "a module is cut off": ("lib/python*/site-packages/numpy/_core/numeric.py", damage.truncated),
    "a library is cut off": ("lib/python*/site-packages/numpy/_core/_multiarray_umath*.so", damage.truncated),
    "a module is unreadable": ("lib/python*/site-packages/numpy/_core/numeric.py", damage.unreadable),
}

YEAR = 365 * 24 * 3600

PLANTS: tuple[Plant, ...] = (
    *(
        plant(f"a kill of {kind}", "kills at random moments", Point.SIGNALS, _killed(kind), times=times, slow=6)
        for kind, times in (("requests", 6), ("parents", 4), ("runs", 8))
    ),
    *(
        plant(
            f"{number.name} to {'the group' if group else 'the run'}",
            "signals",
            Point.SIGNALS,
            _signalled(number, group),
            times=3,
            slow=5,
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for group in (False, True)
    ),
    plant("the ends of children ignored by our parent", "signals", Point.HANGS, _unheard, slow=3),
    plant("Ctrl-C to a run that waits for another", "signals", Point.HANGS, _waiting_for_another, slow=12),
    plant("a warm parent that is stopped", "signals", Point.HANGS, _stopped_parent, times=2, slow=30),
    plant("no file beyond a size", "full disks", Point.MACHINE, _file_size, times=12, slow=5),
    plant("a cache on a small disk", "full disks", Point.MACHINE, _small_disk, times=5, slow=5),
    plant("results on a small disk", "full disks", Point.MACHINE, _small_results, times=2, slow=5),
    plant("an install larger than the disk", "full disks", Point.MACHINE, _full, slow=1),
    plant("results that may not be written", "read-only", Point.FILES, _read_only_results, times=4, slow=4),
    plant("a cache that may not be written", "read-only", Point.FILES, _read_only_cache, slow=4),
    *(
        plant(f"an index that answers {name}", "network and index", Point.MACHINE, _other_index(name), slow=6)
        for name in INDEXES
    ),
    plant("no network", "network and index", Point.MACHINE, _no_network, slow=5),
    plant("a proxy that is not there", "network and index", Point.MACHINE, _no_route_out, slow=6),
    plant("a lockfile of other hashes", "network and index", Point.MACHINE, _other_hash, slow=2),
    plant("two runs of one cache", "two runs at once", Point.MACHINE, _two_runs, times=4, slow=5),
    plant("two runs of two caches", "two runs at once", Point.MACHINE, _two_caches, times=8, slow=5),
    plant("two installs", "two runs at once", Point.MACHINE, _two_installs, slow=10),
    *(
        plant(f"our clock jumps by {seconds} s", "clocks", Point.MACHINE, _clock(seconds), slow=5)
        for seconds in (-YEAR, -3600, 3600, 30 * YEAR)
    ),
    *(
        plant(f"a conversion's clock jumps by {seconds} s", "clocks", Point.MACHINE, _workers_clock(seconds), slow=4)
        for seconds in (-YEAR, 3600, 30 * YEAR)
    ),
    *(
        plant(f"files of {name}", "clocks", Point.MACHINE, _files_of(when), slow=4)
        for name, when in (("1970", 0.0), ("2100", 4102444800.0))
    ),
    *(
        plant(f"an environment: {name}", "damaged environments", Point.MACHINE, _environment(*how), slow=6)
        for name, how in _ENVIRONMENT.items()
    ),
)
