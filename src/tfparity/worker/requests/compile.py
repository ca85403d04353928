"""A .tflite file put through a compiler for an edge device."""

import os
from typing import Any, Dict

from tfparity.worker import compilers, messages
from tfparity.worker.messages import Reply


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    """Stage compile, fact "compiled": what compilers.Compiler.compile returns. It writes to a new folder, `result`."""
    compiler, folder = compilers.load(request["compiler"]), messages.made(request, request["result"])

    def compiled() -> None:
        os.mkdir(folder)
        reply.fact("compiled", compiler.compile(request["artifact"], folder))

    reply.stage("compile", compiled)
