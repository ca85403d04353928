"""A cluster that does not answer holds nobody: neither who is no scheduler, nor a share that hangs."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tfparity.errors import SchedulerError
from tfparity.features.cluster import client, share
from tfparity.features.cluster.client import Cluster

#: What somebody says who takes a connection.
SAYS: dict[str, Callable[[socket.socket], object]] = {
    "nothing": lambda _: None,
    "goodbye": lambda connection: connection.close(),
    "an error of HTTP": lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "who it is": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "zeroes": lambda connection: connection.sendall(bytes(64)),
    "a few bytes to come": lambda connection: connection.sendall(b"\x10" + bytes(7)),
    "half of a word": lambda connection: connection.sendall(b"\x01" + bytes(3)),
}


@contextmanager
def who_says(says: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of one."""
    kept: list[socket.socket] = []
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            with suppress(OSError):
                kept.append(server.accept()[0])
                says(kept[-1])

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.1)
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()
    for connection in kept:
        connection.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Dask leaves what it cannot greet open
@pytest.mark.parametrize(
    ("scheme", "says"),
    [
        *(("tcp", says) for says in SAYS),
        *((scheme, says) for scheme in ("tls", "ws", "") for says in ("nothing", "an error of HTTP")),
    ],
)
def test_who_is_no_scheduler_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    scheme: str,
    says: str,
) -> None:
    monkeypatch.setattr(client, "ANSWERS", 0.5)
    with who_says(SAYS[says]) as port:
        address = f"{scheme}://127.0.0.1:{port}" if scheme else f"127.0.0.1:{port}"
        began = time.monotonic()
        with pytest.raises(SchedulerError) as refused, Cluster(None, None, address):  # type: ignore[arg-type]
            pass
    assert time.monotonic() - began < 10
    assert str(refused.value).startswith(f"--scheduler {address}: no Dask scheduler answers (")
    assert "dask scheduler" in str(refused.value)
    assert "\n" not in str(refused.value)
    gc.collect()
    assert capfd.readouterr() == ("", "")


def test_a_client_that_is_never_made_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    came, closed = threading.Event(), threading.Event()

    class Late:
        def close(self, timeout: float) -> None:
            closed.set()

    def connected(_: str) -> Late:
        came.wait(10)
        return Late()

    monkeypatch.setattr(client, "AT_MOST", 0.2)
    monkeypatch.setattr(client, "_connected", connected)
    with pytest.raises(SchedulerError, match="no answer within 0 s"), Cluster(None, None, "tcp://h:1"):  # type: ignore[arg-type]
        pass
    came.set()
    assert closed.wait(10)  # what is made when nobody wants it any more is closed


#: What a share does, and how it ends where it is asked to, and where it is not.
SHARES = {
    "ends by itself": ("", 0, 0),
    "ends as asked": ("try: begun(); time.sleep(600)\nexcept KeyboardInterrupt: os._exit(130)", 130, -9),
    "does not listen": ("signal.signal(2, signal.SIG_IGN); begun(); time.sleep(600)", -9, -9),
    "waits for itself": ("signal.pthread_sigmask(signal.SIG_BLOCK, [2]); begun(); os.read(os.pipe()[0], 1)", -9, -9),
    "is stopped": ("signal.signal(2, signal.SIG_IGN); begun(); os.kill(os.getpid(), signal.SIGSTOP)", -9, -9),
}

#: A shell that starts the tests in its background has SIGINT ignored, and what they start has, too.
BEGUN = """
import os, signal, time
signal.signal(2, signal.default_int_handler)
def begun(): os.write(1, b"begun\\n")
"""


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(("does", "asked", "unasked"), SHARES.values(), ids=SHARES)
def test_a_share_that_nobody_waits_for_is_ended(
    monkeypatch: pytest.MonkeyPatch, does: str, asked: int, unasked: int, ended: bool
) -> None:
    monkeypatch.setattr(share, "ENDING", 0.5 if (unasked if ended else asked) < 0 else 30)
    with subprocess.Popen(
        [sys.executable, "-c", BEGUN + does], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        if does:
            process.stdout.readline()
        else:
            process.wait(30)
        share._end(process, ended=ended)
        assert process.wait(30) == (unasked if ended else asked)
