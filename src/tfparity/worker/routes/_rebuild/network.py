"""A Keras network under construction: layers called by torch's names, weights assigned, outputs recorded."""

from typing import Any, Callable, List, Tuple

from tfparity.worker.messages import Refused
from tfparity.worker.routes._rebuild import layers, verify
from tfparity.worker.routes._rebuild.description import Description, Module, Weights


class Network:
    """Calls layers of the described model on Keras tensors.

    Images are channels-last inside: the architecture transposes inputs, `torch_layout` transposes outputs.
    """

    def __init__(self, described: Description, weights: Weights) -> None:
        self.described = described
        self.weights = weights
        self.trace: List[Tuple[verify.Key, Any]] = []
        #: Variables that got their weights, and the pairs of names that say which.
        self.poured: List[Any] = []
        self.mapped: List[Tuple[str, str]] = []
        #: Tensors that are not negative: a padded maximum over them may pad with zeros.
        self.rectified: List[Any] = []

    def __call__(self, name: str, x: Any) -> Any:
        """The layer of that name applied to x, in Keras. Raises Refused("UnknownLayer") if it has no mapping."""
        module = self.module(name)
        if module.kind in verify.NOTHING:
            return x
        if module.kind not in layers.MAPPINGS or module.children:
            raise Refused("UnknownLayer", "%s: no mapping is written for %s" % (name, module.path))
        number = sum(key[0] == name for key, _ in self.trace)
        label = name if not number else "%s.call%d" % (name, number + 1)
        made = layers.MAPPINGS[module.kind](self, module, label, x)
        self.trace.append(((name, number), made))
        return made

    def module(self, name: str) -> Module:
        """The described module of that name. Raises Refused("UnknownModule")."""
        if name not in self.described.modules:
            raise Refused("UnknownModule", "the model has no module %s" % name)
        return self.described.modules[name]

    def sequence(self, name: str, x: Any) -> Any:
        """The children of that module one after another, as torch's Sequential calls them; a layer as it is."""
        children = self.module(name).children
        if not children:
            return self(name, x)
        for child in children:
            x = self.sequence(child, x)
        return x

    def compute(self, function: Callable[..., Any], *tensors: Any) -> Any:
        """TensorFlow operations that are not Keras layers."""
        import tensorflow as tf

        if len(tensors) == 1:
            return tf.keras.layers.Lambda(function)(tensors[0])
        return tf.keras.layers.Lambda(lambda given: function(*given))(list(tensors))

    def pour(self, variable: Any, name: str, *permutation: int) -> None:
        """Assign torch's weight of that name to a Keras variable, its axes permuted by `permutation`."""
        value = self.weights.take(name)
        self.fill(variable, value.transpose(permutation) if permutation else value, name)

    def fill(self, variable: Any, value: Any, *names: str) -> None:
        """Assign a value computed from the weights of these names to a Keras variable. Raises
        Refused("WeightShape")."""
        if tuple(variable.shape) != value.shape:
            shapes = (tuple(variable.shape), value.shape)
            raise Refused("WeightShape", "%s: Keras wants shape %s, torch has %s" % ((" + ".join(names),) + shapes))
        variable.assign(value)
        self.poured.append(variable)
        self.mapped.extend((name, path(variable)) for name in names)

    def unfilled(self, model: Any) -> List[str]:
        """Names of the Keras model's variables that were assigned no weight."""
        filled = {id(variable) for variable in self.poured}
        return [path(variable) for variable in model.weights if id(variable) not in filled]


def path(variable: Any) -> str:
    """A Keras variable's name with its layer's name: the path of Keras 3."""
    return str(getattr(variable, "path", None) or variable.name)


def torch_layout(made: Any) -> Any:
    """An array in torch's layout: images (rank 4) channels first."""
    return made.transpose(0, 3, 1, 2) if made.ndim == 4 else made
