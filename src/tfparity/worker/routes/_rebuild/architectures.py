"""How the layers are joined in each architecture: torch's `forward`, written in Keras.

Settings and numbers of layers come from the description, so that one function serves a family: strides, groups, which
blocks have a projection shortcut.
"""

import re
from typing import Any, Callable, Dict, List

from tfparity.worker.messages import NotApplicable, Refused
from tfparity.worker.routes._rebuild import verify
from tfparity.worker.routes._rebuild.description import Description
from tfparity.worker.routes._rebuild.layers import flat
from tfparity.worker.routes._rebuild.network import Network

#: From the network, the name of its outermost module and the Keras inputs by name, the outputs by name.
Architecture = Callable[[Network, str, Dict[str, Any]], Dict[str, Any]]


def resnet(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """ResNet, Wide ResNet and ResNeXt of torchvision. Bottlenecks have their stride on the 3×3 convolution;
    keras.applications.ResNet50 has it on the first 1×1."""
    x = net(root + "conv1", _image(net, inputs))
    x = net(root + "relu", net(root + "bn1", x))
    x = net(root + "maxpool", x)
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for block in net.module(root + stage).children:
            x = _residual(net, block + ".", x)
    return {"logits": net(root + "fc", flat(net(root + "avgpool", x)))}


def _residual(net: Network, block: str, x: Any) -> Any:
    import tensorflow as tf

    count = sum(re.match(r"conv\d+$", name[len(block) :]) is not None for name in net.module(block[:-1]).children)
    y = x
    for number in range(1, count + 1):
        y = net("%sbn%d" % (block, number), net("%sconv%d" % (block, number), y))
        if number < count:
            y = net(block + "relu", y)
    if block + "downsample" in net.described.modules:
        x = net.sequence(block + "downsample", x)
    return net(block + "relu", tf.keras.layers.Add(name=block + "add")([y, x]))


def vgg(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """VGG of torchvision, with batch norm or without."""
    x = net(root + "avgpool", net.sequence(root + "features", _image(net, inputs)))
    return {"logits": net.sequence(root + "classifier", flat(x))}


def mobilenet_v2(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """MobileNetV2 of torchvision."""
    import tensorflow as tf

    x = _image(net, inputs)
    for name in net.module(root + "features").children:
        y = net.sequence(name, x)
        x = tf.keras.layers.Add(name=name + ".add")([x, y]) if net.module(name).settings.get("use_res_connect") else y
    return {"logits": net.sequence(root + "classifier", tf.keras.layers.GlobalAveragePooling2D()(x))}


def bert(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """BertModel of transformers, as an encoder; `attention_mask` and `token_type_ids` may be left out."""
    import tensorflow as tf

    unknown = sorted(set(inputs) - {"input_ids", "attention_mask", "token_type_ids"})
    if unknown or "input_ids" not in inputs:
        raise Refused(
            "UnknownInput", "BERT has no input %s" % (", ".join(unknown) or "but input_ids, which is missing")
        )
    ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    types = inputs["token_type_ids"] if "token_type_ids" in inputs else net.compute(tf.zeros_like, ids)
    positions = net.compute(lambda given: tf.range(tf.shape(given)[1])[tf.newaxis], ids)
    parts = [
        net("%sembeddings.%s_embeddings" % (root, kind), what)
        for kind, what in (("word", ids), ("token_type", types), ("position", positions))
    ]
    x = net(root + "embeddings.LayerNorm", net.compute(lambda word, type, position: word + type + position, *parts))
    for layer in net.module(root + "encoder.layer").children:
        x = _encoder(net, layer + ".", x, mask)
    outputs = {"last_hidden_state": x}
    if root + "pooler" in net.described.modules:
        first = net.compute(lambda states: states[:, 0], x)
        outputs["pooler_output"] = net(root + "pooler.activation", net(root + "pooler.dense", first))
    return outputs


def bert_classifier(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """BertForSequenceClassification of transformers."""
    return {"logits": net(root + "classifier", bert(net, root + "bert.", inputs)["pooler_output"])}


def bert_token_classifier(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """BertForTokenClassification of transformers."""
    return {"logits": net(root + "classifier", bert(net, root + "bert.", inputs)["last_hidden_state"])}


def bert_reader(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """BertForQuestionAnswering of transformers."""
    scores = net(root + "qa_outputs", bert(net, root + "bert.", inputs)["last_hidden_state"])
    ends = ("start_logits", "end_logits")
    return {name: net.compute(lambda both, i=i: both[:, :, i], scores) for i, name in enumerate(ends)}


def _encoder(net: Network, layer: str, x: Any, mask: Any) -> Any:
    import tensorflow as tf

    heads = net.module(layer + "attention.self").settings["num_attention_heads"]

    def split(states: Any) -> Any:  # (batch, sequence, heads * width) -> (batch, heads, sequence, width)
        size = tf.shape(states)
        return tf.transpose(tf.reshape(states, [size[0], size[1], heads, states.shape[-1] // heads]), [0, 2, 1, 3])

    def attend(query: Any, key: Any, value: Any, kept: Any = None) -> Any:
        scores = tf.matmul(split(query), split(key), transpose_b=True) / float(query.shape[-1] // heads) ** 0.5
        if kept is not None:
            hidden = 1.0 - tf.cast(kept, scores.dtype)
            scores += hidden[:, tf.newaxis, tf.newaxis, :] * scores.dtype.min
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), split(value)), [0, 2, 1, 3])
        size = tf.shape(query)
        return tf.reshape(mixed, [size[0], size[1], query.shape[-1]])

    projected = [net("%sattention.self.%s" % (layer, name), x) for name in ("query", "key", "value")]
    context = net.compute(attend, *(projected + ([] if mask is None else [mask])))
    attended = net(layer + "attention.output.dense", context)
    x = net(layer + "attention.output.LayerNorm", tf.keras.layers.Add()([attended, x]))
    wide = net(layer + "intermediate.dense", x)
    activation = layer + "intermediate.intermediate_act_fn"
    if activation in net.described.modules:
        wide = net(activation, wide)
    elif net.described.config.get("hidden_act") == "gelu":  # a plain function in older releases
        wide = net.compute(lambda value: tf.nn.gelu(value, approximate=False), wide)
    else:
        raise Refused("UnknownSetting", "no mapping for hidden_act=%r" % net.described.config.get("hidden_act"))
    return net(layer + "output.LayerNorm", tf.keras.layers.Add()([net(layer + "output.dense", wide), x]))


def tagger(net: Network, root: str, inputs: Dict[str, Any]) -> Dict[str, Any]:
    """One layer after the other, for an embedding, an LSTM and a linear layer: a score per token and tag."""
    (x,) = inputs.values()
    for name in _layers(net.described):
        x = net(name, x)
    return {"scores": x}


def _image(net: Network, inputs: Dict[str, Any]) -> Any:
    """The only input, transposed from torch's channels first to channels last."""
    import tensorflow as tf

    if len(inputs) != 1:
        raise Refused("UnknownInput", "takes images alone, not %s" % ", ".join(inputs))
    (images,) = inputs.values()
    return tf.keras.layers.Permute((2, 3, 1))(images)


#: By torch's class: the package that has it, and its name.
ARCHITECTURES: Dict[str, Architecture] = {
    "torchvision.ResNet": resnet,
    "torchvision.VGG": vgg,
    "torchvision.MobileNetV2": mobilenet_v2,
    "transformers.BertModel": bert,
    "transformers.BertForSequenceClassification": bert_classifier,
    "transformers.BertForTokenClassification": bert_token_classifier,
    "transformers.BertForQuestionAnswering": bert_reader,
}


def found(described: Description) -> List[Any]:
    """The architecture, and the prefix of its modules' names. Raises NotApplicable."""
    for name, module in described.modules.items():
        known = "%s.%s" % (module.path.partition(".")[0], module.kind)
        if known in ARCHITECTURES:
            return [ARCHITECTURES[known], name + "." if name else ""]
    layers = [described.modules[name] for name in _layers(described)]
    if [module.path.partition(".")[0] + "." + module.kind for module in layers] == [
        "torch.Embedding",
        "torch.LSTM",
        "torch.Linear",
    ]:
        return [tagger, ""]
    outermost = next(iter(described.modules.values()))
    raise NotApplicable("nobody wrote down in Keras how the layers of %s are joined" % outermost.path)


def _layers(described: Description) -> List[str]:
    """The layers in the order of their calls, without those that do nothing in inference."""
    return [call.module for call in described.calls if described.modules[call.module].kind not in verify.NOTHING]
