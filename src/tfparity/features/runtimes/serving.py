"""A SavedModel behind TensorFlow's own model server, where that is on PATH: REST by rows and by columns, batching on,
two versions. https://www.tensorflow.org/tfx/serving/api_rest"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from tfparity.engine.artifact_runs import Ran, Way
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Array, Golden
from tfparity.judging import answers
from tfparity.records import own_environment
from tfparity.records.cells import Problem
from tfparity.records.vocabulary import Outcome

PROGRAM = "tensorflow_model_server"

#: Seconds for the server to have both versions, and for one request.
START_SECONDS = 180.0
REQUEST_SECONDS = 60.0

VERSIONS = (1, 2)

_MODEL = "model"

_CONFIG = """\
model_config_list {{ config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow"
  model_version_policy {{ all {{}} }} }} }}
"""

_BATCHING = """\
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 1 }
"""


class _Refused(Exception):
    """The server did not do what it should; the message says what."""


def held(artifact: Artifact, golden: Golden, program: str | None = None) -> Ran:
    """What the server answers over REST held against golden answers; untested where there is no server."""
    program = program or shutil.which(PROGRAM)
    if program is None:
        said = f"no {PROGRAM} is on PATH; what the C API gives says nothing of a server"
        return Ran(PROGRAM, Way.SERVING, Outcome.UNTESTED, note=said)
    try:
        with _served(artifact, program) as port:
            return _asked(port, golden)
    except _Refused as wrong:
        return Ran(PROGRAM, Way.SERVING, Outcome.FAIL, error=Problem("Serving", str(wrong)))
    except OSError as wrong:
        said = f"{PROGRAM} cannot be started: {wrong.strerror or wrong}"
        return Ran(PROGRAM, Way.SERVING, Outcome.UNTESTED, note=said)


def _asked(port: int, golden: Golden) -> Ran:
    """Every format at every version."""
    formats = {"rows": _rows, "columns": _columns}
    if any(array.ndim == 0 for array in (*golden.inputs.values(), *golden.outputs.values())):
        del formats["rows"]  # a row is one of a batch
    worst: answers.Held | None = None
    for version in VERSIONS:
        for name, ask in formats.items():
            path = f"/v1/models/{_MODEL}/versions/{version}:predict"
            one = answers.held(golden.outputs, ask(partial(_post, port, path), golden))
            if not one.right:
                said = f"wrong over REST by {name}, version {version}"
                return Ran(PROGRAM, Way.SERVING, Outcome.FAIL, one, note=said)
            worst = one if worst is None or (one.max_abs or 0) > (worst.max_abs or 0) else worst
    said = f"REST by {' and '.join(formats)}, batching on, versions {' and '.join(map(str, VERSIONS))}"
    return Ran(PROGRAM, Way.SERVING, Outcome.PASS, worst, note=said)


def _rows(post: Callable[[Any], Any], golden: Golden) -> Mapping[str, Array]:
    """{"instances": [{name: value}, …]} → {"predictions": [{name: value}, …]}, or values where there is one output."""
    count = min(len(array) for array in golden.inputs.values())
    instances = [{name: array[row].tolist() for name, array in golden.inputs.items()} for row in range(count)]
    rows = _list(post({"instances": instances}), "predictions")
    names = list(golden.outputs)
    if len(names) == 1:
        return {names[0]: _array(rows, golden.outputs[names[0]])}
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _Refused("answered rows without names")
    return {
        name: _array([row.get(name) for row in rows], golden.outputs.get(name, numpy.zeros(0, "float32")))
        for name in rows[0]
    }


def _columns(post: Callable[[Any], Any], golden: Golden) -> Mapping[str, Array]:
    """{"inputs": {name: value}} → {"outputs": {name: value}}, or the value where there is one output."""
    given = post({"inputs": {name: array.tolist() for name, array in golden.inputs.items()}})
    found = given.get("outputs") if isinstance(given, dict) else None
    names = list(golden.outputs)
    if len(names) == 1:
        return {names[0]: _array(found, golden.outputs[names[0]])}
    if not isinstance(found, dict):
        raise _Refused("answered no columns with names")
    return {name: _array(value, golden.outputs.get(name, numpy.zeros(0, "float32"))) for name, value in found.items()}


def _list(given: Any, word: str) -> list[Any]:
    found = given.get(word) if isinstance(given, dict) else None
    if not isinstance(found, list):
        raise _Refused(f"answered no {word}")
    return found


def _array(value: Any, like: Array) -> Array:
    """JSON has no dtypes: that of the golden answer."""
    try:
        return numpy.asarray(value, dtype=like.dtype)
    except (ValueError, TypeError):
        raise _Refused("answered what is no array of numbers") from None


def _post(port: int, path: str, body: Any) -> Any:
    status, given = _request(port, "POST", path, json.dumps(body))
    if status != http.client.OK:
        error = given.get("error") if isinstance(given, dict) else None
        raise _Refused(f"answered {status}: {str(error)[:300]}")
    return given


def _request(port: int, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as wrong:
        raise _Refused(f"does not answer {path}: {type(wrong).__name__}") from None
    finally:
        connection.close()


@contextmanager
def _served(artifact: Artifact, program: str) -> Iterator[int]:
    """The port of a server that has both versions of the artifact."""
    with tempfile.TemporaryDirectory(prefix="tfparity-serving-") as made:
        folder = Path(made)
        base = folder / _MODEL
        base.mkdir()
        for version in VERSIONS:  # the folder of versions, which a guide forgets
            (base / str(version)).symlink_to(artifact.path)
        (folder / "models.config").write_text(_CONFIG.format(name=_MODEL, base=base))
        (folder / "batching.config").write_text(_BATCHING)
        port = _free_port()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    "--port=0",
                    f"--rest_api_port={port}",
                    f"--model_config_file={folder / 'models.config'}",
                    "--enable_batching=true",
                    f"--batching_parameters_file={folder / 'batching.config'}",
                ],
                env=own_environment.without_secrets(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _wait(process, port)
            yield port
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Until both versions are there. Raises _Refused."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise _Refused(f"ended at its start with status {process.returncode}")
        with suppress(_Refused):
            _, told = _request(port, "GET", f"/v1/models/{_MODEL}")
            states = told.get("model_version_status", []) if isinstance(told, dict) else []
            ready = {str(one.get("version")) for one in states if one.get("state") == "AVAILABLE"}
            if ready >= {str(version) for version in VERSIONS}:
                return
        time.sleep(0.2)
    raise _Refused(f"has not both versions after {START_SECONDS:.0f} s")
