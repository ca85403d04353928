"""The guard of conftest.py itself."""

import os
import socket
import subprocess
import sys

import pytest


def test_starting_a_process_raises(outside_world):
    with pytest.raises(RuntimeError, match=r"subprocess\.Popen"):
        subprocess.run([sys.executable, "-c", "pass"])
    outside_world.tried.clear()


def test_forking_raises(outside_world):
    with pytest.raises(RuntimeError, match=r"os\.fork"):
        os.fork()
    outside_world.tried.clear()


def test_opening_a_socket_raises(outside_world):
    with pytest.raises(RuntimeError, match="socket"):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    outside_world.tried.clear()


def test_a_swallowed_attempt_is_remembered(outside_world):
    try:
        os.system("true")
    except RuntimeError:
        pass
    assert outside_world.tried
    outside_world.tried.clear()
