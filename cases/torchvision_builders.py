"""torchvision's classifiers: every public builder at full width, with random weights, ten classes and small images.

A builder's start for training is often too faint to compare answers by (truncated N(0, 0.02), a layer scale of 1e-6, a
head of zeros); see `_readable`. Builders that torchvision_models.py has are not here.
"""

from tfparity import case, normal, ranking

CLASSES = 10


def _untrained(builder, settings):
    """What `builder` makes without weights: `weights=None` from torchvision 0.13 on, `pretrained=False` before."""
    import inspect

    recent = "weights" in inspect.signature(builder).parameters
    missing = {"weights": None} if recent else {"pretrained": False}
    return builder(num_classes=CLASSES, **dict(settings, **missing))


def _readable(network):
    """`network`, in eval mode, with every matrix scaled to keep the size of what passes; biases, tables of positions
    and scales of branches large enough for 1 % of them to be seen in the answer.

    Batch norm's weights and the gates of squeeze and excitation are small: a hundred random layers with steep ones make
    float32's rounding as large as the answer.
    """
    import torch

    tables = ("class_token", "pos_embedding", "relative_position_bias_table")
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name == "layer_scale":
                torch.nn.init.constant_(parameter, 0.5)
            elif name in tables:
                torch.nn.init.normal_(parameter, std=0.5)
            elif name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.3)
            elif isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.constant_(parameter, 0.3)
            elif name.endswith("weight") and parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
    for module in network.modules():
        if hasattr(module, "fc1") and hasattr(module, "fc2"):
            module.fc2.weight.data.mul_(0.2)
            torch.nn.init.normal_(module.fc1.bias)
            torch.nn.init.normal_(module.fc2.bias)
    return network.eval()


def _classifier(name, since=None, size=64, tags=(), **settings):
    """The builder of that name. since: the torchvision that first had it, if later than 0.9; size: pixels a side."""

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal("batch", 3, size, size, name="images")],
        outputs=[ranking("logits")],
        requires={"torchvision": ">=" + since} if since else None,
        tags={"classifier", *tags},
    )
    def build():
        from torchvision import models

        return _readable(_untrained(getattr(models, name), settings))


def _quantizable(name, since=None, size=64, tags=(), **settings):
    """A network made for quantization, still in float: stubs at both ends, sums and products as modules."""

    @case(
        "torchvision/quantizable-" + name.replace("_", "-"),
        inputs=[normal("batch", 3, size, size, name="images")],
        outputs=[ranking("logits")],
        requires={"torchvision": ">=" + since} if since else None,
        tags={"classifier", "quantizable", *tags},
    )
    def build():
        from torchvision.models import quantization

        return _readable(_untrained(getattr(quantization, name), dict(settings, quantize=False)))


def _plain(name, quantizable=False):
    """The builder of that name with its own start, which can be read: channels are few."""

    @case(
        "torchvision/" + ("quantizable-" if quantizable else "") + name.replace("_", "-"),
        inputs=[normal("batch", 3, 64, 64, name="images")],
        outputs=[ranking("logits")],
        tags={"classifier", *({"quantizable"} if quantizable else ())},
    )
    def build():
        from torchvision import models
        from torchvision.models import quantization

        made = getattr(quantization if quantizable else models, name)
        return _untrained(made, {"quantize": False} if quantizable else {}).eval()


def _vgg(name, tags=()):
    """The builder of that name, pooled to one pixel, as it is made for small images: the 7 by 7 of its own only export
    at 224 pixels (see AlexNet) and lead to 103 million weights that see them flattened."""

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal("batch", 3, 64, 64, name="images")],
        outputs=[ranking("logits")],
        tags={"classifier", *tags},
    )
    def build():
        import torch
        from torchvision import models

        network = _untrained(getattr(models, name), {})
        network.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        network.classifier[0] = torch.nn.Linear(512, 4096)
        return _readable(network)


# AlexNet: adaptive pooling to 6 by 6, which only exports where it is the identity: 224 pixels.
_classifier("alexnet", size=224)

# VGG at full width but for what the first wide layer takes.
_vgg("vgg11")
_vgg("vgg11_bn")
_vgg("vgg13")
_vgg("vgg13_bn")
_vgg("vgg16")
_vgg("vgg16_bn")
_vgg("vgg19")
_vgg("vgg19_bn")

# ResNet: residual sums, a padded MaxPool; from 50 on with bottlenecks, in ResNeXt with grouped convolutions.
_classifier("resnet34", size=32)
_classifier("resnet50")
_classifier("resnet101", size=32)
_classifier("resnet152", size=32)
_classifier("resnext50_32x4d", size=32)
_classifier("resnext101_32x8d", size=32)
_classifier("resnext101_64x4d", since="0.13", size=32)
_classifier("wide_resnet50_2", size=32)
_classifier("wide_resnet101_2", size=32)

# SqueezeNet: MaxPool with ceil_mode, concatenated branches, a classifier of convolutions.
_classifier("squeezenet1_0")

# DenseNet: many small concatenations, batch norm before the convolution.
_classifier("densenet121")
_classifier("densenet161", size=32)
_classifier("densenet169", size=32)
_classifier("densenet201", size=32)

# Inception: four branches and ceil_mode in GoogLeNet, 1 by 7 convolutions and average pooling in v3. As with the
# trained weights: the input's channels rescaled one by one, no auxiliary head.
_classifier("googlenet", aux_logits=False, transform_input=True, init_weights=False)
_classifier("inception_v3", size=128, aux_logits=False, transform_input=True, init_weights=False)

# MNASNet: inverted residuals, 5 by 5 depthwise convolutions.
_plain("mnasnet0_5")
_plain("mnasnet0_75")
_plain("mnasnet1_0")
_plain("mnasnet1_3")

# MobileNetV3: squeeze and excitation with Hardsigmoid, Hardswish.
_classifier("mobilenet_v3_small")
_classifier("mobilenet_v3_large")

# ShuffleNetV2: channels split in halves and shuffled by reshape and transpose.
_plain("shufflenet_v2_x0_5")
_plain("shufflenet_v2_x1_0")
_plain("shufflenet_v2_x1_5")
_plain("shufflenet_v2_x2_0")

# EfficientNet: SiLU, squeeze and excitation; v2 mixes in blocks with plain convolutions.
_classifier("efficientnet_b0", since="0.11")
_classifier("efficientnet_b1", since="0.11", size=32)
_classifier("efficientnet_b2", since="0.11", size=32)
_classifier("efficientnet_b3", since="0.11", size=32)
_classifier("efficientnet_v2_s", since="0.13")


@case(
    "torchvision/efficientnet-b5",
    inputs=[normal("batch", 3, 32, 32, name="images")],
    outputs=[ranking("logits")],
    requires={"torchvision": ">=0.11"},
    tags={"classifier"},
)
def efficientnet_b5():
    """Branches add a tenth of what passes them: at three tenths float32's rounding is as large as the answer."""
    import torch
    from torchvision import models

    network = _readable(_untrained(models.efficientnet_b5, {}))
    for module in network.modules():
        if getattr(module, "use_res_connect", False):
            torch.nn.init.constant_(module.block[-1][1].weight, 0.1)
    return network


# RegNet: grouped bottlenecks; y with squeeze and excitation.
_classifier("regnet_x_400mf", since="0.11")
_classifier("regnet_x_800mf", since="0.11")
_classifier("regnet_x_1_6gf", since="0.11")
_classifier("regnet_x_3_2gf", since="0.11", size=32)
_classifier("regnet_x_8gf", since="0.11", size=32)
_classifier("regnet_x_16gf", since="0.11", size=32)
_classifier("regnet_x_32gf", since="0.11", size=32)
_classifier("regnet_y_400mf", since="0.11")
_classifier("regnet_y_800mf", since="0.11")
_classifier("regnet_y_1_6gf", since="0.11")
_classifier("regnet_y_3_2gf", since="0.11", size=32)
_classifier("regnet_y_8gf", since="0.11", size=32)
_classifier("regnet_y_16gf", since="0.11", size=32)
_classifier("regnet_y_32gf", since="0.11", size=32)
_classifier("regnet_y_128gf", since="0.12", size=32, tags=["heavy"])

# Vision transformer: a class token, learned positions, torch's own MultiheadAttention.
_classifier("vit_b_16", since="0.12", image_size=64)
_classifier("vit_b_32", since="0.12", size=96, image_size=96)
_classifier("vit_l_16", since="0.12", tags=["heavy"], image_size=64)
_classifier("vit_l_32", since="0.12", size=96, tags=["heavy"], image_size=96)
_classifier("vit_h_14", since="0.13", size=56, tags=["heavy"], image_size=56)

# ConvNeXt: 7 by 7 depthwise convolutions, LayerNorm over permuted channels, GELU, a scale for each branch.
_classifier("convnext_tiny", since="0.12")
_classifier("convnext_small", since="0.12", size=32)
_classifier("convnext_base", since="0.12", size=32)
_classifier("convnext_large", since="0.12", size=32, tags=["heavy"])

# Swin: attention in padded and rolled windows with a bias by position; v2 by cosine, its bias from a network.
_classifier("swin_t", since="0.13")
_classifier("swin_s", since="0.13")
_classifier("swin_b", since="0.13")
_classifier("swin_v2_t", since="0.14")
_classifier("swin_v2_s", since="0.14")
_classifier("swin_v2_b", since="0.14")


# What torchvision offers for quantization, as built with quantize=False.
_quantizable("resnet18")
_quantizable("resnet50", size=32)
_quantizable("resnext101_32x8d", size=32)
_quantizable("resnext101_64x4d", since="0.13", size=32)
_quantizable("googlenet", aux_logits=False, transform_input=True, init_weights=False)
_quantizable("inception_v3", size=128, aux_logits=False, transform_input=True, init_weights=False)
_plain("mobilenet_v2", quantizable=True)
_quantizable("mobilenet_v3_large")
_plain("shufflenet_v2_x0_5", quantizable=True)
_plain("shufflenet_v2_x1_0", quantizable=True)
_plain("shufflenet_v2_x1_5", quantizable=True)
_plain("shufflenet_v2_x2_0", quantizable=True)
