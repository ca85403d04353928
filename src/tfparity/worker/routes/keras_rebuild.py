"""The network rewritten in tf.keras by hand, with torch's weights assigned by name → SavedModel.

Every layer is checked against torch: a weight that is left over on either side, and a layer whose output for the first
sample is not torch's, are errors that name it. See tfparity.worker.routes._rebuild.
"""

import fnmatch
import json
import os
from typing import Any, Dict, List, Optional

from tfparity.worker.messages import Refused
from tfparity.worker.routes import Gives, Route
from tfparity.worker.routes._rebuild import architectures, description, verify
from tfparity.worker.routes._rebuild.network import Network, torch_layout
from tfparity.worker.runtimes.saved_model import RUNTIME

#: What was mapped to what, and how far off each layer is, beside the model:
#: https://www.tensorflow.org/guide/saved_model#the_savedmodel_format_on_disk
REPORT = os.path.join("assets.extra", "rebuild.json")

#: Cases of the zoo whose architecture is written down.
TAKEN = (
    "torchvision/resnet*",
    "torchvision/wide-resnet*",
    "torchvision/resnext*",
    "torchvision/vgg*",
    "torchvision/mobilenet-v2",
    "huggingface/bert",
    "huggingface/bert-eager",
    "huggingface/bert-pair",
    "huggingface/bert-question-answering",
    "huggingface/bert-sequence-classification",
    "huggingface/bert-token-classification",
    "blocks/lstm-tagger*",
)


def of_zoo(case_id: str) -> Optional[str]:
    """Why a case of the zoo is not run; None if it is."""
    if not any(fnmatch.fnmatchcase(case_id, glob) for glob in TAKEN):
        return "nobody wrote this network again in Keras"
    return None


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Build the network, assign its weights, check it against torch's outputs, and save it with a signature whose named
    axes are dynamic. Raises Refused for any mismatch."""
    import tensorflow as tf

    described = description.read(bundle)
    report, network = rebuild(
        described, description.read_arrays(bundle), description.read_arrays(bundle, recorded=True)
    )
    names = [one["name"] for one in described.inputs]
    specs = [tf.TensorSpec(_sizes(one["shape"]), one["dtype"], one["name"]) for one in described.inputs]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*given: Any) -> Any:
        return network(dict(zip(names, given)))

    holder = tf.Module()
    concrete = serve.get_concrete_function()
    holder.kept = list(concrete.graph.variables)  # without Keras's own parts, which only Keras can load
    tf.saved_model.save(holder, artifact, signatures={"serving_default": concrete})
    os.makedirs(os.path.join(artifact, os.path.dirname(REPORT)), exist_ok=True)
    with open(os.path.join(artifact, REPORT), "w") as file:
        json.dump(report, file, indent=1)


def rebuild(described: description.Description, state: Dict[str, Any], recorded: Dict[str, Any]) -> Any:
    """The report, and a function from inputs by name to outputs by name."""
    import tensorflow as tf

    weights = description.Weights(state)
    net = Network(described, weights)
    architecture, root = architectures.found(described)
    inputs = {}
    for one in described.inputs:
        sizes = _sizes(one["shape"])
        inputs[one["name"]] = tf.keras.Input(sizes[1:], sizes[0], dtype=one["dtype"])
    outputs = chosen(described.outputs, architecture(net, root, inputs))
    traced = [tensor for _, tensor in net.trace]
    model = tf.keras.Model(list(inputs.values()), [*outputs.values(), *traced])
    unfilled = net.unfilled(model)
    description.nothing_left(weights.left(), unfilled)

    given = [tf.constant(recorded["input/" + name]) for name in inputs]
    answers = [tensor.numpy() for tensor in tf.nest.flatten(model(given, training=False))]
    ends, layers = answers[: len(outputs)], answers[len(outputs) :]
    keys = [key for key, _ in net.trace]
    report = {
        "mapped": net.mapped,
        "left over": {"torch": weights.left(), "keras": unfilled},
        "no weights": weights.integers(),
        "layers": verify.layers(described, recorded, dict(zip(keys, map(torch_layout, layers)))),
        "outputs": verify.answers(described, recorded, dict(zip(outputs, ends))),
    }
    slim = tf.keras.Model(list(inputs.values()), list(outputs.values()))

    def network(named: Dict[str, Any]) -> Dict[str, Any]:
        answer = slim([named[name] for name in inputs], training=False)
        return dict(zip(outputs, tf.nest.flatten(answer)))

    return report, network


def chosen(declared: List[str], made: Dict[str, Any]) -> Dict[str, Any]:
    """The declared outputs among those of an architecture: by name, or by order if there are as many. Raises
    Refused("NoSuchOutput")."""
    if set(declared) <= set(made):
        return {name: made[name] for name in declared}
    if len(declared) == len(made):
        return dict(zip(declared, made.values()))
    raise Refused("NoSuchOutput", "the network gives %s, not %s" % (", ".join(made), ", ".join(declared)))


def _sizes(shape: List[Any]) -> List[Optional[int]]:
    return [None if isinstance(size, str) else size for size in shape]


ROUTE = Route(
    revision=1,
    sides="split",
    framework="pytorch",
    exporter="torch-state",
    # A state dict has none; one attempt.
    opsets=(0,),
    requires={"source": {"torch": ">=1.7"}, "target": {"tensorflow": ">=2.6"}},
    imports={"source": ["torch"], "target": ["tensorflow"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(dynamic=True, layout="kept", integers="kept", trainable=True),
    of_zoo=of_zoo,
)
