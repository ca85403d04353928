"""What worker/routes/_bridge.py does with real tensors, as one line of JSON. Runs inside the environment:

facts.py <src> facts <case file> <id> …   one process, all facts
facts.py <src> save <folder>              a SavedModel that calls torch
facts.py <src> load <folder>              runs it where nothing else was made
facts.py <src> mistaken <folder>          runs it where another function has its number
facts.py <src> unaligned | strided        hands such a tensor over without worker/routes/_bridge.py
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

# torch._dynamo before TensorFlow: https://github.com/tensorflow/tensorflow/issues/124205
import torch
import torch._dynamo

import tensorflow as tf  # isort: skip

from tfparity.worker import arrays, plugins
from tfparity.worker.declare import registered
from tfparity.worker.frameworks import pytorch
from tfparity.worker.routes import _bridge as bridge

DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "int64", "bool")
SHAPES = ((2, 3), (1, 3), (0, 3), (1,), ())


def raw(tensor):
    return tf.experimental.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(tensor))


def numbers(tensor):
    """As a list, through a type that every list can be made of."""
    return tf.cast(tensor, tf.float64).numpy().tolist()


class Twice(torch.nn.Module):
    """Floats and integers, in and out; one float input is not used."""

    def __init__(self):
        super().__init__()
        self.weight = torch.linspace(-1, 1, 12).reshape(4, 3)

    def forward(self, left, places, unused):
        picked = self.weight[places] + left
        return torch.tanh(picked) * picked, picked.argmax(-1), picked.t()


def shares(name):
    """Whether what torch then writes is seen by TensorFlow, in both directions."""
    mine = torch.ones(4, 8, dtype=getattr(torch, name))
    theirs = bridge.to_tensorflow(mine)
    mine.zero_()
    tensor = tf.identity(tf.cast(tf.ones((4, 8)), name))
    before = numbers(tensor)
    seen = bridge.to_torch(tensor)
    same_type = str(seen.dtype) == "torch." + name and theirs.dtype.name == name
    seen.zero_()
    return {
        "dtype": same_type,
        "to TensorFlow": not any(map(any, numbers(theirs))),
        "to torch": all(map(all, before)) and not any(map(any, numbers(tensor))),
    }


def round_trips(name):
    """Whether values and shape survive, for every shape."""
    kept = []
    for shape in SHAPES:
        tensor = (torch.arange(6).reshape(2, 3) % 2).to(getattr(torch, name)).expand(2, 3)
        tensor = tensor[: shape[0]].clone() if len(shape) == 2 else tensor.reshape(-1)[:1].reshape(shape).clone()
        kept.append(torch.equal(bridge.to_torch(bridge.to_tensorflow(tensor)), tensor))
    return kept


def function_of_type(name):
    """Whether a tf.function around `x + x` (for bool: `not x`) is right in that type."""
    spec = tf.TensorSpec([None, 3], name, "x")

    class Module(torch.nn.Module):
        def forward(self, x):
            return ~x if x.dtype == torch.bool else x + x

    given = tf.cast([[0, 1, 2]], name)
    answer = bridge.function(Module(), [spec], [spec])(given)["x"]
    wanted = [[1, 0, 0]] if name == "bool" else [[0, 2, 4]]
    return answer.dtype.name == name and numbers(answer) == wanted


def copied_views():
    base = torch.arange(24.0)
    shifted, turned = base[1:13], base.reshape(4, 6).t()
    return {
        "shifted": numbers(bridge.to_tensorflow(shifted)) == shifted.tolist(),
        "shifted begins between": shifted.data_ptr() % bridge.ALIGNMENT == 4,
        "turned": numbers(bridge.to_tensorflow(turned)) == turned.tolist(),
        "turned is strided": not turned.is_contiguous(),
    }


def views_through_a_function():
    """A model whose outputs are such views: the process lives, and the numbers are right."""

    class Views(torch.nn.Module):
        def forward(self, x):
            return x.reshape(-1)[1:], x.t()

    specs = [tf.TensorSpec([None], "float32", "shifted"), tf.TensorSpec([None, None], "float32", "turned")]
    given = tf.reshape(tf.range(12.0), (3, 4))
    answer = bridge.function(Views(), [tf.TensorSpec([None, None], "float32", "x")], specs)(given)
    return numbers(answer["shifted"]) == numbers(tf.range(1.0, 12.0)) and numbers(answer["turned"]) == numbers(
        tf.transpose(given)
    )


def writes_into_its_input():
    class Writes(torch.nn.Module):
        def forward(self, x):
            return x.relu_()

    spec = tf.TensorSpec([None], "float32", "x")
    given = tf.constant([-1.0, 1.0])
    try:
        bridge.function(Writes(), [spec], [spec])(given)
    except tf.errors.OpError as refused:
        return {"refused": str(refused), "given": numbers(given)}
    return {"refused": None, "given": numbers(given)}


def uneven(tensor):
    """Weights for a sum, none like its neighbour: a plain sum of a softmax has no gradient."""
    size = int(tensor.numel() if isinstance(tensor, torch.Tensor) else tf.size(tensor))
    return torch.linspace(0.5, 1.5, size).reshape(tuple(tensor.shape))


def gradient(model, inputs, outputs, given):
    """The largest difference of a gradient of a sum of the outputs from torch's, from outside and inside of another
    tf.function, and the size of torch's."""
    varied = [place for place, array in enumerate(given) if array.dtype.kind == "f"]
    tensors = [tf.constant(array) for array in given]
    function = bridge.function(model, inputs, outputs)
    weights = [uneven(tensor).numpy() for tensor in function(*tensors).values()]

    def slopes():
        with tf.GradientTape() as tape:
            tape.watch([tensors[place] for place in varied])
            answer = zip(function(*tensors).values(), weights, strict=True)
            total = tf.add_n([tf.reduce_sum(one * weight) for one, weight in answer if one.dtype.is_floating])
        return tape.gradient(total, [tensors[place] for place in varied])

    leaves = [torch.from_numpy(array.copy()).requires_grad_(array.dtype.kind == "f") for array in given]
    made = model(*leaves)
    made = made if isinstance(made, (tuple, list)) else [made]
    sum((one * uneven(one)).sum() for one in made if one.is_floating_point()).backward()
    wanted = [leaves[place].grad for place in varied]
    wanted = [
        torch.zeros_like(leaves[place]) if one is None else one for place, one in zip(varied, wanted, strict=True)
    ]
    apart = [
        float((torch.from_numpy(one.numpy()) - two).abs().max())
        for found in (slopes(), tf.function(slopes)())
        for one, two in zip(found, wanted, strict=True)
    ]
    return {"apart": max(apart), "size": float(sum(one.abs().sum() for one in wanted))}


def mixed():
    model = Twice()
    inputs = [
        tf.TensorSpec([None, 3], "float32", "left"),
        tf.TensorSpec([None], "int64", "places"),
        tf.TensorSpec([None], "float32", "unused"),
    ]
    outputs = [
        tf.TensorSpec([None, 3], "float32", "smooth"),
        tf.TensorSpec([None], "int64", "place"),
        tf.TensorSpec([3, None], "float32", "turned"),
    ]
    given = [
        torch.linspace(-2, 2, 15).reshape(5, 3).numpy(),
        torch.tensor([0, 3, 1, 1, 2]).numpy(),
        torch.ones(5).numpy(),
    ]
    return gradient(model, inputs, outputs, given)


def of_case(case):
    """Of a case of the zoo: whether every output is torch's to the last bit, and the gradient."""
    model = pytorch.build(case)
    inputs, outputs = bridge.specs(model, case)
    function = bridge.function(model, inputs, outputs)
    equal = []
    for sample in case.samples():
        given = arrays.inputs(case, sample)
        answer = function(*[tf.constant(array) for array in given])
        wanted = pytorch.run(model, given)
        equal += [bool((answer[spec.name].numpy() == one).all()) for spec, one in zip(outputs, wanted, strict=True)]
    given = arrays.inputs(case, case.samples()[0])
    smooth = any(array.dtype.kind == "f" for array in given)
    return {"equal": equal, "gradient": gradient(model, inputs, outputs, given) if smooth else None}


def facts(case_file, *names):
    plugins.load(case_file, "")
    pytorch.pin_threads(1)
    return {
        "shares": {name: shares(name) for name in DTYPES},
        "round trips": {name: round_trips(name) for name in DTYPES},
        "function": {name: function_of_type(name) for name in DTYPES},
        "copied views": copied_views(),
        "views through a function": views_through_a_function(),
        "writes into its input": writes_into_its_input(),
        "mixed": mixed(),
        "cases": {name: of_case(registered()[name]) for name in names},
    }


SPEC = tf.TensorSpec([None, 3], "float32", "x")


def save(folder):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()).requires_grad_(False)
    served = tf.Module()
    served.serve = bridge.function(model, [SPEC], [SPEC])
    tf.saved_model.save(served, folder, signatures={"serving_default": served.serve.get_concrete_function()})
    return numbers(served.serve(tf.ones((1, 3)))["x"])


def load(folder):
    try:
        answer = tf.saved_model.load(folder).signatures["serving_default"](x=tf.ones((1, 3)))
    except tf.errors.OpError as error:
        return str(error)
    return numbers(answer["x"])


def mistaken(folder):
    bridge.function(torch.nn.Identity(), [SPEC], [SPEC]).get_concrete_function()
    return load(folder)


def unaligned():
    return numbers(raw(torch.arange(12.0)[1:]))


def strided():
    try:
        return numbers(raw(torch.arange(12.0).reshape(3, 4).t()))
    except tf.errors.OpError as error:
        return str(error)


if __name__ == "__main__":
    work = {one.__name__: one for one in (facts, save, load, mistaken, unaligned, strided)}[sys.argv[2]]
    print(json.dumps(work(*sys.argv[3:])))
