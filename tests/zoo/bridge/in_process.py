"""torch called from a tf.function, both in the process that runs the cell: a route whose artifact says only which
module that is. Runs inside the environment."""

import json
import shutil
from pathlib import Path

from tfparity.worker.exporters.torch_module import DESCRIPTION, WEIGHTS, rebuild
from tfparity.worker.routes import Gives, _bridge
from tfparity.worker.routes import bridge as route


def convert(bundle, artifact, request):
    Path(artifact).mkdir()
    for name in (DESCRIPTION, WEIGHTS):
        shutil.copy(Path(bundle) / name, artifact)
    (Path(artifact) / "request.json").write_text(json.dumps(request))


class Called:
    def __init__(self, folder):
        model, case = rebuild(folder, json.loads((Path(folder) / "request.json").read_text()))
        self.function = _bridge.function(model, *_bridge.specs(model, case))

    def run(self, given):
        import tensorflow as tf

        answer = self.function(*[tf.constant(array) for _, array in given])
        return [(name, tensor.numpy()) for name, tensor in answer.items()]

    def signature(self):
        graph = self.function.get_concrete_function()
        taken, given = graph.structured_input_signature[0], graph.structured_outputs
        return {
            "inputs": [[spec.name, spec.dtype.name] for spec in taken],
            "outputs": [[name, tensor.dtype.name] for name, tensor in given.items()],
            "ordered": False,
        }


def load(folder):
    return Called(folder)


ROUTE = route.ROUTE._replace(revision=1, convert=convert, load=load, gives=Gives())
