"""A .tflite file put through a compiler for an edge device."""

import os
from typing import Any, Dict

from tfparity.worker import compilers
from tfparity.worker.messages import Reply


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    """Stage compile, fact "compiled": what compilers.Compiler.compile returns. It writes to a new folder, `result`."""
    compiler = compilers.load(request["compiler"])

    def compiled() -> None:
        os.mkdir(request["result"])
        reply.fact("compiled", compiler.compile(request["artifact"], request["result"]))

    reply.stage("compile", compiled)
