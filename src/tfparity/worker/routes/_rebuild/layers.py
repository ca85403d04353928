"""One mapping for each kind of torch layer: the Keras layer, its settings and its transposed weights.

The usual mistakes of a rewrite, handled here: Keras's other default epsilon (1e-3 for batch norm and layer norm),
symmetric padding where "same" with a stride pads more at the end, max pooling padded with minus infinity, features
flattened channels first, GELU by erf, LSTM's two biases.
"""

from typing import Any, Callable, Dict, List, Tuple

from tfparity.worker.messages import Refused
from tfparity.worker.routes._rebuild.description import Module, one_of, pair

#: tf.compat.v1.nn.fused_batch_norm, which Keras 2 calls for images, takes no smaller epsilon, and says nothing:
#: https://github.com/tensorflow/tensorflow/blob/v2.15.1/tensorflow/python/ops/nn_impl.py
LEAST_EPSILON = 1.001e-5

#: A layer of a network under a name, on a tensor.
Mapping = Callable[[Any, Module, str, Any], Any]


def convolution(net: Any, module: Module, label: str, x: Any) -> Any:
    """Conv2d, also depthwise and in groups. torch's kernel is (out, in / groups, height, width)."""
    import tensorflow as tf

    one_of(module, "padding_mode", "zeros")
    settings = module.settings
    kernel, dilation = pair(settings["kernel_size"]), pair(settings["dilation"])
    x = _padded(module, label, x, _sides(settings["padding"], kernel, dilation))
    strides, groups, biased = pair(settings["stride"]), settings["groups"], module.name + ".bias" in net.weights
    options: Dict[str, Any] = {"dilation_rate": dilation, "use_bias": biased, "name": label}
    weight = module.name + ".weight"
    if groups == 1:
        layer = tf.keras.layers.Conv2D(settings["out_channels"], kernel, strides, **options)
        made = layer(x)
        net.pour(layer.kernel, weight, 2, 3, 1, 0)
        if biased:
            net.pour(layer.bias, module.name + ".bias")
        return made
    if groups == settings["in_channels"]:
        times = settings["out_channels"] // groups
        layer = tf.keras.layers.DepthwiseConv2D(kernel, strides, depth_multiplier=times, **options)
        made = layer(x)
        value = net.weights.take(weight)  # (in * times, 1, height, width), in the order of its inputs
        value = value.reshape([groups, times] + kernel).transpose(2, 3, 0, 1)
        net.fill(layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel, value, weight)
        if biased:
            net.pour(layer.bias, module.name + ".bias")
        return made
    return _in_groups(net, module, x, kernel, strides, options)


def _in_groups(net: Any, module: Module, x: Any, kernel: List[int], strides: List[int], options: Any) -> Any:
    """One convolution per group: TensorFlow 2.6 and 2.8, not 2.12, cannot run a grouped one on a CPU if it is fused
    with the next operator: https://github.com/tensorflow/tensorflow/issues/53631"""
    import tensorflow as tf

    groups, width = module.settings["groups"], module.settings["out_channels"] // module.settings["groups"]
    kernels = net.weights.take(module.name + ".weight").transpose(2, 3, 1, 0)
    bias = net.weights.take(module.name + ".bias") if options["use_bias"] else None
    parts = net.compute(lambda whole: tf.split(whole, groups, axis=-1), x)
    made = []
    for group, part in enumerate(parts):
        layer = tf.keras.layers.Conv2D(
            width, kernel, strides, **dict(options, name="%s.group%d" % (options["name"], group))
        )
        made.append(layer(part))
        mine = slice(group * width, (group + 1) * width)
        net.fill(layer.kernel, kernels[..., mine], module.name + ".weight")
        if bias is not None:
            net.fill(layer.bias, bias[mine], module.name + ".bias")
    return tf.keras.layers.Concatenate(name=options["name"])(made)


Sides = Tuple[Tuple[int, int], Tuple[int, int]]


def _sides(padding: Any, kernel: List[int], dilation: List[int]) -> Sides:
    """The padding before and after height and width: one number for both, or "same" or "valid"."""
    if padding == "valid":
        return ((0, 0), (0, 0))
    if padding == "same":
        wholes = [d * (k - 1) for d, k in zip(dilation, kernel)]
        height, width = [(whole // 2, whole - whole // 2) for whole in wholes]
    else:
        height, width = [(size, size) for size in pair(padding)]
    return (height, width)


def _padded(module: Module, label: str, x: Any, sides: Sides) -> Any:
    import tensorflow as tf

    return tf.keras.layers.ZeroPadding2D(sides, name=label + ".pad")(x) if any(map(any, sides)) else x


def batch_norm(net: Any, module: Module, label: str, x: Any) -> Any:
    """BatchNorm1d and 2d with their running statistics. If epsilon is too small for Keras, the difference is added to
    the variance: only their sum counts."""
    import tensorflow as tf

    one_of(module, "track_running_stats", True)
    affine, epsilon = module.settings["affine"], module.settings["eps"]
    used = max(epsilon, LEAST_EPSILON)
    layer = tf.keras.layers.BatchNormalization(epsilon=used, scale=affine, center=affine, name=label)
    made = layer(x)
    if affine:
        net.pour(layer.gamma, module.name + ".weight")
        net.pour(layer.beta, module.name + ".bias")
    net.pour(layer.moving_mean, module.name + ".running_mean")
    variance = net.weights.take(module.name + ".running_var")
    net.fill(layer.moving_variance, (variance + (epsilon - used)).astype(variance.dtype), module.name + ".running_var")
    return made


def layer_norm(net: Any, module: Module, label: str, x: Any) -> Any:
    """LayerNorm over the last axis."""
    import tensorflow as tf

    if len(module.settings["normalized_shape"]) != 1:
        raise Refused("UnknownSetting", "%s: a layer norm over several axes" % module.name)
    scale, center = module.name + ".weight" in net.weights, module.name + ".bias" in net.weights
    layer = tf.keras.layers.LayerNormalization(epsilon=module.settings["eps"], scale=scale, center=center, name=label)
    made = layer(x)
    if scale:
        net.pour(layer.gamma, module.name + ".weight")
    if center:
        net.pour(layer.beta, module.name + ".bias")
    return made


def linear(net: Any, module: Module, label: str, x: Any) -> Any:
    """Linear: torch's weight is (out, in)."""
    import tensorflow as tf

    biased = module.name + ".bias" in net.weights
    layer = tf.keras.layers.Dense(module.settings["out_features"], use_bias=biased, name=label)
    made = layer(x)
    net.pour(layer.kernel, module.name + ".weight", 1, 0)
    if biased:
        net.pour(layer.bias, module.name + ".bias")
    return made


def embedding(net: Any, module: Module, label: str, x: Any) -> Any:
    """Embedding; the padding index only matters in training."""
    import tensorflow as tf

    one_of(module, "max_norm", None)
    layer = tf.keras.layers.Embedding(module.settings["num_embeddings"], module.settings["embedding_dim"], name=label)
    made = layer(x)
    net.pour(layer.embeddings, module.name + ".weight")
    return made


def lstm(net: Any, module: Module, label: str, x: Any) -> Any:
    """LSTM, stacked and bidirectional, all states of the last layer. Keras has torch's order of gates (input, forget,
    cell, output) and one bias for torch's two, which are only ever added."""
    import tensorflow as tf

    one_of(module, "batch_first", True)
    one_of(module, "proj_size", 0)
    units, biased = module.settings["hidden_size"], module.settings["bias"]
    for number in range(module.settings["num_layers"]):
        name = "%s.l%d" % (label, number)
        layer = tf.keras.layers.LSTM(units, return_sequences=True, use_bias=biased, name=name)
        directions = [("", layer)]
        if module.settings["bidirectional"]:
            both = tf.keras.layers.Bidirectional(layer, name=name)
            x = both(x)
            directions = [("", both.forward_layer), ("_reverse", both.backward_layer)]
        else:
            x = layer(x)
        for suffix, one in directions:
            torch = "%s.%%s_l%d%s" % (module.name, number, suffix)
            net.pour(one.cell.kernel, torch % "weight_ih", 1, 0)
            net.pour(one.cell.recurrent_kernel, torch % "weight_hh", 1, 0)
            if biased:
                pair_of_biases = [torch % "bias_ih", torch % "bias_hh"]
                first, second = [net.weights.take(name) for name in pair_of_biases]
                net.fill(one.cell.bias, first + second, *pair_of_biases)
    return x


def max_pool(net: Any, module: Module, label: str, x: Any) -> Any:
    """MaxPool2d. torch pads with minus infinity; zeros give the same if no input is negative, and a quantized TFLite
    file can hold them."""
    import tensorflow as tf

    one_of(module, "ceil_mode", False)
    one_of(module, "return_indices", False)
    settings = module.settings
    kernel = pair(settings["kernel_size"])
    sides = _sides(settings["padding"], kernel, [1, 1])
    if pair(settings["dilation"]) != [1, 1]:
        raise Refused("UnknownSetting", "%s: a pool with gaps" % module.name)
    if any(map(any, sides)) and not any(x is one for one in net.rectified):
        raise Refused("UnknownSetting", "%s: a padded maximum of what may be negative" % module.name)
    strides = pair(kernel if settings["stride"] is None else settings["stride"])
    return tf.keras.layers.MaxPooling2D(kernel, strides, name=label)(_padded(module, label, x, sides))


def adaptive_average(net: Any, module: Module, label: str, x: Any) -> Any:
    """AdaptiveAvgPool2d to one pixel, or from a known size to any other."""
    import tensorflow as tf

    have = list(x.shape[1:3])
    wanted = [there if size is None else size for size, there in zip(pair(module.settings["output_size"]), have)]
    if wanted == [1, 1]:
        return net.compute(lambda image: tf.reduce_mean(image, axis=[1, 2], keepdims=True), x)
    if not all(have):
        raise Refused("UnknownSetting", "%s: pools an image of open size to %s" % (module.name, wanted))
    if have == wanted:
        return x
    if not any(there % size for there, size in zip(have, wanted)):
        size = [there // size for there, size in zip(have, wanted)]
        return tf.keras.layers.AveragePooling2D(size, size, name=label)(x)
    rows, columns = [bins(there, size) for there, size in zip(have, wanted)]
    return net.compute(lambda image: tf.einsum("ih,bhwc,jw->bijc", rows, image, columns), x)


def bins(size: int, into: int) -> Any:
    """The matrix (into, size) of torch's adaptive average: bin i is the mean from floor(i * size / into) up to
    ceil((i + 1) * size / into)."""
    import numpy

    made = numpy.zeros((into, size), "float32")
    for i in range(into):
        begin, end = i * size // into, -(-(i + 1) * size // into)
        made[i, begin:end] = 1 / (end - begin)
    return made


def flatten(net: Any, module: Module, label: str, x: Any) -> Any:
    """Flatten from axis 1 on."""
    one_of(module, "start_dim", 1)
    one_of(module, "end_dim", -1)
    return flat(x)


def flat(image: Any) -> Any:
    """A channels-last image flattened in torch's order, channel by channel."""
    import tensorflow as tf

    return tf.keras.layers.Flatten()(tf.keras.layers.Permute((3, 1, 2))(image))


def relu(net: Any, module: Module, label: str, x: Any) -> Any:
    """ReLU, and ReLU6 with its ceiling."""
    import tensorflow as tf

    made = tf.keras.layers.ReLU(max_value=6.0 if module.kind == "ReLU6" else None, name=label)(x)
    net.rectified.append(made)
    return made


def gelu(net: Any, module: Module, label: str, x: Any) -> Any:
    """GELU by erf, or by tanh where torch does."""
    import tensorflow as tf

    approximate = one_of(module, "approximate", "none", "tanh") == "tanh"
    return net.compute(lambda value: tf.nn.gelu(value, approximate=approximate), x)


def tanh(net: Any, module: Module, label: str, x: Any) -> Any:
    """Tanh."""
    import tensorflow as tf

    return tf.keras.layers.Activation("tanh", name=label)(x)


#: By the name of torch's class, and of transformers' where it has its own.
MAPPINGS: Dict[str, Mapping] = {
    "AdaptiveAvgPool2d": adaptive_average,
    "BatchNorm1d": batch_norm,
    "BatchNorm2d": batch_norm,
    "Conv2d": convolution,
    "Embedding": embedding,
    "Flatten": flatten,
    "GELU": gelu,
    "GELUActivation": gelu,
    "LSTM": lstm,
    "LayerNorm": layer_norm,
    "Linear": linear,
    "MaxPool2d": max_pool,
    "ReLU": relu,
    "ReLU6": relu,
    "Tanh": tanh,
}
