"""Ways of rebuilding by hand that people go and that are wrong, told of as JSON: {way: null or {type, message}}.

Runs inside an environment with both frameworks: `python -I wrong_rebuilds.py <folder of tfparity> <empty folder>`.
"""

import copy
import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import numpy
import torch

from tfparity.worker import arrays
from tfparity.worker.declare import case, integers, mask, normal, registered
from tfparity.worker.exporters import torch_state
from tfparity.worker.frameworks import pytorch
from tfparity.worker.messages import Refused
from tfparity.worker.routes import keras_rebuild
from tfparity.worker.routes._rebuild import description, layers, network, verify

IMAGES = [normal("batch", 3, 64, 64, name="images")]
LENGTHS = {"sequence": (9, 5)}


@case("planted/resnet18", inputs=IMAGES, outputs=["logits"])
def resnet18():
    from torchvision import models

    return models.resnet18(num_classes=10).eval()


@case("planted/resnet50", inputs=IMAGES, outputs=["logits"])
def resnet50():
    from torchvision import models

    return models.resnet50(num_classes=10).eval()


@case(
    "planted/tagger", inputs=[integers("batch", "sequence", high=20, name="tokens")], outputs=["scores"], axes=LENGTHS
)
def tagger():
    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = torch.nn.Embedding(20, 8), torch.nn.Linear(12, 5)
            self.lstm = torch.nn.LSTM(8, 6, num_layers=2, batch_first=True, bidirectional=True)

        def forward(self, tokens):
            return self.head(self.lstm(self.embedding(tokens))[0])

    return Tagger().eval()


@case(
    "planted/bert",
    inputs=[
        integers("batch", "sequence", high=20, name="input_ids"),
        mask("batch", "sequence", name="attention_mask"),
    ],
    outputs=["last_hidden_state", "pooler_output"],
    axes=LENGTHS,
)
def bert():
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertModel(BertConfig(vocab_size=20, initializer_range=0.2, return_dict=False, **sizes)).eval()


def exported(name):
    """The case's description, its state dict, and what was recorded of it."""
    asked = registered()["planted/" + name]
    folder = Path(sys.argv[2], name)
    folder.mkdir()
    model = pytorch.build(asked)
    torch_state.export(model, arrays.inputs(asked, asked.samples()[0]), asked, [], 0, str(folder))
    torch_state.check(str(folder))
    read = str(folder)
    return description.read(read), description.read_arrays(read), description.read_arrays(read, recorded=True)


def attempt(made, change=lambda described, state: None):
    """What comes of rebuilding after `change`: None, or why it was refused."""
    described, state, recorded = made
    described, state = copy.deepcopy(described), dict(state)
    change(described, state)
    return refused(lambda: keras_rebuild.rebuild(described, state, recorded))


def refused(work):
    try:
        work()
    except Refused as why:
        return {"type": why.type, "message": str(why)}
    return None


def set_all(kind, setting, value):
    def change(described, state):
        for module in described.modules.values():
            if module.kind == kind:
                module.settings[setting] = value

    return change


def put(name, change):
    def changed(described, state):
        state[name] = change(state[name])

    return changed


def with_same_padding(made):
    """Strided layers padded as "same" pads them: less before than after."""
    kept = layers._padded

    def padded(module, label, x, sides):
        if description.pair(module.settings["stride"]) == [2, 2]:
            sides = tuple((before - 1, after) if before else (before, after) for before, after in sides)
        return kept(module, label, x, sides)

    layers._padded = padded
    try:
        return attempt(made)
    finally:
        layers._padded = kept


def without_pouring(made, left_out):
    """One weight taken and then forgotten."""
    kept = network.Network.pour

    def pour(self, variable, name, *permutation):
        if name == left_out:
            self.weights.take(name)
        else:
            kept(self, variable, name, *permutation)

    network.Network.pour = pour
    try:
        return attempt(made)
    finally:
        network.Network.pour = kept


def in_keras_applications(made):
    """The weights in keras.applications.ResNet50: a different network, into which they all fit. Also, how far off
    its logits are, as a part of the largest."""
    import tensorflow as tf

    described, state, recorded = made
    other = tf.keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=10, classifier_activation=None
    )
    names = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
    relus = {"": "conv1_relu"}
    for stage, count in enumerate((3, 4, 6, 3)):
        for block in range(count):
            mine, theirs = f"layer{stage + 1}.{block}.", f"conv{stage + 2}_block{block + 1}_"
            for number in (1, 2, 3):
                names[f"{mine}conv{number}"] = f"{theirs}{number}_conv"
                names[f"{mine}bn{number}"] = f"{theirs}{number}_bn"
            if not block:
                names[mine + "downsample.0"], names[mine + "downsample.1"] = theirs + "0_conv", theirs + "0_bn"
            relus.update({mine + str(n): theirs + end for n, end in enumerate(("1_relu", "2_relu", "out"))})
    for mine, theirs in names.items():
        layer = other.get_layer(theirs)
        if mine + ".running_mean" in state:
            layer.set_weights([state[mine + part] for part in (".weight", ".bias", ".running_mean", ".running_var")])
        elif mine == "fc":
            layer.set_weights([state["fc.weight"].T, state["fc.bias"]])
        else:
            kernel = state[mine + ".weight"].transpose(2, 3, 1, 0)
            layer.set_weights([kernel, numpy.zeros(kernel.shape[-1:], "float32")])
    traced = {(mine, 0): theirs for mine, theirs in names.items()}
    for mine, theirs in relus.items():
        block, _, number = mine.rpartition(".")
        traced[(block + ".relu", int(number)) if block else ("relu", 0)] = theirs
    traced.update({("maxpool", 0): "pool1_pool", ("avgpool", 0): "avg_pool"})
    probe = tf.keras.Model(other.inputs, [other.get_layer(theirs).output for theirs in traced.values()])
    answers = probe(recorded["input/images"].transpose(0, 2, 3, 1), training=False)
    found = {key: network.torch_layout(answer.numpy()) for key, answer in zip(traced, answers, strict=True)}
    found["avgpool", 0] = found["avgpool", 0][:, :, None, None]
    logits, right = found["fc", 0], recorded["answer/logits"]
    off = float(numpy.abs(logits - right).max() / numpy.abs(right).max())
    return dict(refused(lambda: verify.layers(described, recorded, found)), off=off)


def gates_exchanged(weight):
    """As from a library that keeps the output gate before the cell."""
    first, second, third, fourth = numpy.split(weight, 4)
    return numpy.concatenate([first, second, fourth, third])


def main():
    small, large, tags, words = exported("resnet18"), exported("resnet50"), exported("tagger"), exported("bert")
    act = next(module.kind for module in words[0].modules.values() if module.kind.startswith("GELU"))
    told = {
        "resnet18 as it is": attempt(small),
        "resnet50 as it is": attempt(large),
        "tagger as it is": attempt(tags),
        "bert as it is": attempt(words),
        "keras.applications.ResNet50": in_keras_applications(large),
        "epsilon of Keras's batch norm": attempt(small, set_all("BatchNorm2d", "eps", 1e-3)),
        "same padding": with_same_padding(small),
        "a weight off by 1 %": attempt(
            small, put("layer3.0.conv2.weight", lambda weight: weight * numpy.float32(1.01))
        ),
        "a weight not transposed": attempt(words, put("encoder.layer.0.attention.self.query.weight", numpy.transpose)),
        "gates in another order": attempt(tags, put("lstm.weight_hh_l1_reverse", gates_exchanged)),
        "one bias of an LSTM": attempt(tags, put("lstm.bias_hh_l0", numpy.zeros_like)),
        "GELU by tanh": attempt(words, set_all(act, "approximate", "tanh")),
        "epsilon of Keras's layer norm": attempt(words, set_all("LayerNorm", "eps", 1e-3)),
        "a weight of torch's left over": attempt(
            small, lambda described, state: state.update({"head.scale": numpy.ones(3, "float32")})
        ),
        "a weight of Keras's left over": without_pouring(small, "layer1.0.bn2.bias"),
        "a layer forgotten": attempt(small, lambda described, state: described.modules["layer4"].children.pop()),
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
