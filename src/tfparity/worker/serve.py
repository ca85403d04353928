"""The worker process: a parent that forks a process group per request.

A warm parent imports the frameworks once, before it forks. Where forking after that is not safe, the
parent stays bare and every child imports for itself, with the same result.

One JSON object a line. In: {"run": directory}. Out: {"ready": true, "imports": [...]} once, then {"started":
directory, "pid": n} and {"ended": directory, "status": n, "peak_mib": m} (exit code, or minus the signal's number; the
most memory that it had beyond what it began with). "machine" says why this machine ended an import or a request that
could not reply: its exit status is for code under test to choose. It ends when its input ends.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Optional, Set, Tuple

from tfparity.worker import confinement, machine_errors, messages, shims
from tfparity.worker.messages import Reply, StageFailed

#: prctl(PR_SET_CHILD_SUBREAPER): what leaves its group is handed to its request, and with that one's end to the
#: warm parent, which ends it.
_PR_SET_CHILD_SUBREAPER = 36

#: Seconds in which what requests left has to be gone.
LEFT_SECONDS = 20.0


def prepare(side: Dict[str, Any], progress: str) -> Dict[str, Any]:
    """Apply the shims, import what the side needs, and report the outcome of each import.

    side: {"shims": [...], "imports": [...], "preload": [...]}. `progress` names the file that holds the module being
    imported, so that a crash is attributed to it. A failed module in "preload" matters only to the cases that need it.
    Raises what this machine caused.
    """
    imports: List[Dict[str, Any]] = []

    def step(name: str, work: Any) -> None:
        messages.write_json(progress, {"importing": name, "imports": imports})
        clock = time.perf_counter()
        failure = None
        try:
            work()
        except Exception as exception:
            machine_errors.let_through(exception)
            failure = messages.error(exception)
            traceback.print_exc()
        seconds = time.perf_counter() - clock
        imports.append({"module": name, "outcome": "fail" if failure else "pass", "seconds": seconds, "error": failure})

    for shim in side["shims"]:
        step("shim:" + shim, partial(_apply, shim))
    for name in side["imports"] + side["preload"]:
        step(name, partial(__import__, name))
    made = {"importing": None, "imports": imports}
    messages.write_json(progress, made)
    return made


def _apply(name: str) -> None:
    shims.load(name).apply()


def _prepare_apart(side: Dict[str, Any], progress: str) -> Dict[str, Any]:
    """`prepare` in a child, so that this process imports nothing. If the child dies, this process dies the same way."""
    last = _LastWords()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            prepare(side, progress)
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException as wrong:
            _failed(wrong, last.say)
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    reason = last.heard()
    if reason:
        raise _MachineFailed(reason)
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    if status:
        raise SystemExit(os.WEXITSTATUS(status))
    return messages.read_json(progress)  # type: ignore[no-any-return]


class _MachineFailed(Exception):
    """Why this machine ended a child."""


class _LastWords:
    """A pipe by which a child that can write nothing else says why this machine ended it; made before it is forked."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)  # what the child left behind may hold the other end

    def say(self, reason: str) -> None:
        """In the child."""
        try:
            os.write(self._write, reason.encode("utf-8", "replace")[:1000])
        except OSError:  # code under test closed it
            pass

    def forget(self) -> None:
        """In another child: they are not its to say, or to read."""
        os.close(self._read)
        os.close(self._write)

    def heard(self) -> Optional[str]:
        """In its parent, once the child has ended."""
        os.close(self._write)
        try:
            said = os.read(self._read, 1000)
        except BlockingIOError:
            said = b""
        os.close(self._read)
        return said.decode("utf-8", "replace") or None


#: A request: its directory, its last words, the resident MiB that it was forked with.
_Running = Tuple[str, _LastWords, Optional[float]]


def _handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    kind = request["kind"]
    if kind in ("reference", "source", "newest-opset"):
        from tfparity.worker.requests import source as handler
    elif kind in ("convert", "execute", "target"):
        from tfparity.worker.requests import target as handler  # type: ignore[no-redef]
    elif kind in ("answer", "probe"):
        from tfparity.worker.requests import probe as handler  # type: ignore[no-redef]
    elif kind == "latency":
        from tfparity.worker.requests import latency as handler  # type: ignore[no-redef]
    elif kind in ("describe", "answer-artifact"):
        from tfparity.worker.requests import artifact as handler  # type: ignore[no-redef]
    elif kind == "compile":
        from tfparity.worker.requests import compile as handler  # type: ignore[no-redef]
    elif kind == "score":
        from tfparity.worker.requests import score as handler  # type: ignore[no-redef]
    elif kind == "selftest":
        from tfparity.worker.requests import selftest as handler  # type: ignore[no-redef]
    else:
        raise ValueError("unknown kind of request %r" % kind)
    try:
        handler.handle(directory, request, reply)
    except StageFailed:
        traceback.print_exc()
    reply.finish()


def serve(directory: str) -> int:
    """Read the side from the directory's request, import, and answer requests until the input ends."""
    # Replies travel on a descriptor of their own: what frameworks print goes to the log.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if hasattr(signal, "SIGCHLD"):  # ignored by whoever started us, no child would have a status
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _become_subreaper()

    def say(**value: Any) -> None:
        replies.write(json.dumps(value) + "\n")
        replies.flush()

    side = messages.read_json(os.path.join(directory, messages.REQUEST))
    _take(side["mark"])
    importing = prepare if side["warm"] else _prepare_apart
    try:
        ready = importing(side, os.path.join(directory, "imports.json"))
    except Exception as wrong:
        _failed(wrong, lambda reason: say(machine=reason))
        return 70
    say(ready=True, **ready)
    running: Dict[int, _Running] = {}
    pending = b""
    open_input = True
    while open_input or running:
        readable, _, _ = select.select([0] if open_input else [], [], [], 0.02 if running else 1.0)
        if readable:
            chunk = os.read(0, 65536)
            open_input = bool(chunk)
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                target = json.loads(line.decode())["run"]
                asked, last, shared = time.time(), _LastWords(), messages.resident_mib("VmRSS")
                pid = os.fork()
                if pid == 0:
                    for _, others, _ in running.values():
                        others.forget()
                    _child(target, asked, replies, side, last)
                running[pid] = target, last, shared
                say(started=target, pid=pid)
        if not open_input:
            for pid in running:
                _kill_group(pid)
        _reap(running, say)
    _end_what_is_left(())
    return 0


def _reap(running: Dict[int, _Running], say: Any) -> None:
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        ended = running.pop(pid, None)
        if ended is None:  # what a request left behind; its own children are ours now
            _kill_orphans(running)
            continue
        _kill_group(pid)
        _end_what_is_left(running)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        directory, last, shared = ended
        peak = None if shared is None else max(0.0, used.ru_maxrss / 1024 - shared)
        say(ended=directory, status=code, peak_mib=peak, machine=last.heard())


def _child(directory: str, asked: float, replies: Any, side: Dict[str, Any], last: _LastWords) -> None:
    """Never returns: runs one request in its own process group and exits without the parent's clean-up."""
    status = 70
    try:
        os.setsid()
        _become_subreaper()
        replies.close()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        log = os.open(os.path.join(directory, messages.LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # onnx-tf traces by making millions of small objects: collecting garbage is a third of its time, and
        # this process ends with its request. Memory is limited from outside.
        gc.disable()
        request = messages.read_json(os.path.join(directory, messages.REQUEST))
        _settle(directory, side["confined"])
        if not side["warm"]:
            prepare(side, os.path.join(directory, "imports.json"))
        reply = Reply(directory)
        reply.fact("fork_seconds", time.time() - asked)
        _handle(directory, request, reply)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException as wrong:
        _failed(wrong, last.say)
    finally:
        try:  # a full disk must not change the status
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _settle(directory: str, confined: bool) -> None:
    """Have a home of the request's own, and, confined, write nowhere but to its directory. Raises _MachineFailed where
    the system has the means and one of them fails."""
    home = os.path.join(directory, messages.HOME)
    os.environ.update(HOME=home, TMPDIR=home)
    tempfile.tempdir = None  # what was found in the parent is not kept
    if confined:
        try:
            confinement.confine(directory)
        except OSError as refused:
            raise _MachineFailed(str(refused)) from refused
    os.chdir(home)  # as it is mounted now


def _failed(wrong: BaseException, say: Callable[[str], None]) -> None:
    """Tell of the exception by which a process ends: the log, unless this machine caused it."""
    reason = str(wrong) if isinstance(wrong, _MachineFailed) else machine_errors.of(wrong)
    if reason:
        say(reason)
    else:
        traceback.print_exc()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _become_subreaper() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _take(mark: int) -> None:
    """Bear the worker's mark: a limit that nothing reaches (microseconds at a stretch of a real-time process), which
    whatever comes of this process inherits and cannot raise, root's processes apart. Known by it, what has lost its
    parents is ended by the main process."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_RTTIME, (mark, mark))
    except (ImportError, AttributeError, ValueError, OSError):  # another system, or a lower limit
        pass


def _end_what_is_left(running: Iterable[int]) -> None:
    """End all that requests left which have ended, and what it leaves in its turn, and reap it: what a request says is
    not told before nothing of it can write any more. Raises SystemExit where that comes to no end: this process, and
    whoever is left, is ended by the main one."""
    until = time.monotonic() + LEFT_SECONDS
    while _kill_orphans(running):
        for pid in _children(os.getpid()) - set(running):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        if time.monotonic() > until:
            raise SystemExit(70)
        time.sleep(0.001)


def _kill_orphans(running: Iterable[int]) -> bool:
    """Kill processes that left their request's process group, and their descendants, stopped first, so that none makes
    another: a request adopts its own orphans while it runs, so that every other child of this process belonged to a
    request that has ended. Returns whether there was any."""
    if sys.platform != "linux":
        return False
    strangers = _children(os.getpid()) - set(running)
    family = set()  # type: Set[int]
    found = strangers
    while found - family:
        for pid in found - family:
            _send(pid, signal.SIGSTOP)
        family |= found
        found = set().union(*map(_children, family))
    for pid in family:
        _send(pid, signal.SIGKILL)
    return bool(strangers)


def _children(pid: int) -> Set[int]:
    """The processes that a process started, by any of its threads."""
    found = set()  # type: Set[int]
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                found.update(int(child) for child in file.read().split())
    except (OSError, ValueError):  # it has ended
        pass
    return found


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
