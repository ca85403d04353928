"""Hostile cells: converters that forge, hang, steal and touch, through real workers.

Those of the suite are tests/worker/planted.py, which `suites` sets; here are those that only a whole run shows.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ground import ERRORS, Done, Ground
from machine import CONVERTS, EXPORTS, RECORD, but_for_one, edited
from plants import Missed, NotHere, Plant, Point, plant

KIND = "hostile cells"

#: What only the environment of our own process has.
SECRET = "ghs_planted0secret"

#: What a converter writes where it should not.
FORGED = b"forged"


@dataclass(frozen=True)
class Hostile:
    """Lines of a converter, before it converts as it should; `{project}`, `{cache}`, `{home}`, `{port}`, `{bystander}`,
    a process of another's, filled in.

    verdicts: what its cells may come to, "" if they may be untested. untouched: what it writes to, and holds afterwards
    what it did. everywhere: it has to be contained without a sandbox, too. exports: the lines stand before an export;
    imported: they are run where the exporter of swap-outputs.py, in a file of its own, is imported by a worker; other:
    they are those of swap-outputs.py, which is broken anyway, and must not break the other cell. words: of the command.
    times: how often it is set, where what it hits depends on the moment.
    """

    name: str
    point: Point
    code: str
    verdicts: tuple[str, ...] = ("broken", "")
    untouched: tuple[str, ...] = ()
    everywhere: bool = False
    seconds: float = 90.0
    exports: bool = False
    imported: bool = False
    other: bool = False
    words: tuple[str, ...] = ()
    times: int = 1


_MAIN = """
import glob
def _of_tfparity():
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            words = open(path, 'rb').read().split(b'\\0')
        except OSError:
            continue
        if b'tfparity' in words and b'run' in words and b'{project}' in open(path[:-7] + 'environ', 'rb').read():
            yield int(path.split('/')[2])
"""

#: The folder of the request, and of the worker.
_FOLDERS = """
control = os.path.dirname(os.readlink('/proc/self/fd/1'))
outputs = os.path.join(os.path.dirname(artifact), 'outputs.npz')
worker = os.path.dirname(control)
"""

#: What a converter may put in the place of a file that our process reads.
_PUTS = {
    "a pipe": "os.mkfifo({path})",
    "a link to a file without end": "os.symlink('/dev/zero', {path})",
    "a link to another file": "os.symlink('{project}/matrix.yaml', {path})",
    "a folder": "os.mkdir({path})",
    "a socket": "os.mknod({path}, 0o140644)",
}


#: What an exporter may put in the place of a file of its export or bundle, which our process reads and hashes.
_LEAVES = {**_PUTS, "4 TiB of nothing": "open({path}, 'wb').truncate(2 ** 42)"}

#: Of an exporter, where that may be.
_PLACES = {
    "a file of its export": "folder + '/more'",
    "its model": "folder + '/weights.npz'",
    "the inputs and references": "os.path.dirname(folder) + '/io.npz'",
    "the bundle's description": "os.path.dirname(folder) + '/bundle.json'",
}


def _put(what: str, path: str) -> str:
    return f"\nif os.path.lexists({path}): os.remove({path})\n" + _LEAVES[what].replace("{path}", path)


#: Of an exporter: the references of every bundle, its own among them, become what swap-outputs.py answers, and all that
#: tells them from the true ones is made to fit.
_FORGES = """
import glob, hashlib, json, numpy
def forge(io):
    with numpy.load(io) as stored:
        held = {name: stored[name] for name in stored.files}
    for name in list(held):
        if name.endswith('/z_scores') and not name.startswith('input'):
            other = name.replace('z_scores', 'attention')
            held[name], held[other] = held[other], held[name]
    numpy.savez(io, **held)
    data = open(io, 'rb').read()
    digest = hashlib.sha256(b'io.npz\\0%d\\0' % len(data) + hashlib.sha256(data).digest()).hexdigest()
    file = os.path.join(os.path.dirname(io), 'bundle.json')
    told = json.load(open(file))
    told.pop('seal', None)
    told['io_sha256'] = digest
    text = json.dumps(told).encode()
    open(file, 'wb').write(b'{"seal": "%s", ' % hashlib.sha256(text).hexdigest().encode() + text[1:])
for io in glob.glob('{cache}/bundles/*/*/io.npz') + [os.path.dirname(folder) + '/io.npz']:
    try:
        forge(io)
    except Exception:
        pass
"""

#: By the same, of whatever lies in the folder of the run for as long as a request may take: inputs and references,
#: answers, replies.
_FORGES_ON_THEIR_WAY = """
import glob, json, numpy
def forge(path):
    with numpy.load(path) as stored:
        held = {name: stored[name] for name in stored.files}
    for name in list(held):
        if name.endswith('/z_scores') and not name.startswith('input'):
            other = name.replace('z_scores', 'attention')
            held[name], held[other] = held[other], held[name]
    numpy.savez(path + '.npz', **held)
    os.replace(path + '.npz', path)
def lie(path):
    told = json.load(open(path))
    told['facts']['sensitivity'] = {'output:z_scores': [1.0, 1.0]}
    told['stages'] = [dict(stage, outcome='pass', error=None) for stage in told['stages']]
    json.dump(told, open(path, 'w'))
own, until = os.path.dirname(os.readlink('/proc/self/fd/1')), time.time() + 3
while time.time() < until:
    for path in glob.glob('{cache}/work/**', recursive=True):
        for harm in (forge, lie, lambda path: os.link(path, own + '/held')):
            try:
                if not path.startswith(own) and os.path.isfile(path):
                    harm(path)
            except Exception:
                pass
"""

#: Of a module that is imported: what is written as references from then on is what swap-outputs.py answers.
_CHANGES_PYTHON = """
from tfparity.worker import arrays
written = arrays.write_npz
def write(path, stored):
    held = dict(stored)
    for name in stored:
        if name.startswith(('float32/', 'float64/', 'ulp/')) and name.endswith('/z_scores'):
            other = name.replace('z_scores', 'attention')
            held[name], held[other] = held[other], held[name]
    written(path, held)
arrays.write_npz = write
"""

_EXPORTING = """\
import os, signal, sys, time
if 'tfparity.worker.serve' in sys.modules:
{lines}
from tfparity.worker import plugins
EXPORTER = plugins.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'swap-outputs.py'), '').EXPORTER
"""

#: Where the parent's answers go, as code under test finds it.
_SAYS = """
import json
for number in os.listdir('/proc/%d/fd' % os.getppid()):
    path = '/proc/%d/fd/%s' % (os.getppid(), number)
    try:
        if os.readlink(path).startswith('pipe:'):
            with open(path, 'w') as stream:
                stream.write(json.dumps({'started': 'x', 'pid': {bystander}}) + '\\n')
    except OSError:
        pass
os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(600)
"""

HOSTILE = (
    *(Hostile(f"ends with {status}", Point.MACHINE, f"os._exit({status})", ("broken",)) for status in (74, 125, 137)),
    *(
        Hostile(
            f"leaves {what} for its reply and its log",
            Point.HANGS,
            _FOLDERS + _put(what, "control + '/reply.json'") + _put(what, "control + '/log.txt'") + "\nos._exit(3)",
            ("broken",),
            ("{project}/matrix.yaml",),
        )
        for what in _PUTS
    ),
    *(
        Hostile(
            f"leaves {what} for its answers",
            Point.HANGS,
            _FOLDERS + _put(what, "outputs"),
            ("works", "broken", ""),
            ("{project}/matrix.yaml",) if what != "a link to another file" else (),
        )
        for what in _PUTS
    ),
    *(
        Hostile(
            f"exports {what} for what we write of it",
            Point.FORGED,
            _put(what, "folder + '/export.json'"),
            ("works", "broken", ""),
            ("{project}/matrix.yaml",),
            exports=True,
        )
        for what in _PUTS
    ),
    *(
        Hostile(
            f"exports {what} for {place}",
            Point.HANGS,
            _put(what, path),
            ("works", "broken", ""),
            ("{project}/matrix.yaml",),
            exports=True,
        )
        for number, what in enumerate(_LEAVES)
        for place, path in list(_PLACES.items())[number % 2 :: 2]
    ),
    *(
        Hostile(
            f"exports links to {where} for every {what}",
            Point.FORGED,
            f"""
import glob
for path in glob.glob('{{cache}}/{pattern}'):
    path += '{ends}'
    try:
        if os.path.lexists(path): os.rename(path, path + '-away')
        os.symlink('{to}', path)
    except OSError:
        pass
""",
            ("works", "broken", ""),
            ("{project}/matrix.yaml", "{project}/limitations.yaml", "{home}/.profile"),
            exports=True,
            times=4,
        )
        for where, to in (("nowhere", "/nowhere"), ("the project", "{project}"))
        for what, pattern, ends in (
            ("lock", "locks/*", ""),
            ("lock in a bundle", "bundles/*/*", "/.lock"),
            ("bundle", "bundles/*/*", ""),
            ("bundle's folder", "bundles/*", ""),
        )
    ),
    Hostile(
        "exports a folder that nobody may enter",
        Point.FORGED,
        "os.mkdir(folder + '/m'); open(folder + '/m/x', 'w').write('x'); os.chmod(folder + '/m', 0)",
        ("works", "broken", ""),
        exports=True,
    ),
    Hostile(
        "exports other references into every bundle",
        Point.FORGED,
        _FORGES,
        ("works", "broken", ""),
        exports=True,
        times=4,
    ),
    Hostile(
        "exports other references into what is on its way",
        Point.FORGED,
        _FORGES_ON_THEIR_WAY,
        ("works", "broken", ""),
        exports=True,
        times=4,
    ),
    Hostile(
        "rewrites what is on its way",
        Point.FORGED,
        _FORGES_ON_THEIR_WAY,
        ("works", "broken", ""),
        times=4,
    ),
    Hostile(
        "changes Python where its exporter is imported",
        Point.FORGED,
        _CHANGES_PYTHON,
        ("works",),
        everywhere=True,
        imported=True,
    ),
    Hostile(
        "opens the memory of its parent",
        Point.REACH,
        """
try:
    open('/proc/%d/mem' % os.getppid(), 'r+b').close()
except OSError:
    pass
else:
    raise RuntimeError('opened')
""",
        ("works", ""),
    ),
    Hostile(
        "shuts the folders of all that is beside it",
        Point.FORGED,
        _FOLDERS
        + """
import glob
for path in [worker, *glob.glob('{cache}/work/**', recursive=True), *glob.glob('{cache}/bundles/**', recursive=True)]:
    if not path.startswith(control):
        for harm in (lambda path: os.chmod(path, 0), lambda path: os.utime(path, (1, 1))):
            try:
                harm(path)
            except OSError:
                pass
""",
        ("works",),
        other=True,
        times=3,
    ),
    Hostile(
        "sets the limits of its parent",
        Point.FORGED,
        """
import resource
for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK, resource.RLIMIT_NOFILE):
    try:
        resource.prlimit(os.getppid(), limit, (512, 512))
    except OSError:
        pass
""",
        ("works",),
        other=True,
        times=2,
    ),
    *(
        Hostile(f"shuts {what}", Point.FORGED, f"{_FOLDERS}os.chmod({folder}, 0); os._exit(3)", ("broken",))
        for what, folder in (("its own folder", "control"), ("what it makes", "control + '/made'"))
    ),
    Hostile(
        "leaves an artifact that may not be written to",
        Point.MACHINE,
        """
from tfparity.worker.messages import Reply
def finish(self, old=Reply.finish):
    os.chmod(artifact, 0o555)
    old(self)
Reply.finish = finish
""",
        ("works",),
    ),
    Hostile(
        "exports a link for its folder",
        Point.FORGED,
        "os.rmdir(folder); os.symlink('{home}/mine', folder)",
        ("broken",),
        ("{home}/mine/export.json",),
        exports=True,
    ),
    Hostile(
        "exports a chain of processes that hold every lock, and nothing else",
        Point.HANGS,
        """
import glob, fcntl
ready = os.path.dirname(os.readlink('/proc/self/fd/1')) + '/ready'
if os.fork() == 0:
    os.setsid()
    held, until = {}, time.time() + 3600
    while time.time() < until:
        if len([name for name in os.listdir('/proc') if name.isdigit()]) < 120:
            if os.fork():
                while True: time.sleep(600)
        else:
            open(ready, 'w')
            for path in glob.glob('{cache}/locks/*.lock'):
                if path not in held:
                    held[path] = os.open(path, os.O_RDONLY)
                    try: fcntl.flock(held[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError: os.close(held.pop(path))
            time.sleep(0.003)
    os._exit(0)
while not os.path.exists(ready): time.sleep(0.01)
raise RuntimeError('at another opset it is asked again')
""",
        ("broken", ""),
        exports=True,
        seconds=60,
    ),
    Hostile(
        "says what takes long to read",
        Point.HANGS,
        """
from tfparity.worker import messages
messages.MESSAGE_LIMIT = 10 ** 8
raise RuntimeError('__inference_a' * 400000)
""",
        ("broken",),
        everywhere=True,
        seconds=40,
    ),
    Hostile(
        "says at length where it is wrong",
        Point.HANGS,
        """
import json
control = os.path.dirname(os.readlink('/proc/self/fd/1'))
stage = {'stage': 'build', 'outcome': 'fail', 'began': 0, 'seconds': 0, 'error': {'type': 'X', 'message': 'y'}}
facts = {'where': '\\x1b]0;owned\\x07' + 'e' * 14000000}
told = {'stages': [stage], 'running': None, 'done': True, 'machine': None, 'facts': facts}
json.dump(told, open(control + '/reply.json', 'w'))
os._exit(0)
""",
        ("broken",),
        exports=True,
        everywhere=True,
        seconds=40,
    ),
    Hostile(
        "makes a process that is no child of it",
        Point.REACH,
        """
import ctypes, platform
number = {'x86_64': 56, 'aarch64': 220}[platform.machine()]
made = ctypes.CDLL(None).syscall(number, ctypes.c_ulong(0x8000 | 17), None, None, None, None)
if made == 0: os._exit(0)
if made > 0: raise RuntimeError('made')
""",
        ("works", ""),
    ),
    Hostile(
        "exports 3,000 folders in one another",
        Point.FORGED,
        "here = os.getcwd(); os.chdir(folder)\nfor _ in range(3000): os.mkdir('m'); os.chdir('m')\nos.chdir(here)",
        ("works", "broken", ""),
        exports=True,
    ),
    Hostile(
        "puts a link in the place of its worker's folder",
        Point.FORGED,
        _FOLDERS + "os.rename(worker, worker + '-away'); os.symlink('{project}', worker)",
        ("works", "broken", ""),
        ("{project}/matrix.yaml", "{project}/limitations.yaml", "{project}/faithful.py"),
    ),
    Hostile(
        "says that it started another's process",
        Point.FORGED,
        _SAYS,
        ("broken", ""),
        everywhere=True,
        words=("--sandbox", "off"),
    ),
    Hostile(
        "reads our environment through /proc",
        Point.REACH,
        """
import glob
for path in glob.glob('/proc/[0-9]*/environ'):
    try:
        if b'planted0' in open(path, 'rb').read():
            raise RuntimeError('stolen: ' + 'ghs_planted0' + 'secret')
    except OSError:
        pass
""",
        ("works",),
        everywhere=True,
    ),
    Hostile(
        "reads its own environment",
        Point.REACH,
        "if any('planted0' in text for text in os.environ.values()): raise RuntimeError('ghs_planted0' + 'secret')",
        ("works",),
        everywhere=True,
    ),
    Hostile(
        "writes over the evidence",
        Point.REACH,
        _writes := """
for path in ({paths}):
    try:
        open(path, 'w').write('forged')
    except OSError:
        pass
""".replace("{paths}", "'{project}/results/small.json',"),
        ("works", ""),
    ),
    Hostile(
        "writes over matrix.yaml and our own source",
        Point.REACH,
        _writes.replace("'{project}/results/small.json'", "'{project}/matrix.yaml', '{project}/limitations.yaml'"),
        ("works", ""),
        ("{project}/matrix.yaml", "{project}/limitations.yaml"),
    ),
    Hostile(
        "writes into the home folder",
        Point.REACH,
        _writes.replace("'{project}/results/small.json'", "'{home}/.profile'"),
        ("works", ""),
        ("{home}/.profile",),
    ),
    Hostile(
        "writes into the store",
        Point.REACH,
        """
import glob
for path in glob.glob('{cache}/store/*/*/*.json'):
    try:
        text = open(path).read()
        open(path, 'w').write(text.replace('"fail"', '"pass"').replace('"broken"', '"works"'))
    except OSError:
        pass
""",
        ("works", ""),
        everywhere=True,
    ),
    Hostile(
        "calls home",
        Point.REACH,
        """
import socket
try:
    socket.create_connection(('127.0.0.1', {port}), 2).sendall(b'here')
except OSError:
    pass
""",
        ("works", ""),
    ),
    Hostile("stops its parent", Point.HANGS, "os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)"),
    Hostile("stops itself", Point.HANGS, "os.kill(os.getpid(), signal.SIGSTOP)"),
    Hostile("sleeps for ever", Point.HANGS, "time.sleep(600)"),
    Hostile(
        "listens to no signal",
        Point.HANGS,
        "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]\nwhile True: pass",
    ),
    Hostile("writes for ever", Point.HANGS, "while True: os.write(1, b'x' * 2 ** 20)"),
    Hostile(
        "leaves a daemon that kills the parent",
        Point.HANGS,
        "parent = os.getppid()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.kill(parent, 9)\n        time.sleep(600)\n    time.sleep(600)\ntime.sleep(600)",
    ),
    Hostile("kills the run", Point.SIGNALS, _MAIN + "\n[os.kill(pid, 9) for pid in _of_tfparity()]\n", ("works", "")),
    Hostile(
        "removes its folder",
        Point.FORGED,
        "import shutil; shutil.rmtree(os.getcwd(), ignore_errors=True)",
        ("works", "broken", ""),
    ),
    Hostile(
        "removes the bundle",
        Point.FORGED,
        "import shutil; shutil.rmtree(os.path.dirname(bundle), ignore_errors=True)",
        ("works", "broken", ""),  # in a sandbox the bundle stays
    ),
    Hostile("closes every file", Point.FORGED, "os.closerange(0, 1000); raise RuntimeError('x' * 10 ** 7)"),
    Hostile("gives a link for a model", Point.FORGED, "os.symlink('/', artifact); raise SystemExit(0)"),
    Hostile(
        "raises what cannot be said",
        Point.FORGED,
        "class Odd(Exception):\n    def __str__(self): raise Odd()\nraise Odd()",
    ),
    Hostile("recurses", Point.FORGED, "def again(): again()\nagain()"),
    Hostile(
        "says what a terminal would obey",
        Point.TERMINALS,
        "raise RuntimeError('\\x1b]0;owned\\x07\\x1b[2J\\u202e<b>]]>`|')",
    ),
)


def _hostile(what: Hostile) -> Callable[[Ground, random.Random], None]:
    def plant_it(ground: Ground, chance: random.Random) -> None:
        but_for_one(ground)
        with (ground.project / "matrix.yaml").open("a") as matrix:
            matrix.write("\nlimits: {seconds: 6, memory-gib: 2}\n")
        (ground.home / "mine").mkdir(exist_ok=True)
        (ground.home / "mine" / "export.json").write_text("a person's own", encoding="utf-8")
        filled = {
            "project": str(ground.project),
            "cache": str(ground.cache),
            "home": str(ground.home),
            "secret": SECRET,
        }
        with closing(socket.create_server(("127.0.0.1", 0))) as server, _bystander() as bystander:
            heard: list[bytes] = []
            thread = threading.Thread(target=_listen, args=(server, heard), daemon=True)
            thread.start()
            filled |= {"port": str(server.getsockname()[1]), "bystander": str(bystander.pid)}
            code = _filled(what.code, filled)
            lines = "".join(f"    {line}\n" for line in code.splitlines())
            if what.imported:
                _exports_by_a_file_of_its_own(ground, lines)
            else:
                route = "swap-outputs.py" if what.other else "faithful.py"
                edited(ground, (route,), lines, begins=EXPORTS if what.exports else CONVERTS)
            untouched = {path: _content(path) for path in (Path(_filled(name, filled)) for name in what.untouched)}
            # what is looked for in /proc is there of a process alone
            command = ground.process if what.point in (Point.REACH, Point.SIGNALS) else ground.command
            done = command(
                *RECORD,
                "--case",
                "planted/net",
                *what.words,
                variables={"GITHUB_TOKEN": SECRET, "ACTIONS_TOKEN": SECRET, "UV_INDEX_MINE_PASSWORD": SECRET},
                seconds=what.seconds,
            )
            if bystander.poll() is not None:
                raise Missed("it had us end another's process")
        _contained(ground, what, done)
        if what.point is Point.REACH and not what.everywhere and not _has_sandbox(done):
            raise NotHere("requests have no sandbox here")
        if ground.evidence() == FORGED:
            raise Missed("it wrote over the evidence")
        if heard:
            raise Missed("it reached the network")
        changed = [str(path) for path, content in untouched.items() if _content(path) != content]
        if changed:
            raise Missed(f"it wrote to {', '.join(changed)}")
        ground.put_back()
        ground.next_run("--jobs", "2")

    return plant_it


def _exports_by_a_file_of_its_own(ground: Ground, lines: str) -> None:
    """Have swap-outputs.py export by another file, which does that first."""
    (ground.project / "exporting.py").write_text(_EXPORTING.replace("{lines}", lines.rstrip()), encoding="utf-8")
    route = ground.project / "swap-outputs.py"
    own = "exporter=os.path.abspath(__file__)"
    text = route.read_text(encoding="utf-8")
    assert own in text
    other = "exporter=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'exporting.py')"
    route.write_text(text.replace(own, other), encoding="utf-8")


@contextmanager
def _bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _contained(ground: Ground, what: Hostile, done: Done) -> None:
    if not (what.name == "kills the run" and done.code == 137):
        done.said_well()
        ground.nothing_is_left()
    ground.nothing_runs()
    text = ground.evidence()
    if SECRET.encode() in text + (done.out + done.err).encode():
        raise Missed(f"the secret is out: {done.said}")
    if text == FORGED:
        return  # see `untouched`
    found = {
        (cell["case"], cell["route"]): cell["verdict"]
        for cell in json.loads(text)["cells"]
        if cell["key"].strip("0")  # those that this run recorded
    }
    for (case, route), verdict in found.items():
        if route == "swap-outputs.py" and verdict != "broken":
            raise Missed(f"{case} {route} is {verdict}")
        if route == "faithful.py" and verdict not in what.verdicts:
            raise Missed(f"{case} {route} is {verdict}")
    if done.code == 137:
        return
    if "" not in what.verdicts and ("planted/net", "faithful.py") not in found:
        raise Missed(f"planted/net faithful.py is not recorded: {done.code}: {done.said}")
    if done.code not in ERRORS and len(found) < 2:
        raise Missed(f"ended with {done.code}, and only {sorted(found)} are recorded: {done.said}")
    if ("planted/net", "swap-outputs.py") not in found:
        raise Missed(f"the other cell is not recorded: {done.code}: {done.said}")


def _listen(server: socket.socket, heard: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            heard.append(b"connected")
            connection.close()


def _filled(text: str, by: dict[str, str]) -> str:
    for name, value in by.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _has_sandbox(done: Done) -> bool:
    """Whether requests ran in one: a run without says so once."""
    return "no sandbox" not in done.err and "without a sandbox" not in done.err


PLANTS: tuple[Plant, ...] = tuple(
    plant(
        f"a converter that {what.name}",
        KIND,
        what.point,
        _hostile(what),
        times=what.times,
        slow=15 if what.point is Point.HANGS else 6,
    )
    for what in HOSTILE
)
