"""torchvision: classifiers, a segmentation model and a detector, with random weights and ten classes.

Images are 64 by 64 and already normalised, small enough for a CPU and large enough for every stride.
"""

from tfparity import case, normal, ranking, set_of_boxes

IMAGES = (normal("batch", 3, 64, 64, name="images"),)
LOGITS = (ranking("logits"),)
CLASSES = 10


def _untrained(builder, **settings):
    """What `builder` makes without weights: `weights=None` from torchvision 0.13 on, `pretrained=False` before."""
    import inspect

    recent = "weights" in inspect.signature(builder).parameters
    settings["weights" if recent else "pretrained"] = None if recent else False
    return _readable(builder(num_classes=CLASSES, **settings)).eval()


def _readable(network, *others):
    """`network` with torch's own initialisation of Linear (and `others`): the N(0, 0.01) or N(0, 0.02) that some
    builders draw from is a start for training, and answers too faintly to show a changed bias far below."""
    import torch

    for module in network.modules():
        if isinstance(module, (torch.nn.Linear, *others)):
            module.reset_parameters()
    return network


@case("torchvision/resnet18", inputs=IMAGES, outputs=LOGITS, tags={"classifier", "smoke"})
def resnet18():
    """The model that every guide converts: residual sums, batch norm, a padded MaxPool."""
    from torchvision import models

    return _untrained(models.resnet18)


@case("torchvision/mobilenet-v2", inputs=IMAGES, outputs=LOGITS, tags={"classifier", "smoke"})
def mobilenet_v2():
    """Depthwise convolutions and ReLU6 (Clip)."""
    from torchvision import models

    return _untrained(models.mobilenet_v2)


@case("torchvision/squeezenet1-1", inputs=IMAGES, outputs=LOGITS, tags={"classifier", "core"})
def squeezenet1_1():
    """MaxPool with ceil_mode and concatenated branches, no batch norm."""
    from torchvision import models

    return _untrained(models.squeezenet1_1)


@case(
    "torchvision/convnext",
    inputs=IMAGES,
    outputs=LOGITS,
    requires={"torchvision": ">=0.12"},
    tags={"classifier", "smoke"},
)
def convnext():
    """7 by 7 depthwise convolutions, LayerNorm over permuted channels, GELU; thinner than convnext_tiny."""
    import torch
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    stages = [CNBlockConfig(24, 48, 1), CNBlockConfig(48, 96, 2), CNBlockConfig(96, None, 1)]
    # layer_scale: the default of 1e-6 would hide each block's branch below the tolerance.
    return _readable(ConvNeXt(stages, layer_scale=0.5, num_classes=CLASSES), torch.nn.Conv2d).eval()


@case("torchvision/fcn", inputs=IMAGES, outputs=["scores"], requires={"torchvision": ">=0.9"}, tags={"segmentation"})
def fcn():
    """Segmentation: bilinear upsampling to the size of the input, on a resnet18's first layers; gives a dictionary."""
    import torch
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.fcn import FCN, FCNHead

    class Scores(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(images)["out"]

    backbone = IntermediateLayerGetter(resnet18(), {"layer2": "out"})
    return Scores(FCN(backbone, FCNHead(128, CLASSES))).eval()


@case(
    "torchvision/retinanet",
    inputs=[normal(1, 3, 64, 64, name="images")],
    outputs=[set_of_boxes("detections")],
    requires={"torchvision": ">=0.9"},
    tags={"detection"},
)
def retinanet():
    """Detection: NonMaxSuppression, TopK and as many rows as the data gives; a thin backbone of two levels, one image.

    RetinaNet, because it takes the best boxes of each level: a detector that takes the best of all would,
    with random weights, leave most of its weights without a say.
    """
    from collections import OrderedDict

    import torch
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.rpn import AnchorGenerator

    def halve(before, after):
        convolution = torch.nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        return torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(after), torch.nn.ReLU())

    class Backbone(torch.nn.Module):
        out_channels = 32

        def __init__(self):
            super().__init__()
            self.fine = torch.nn.Sequential(halve(3, 16), halve(16, 32), halve(32, 32))
            self.coarse = halve(32, 32)

        def forward(self, images):
            fine = self.fine(images)
            return OrderedDict([("fine", fine), ("coarse", self.coarse(fine))])

    class Detections(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            found = self.network([images[0]])[0]
            labels = found["labels"].to(images.dtype)
            # Corners in fractions of the image, so that scores weigh as much as they do.
            return torch.cat((found["boxes"] / 64, found["scores"].unsqueeze(1), labels.unsqueeze(1)), dim=1)

    network = RetinaNet(
        Backbone(),
        num_classes=CLASSES,
        anchor_generator=AnchorGenerator(sizes=((12, 16), (24, 32)), aspect_ratios=((0.5, 1.0, 2.0),) * 2),
        min_size=64,
        max_size=64,
        score_thresh=0.0,
        topk_candidates=12,
        detections_per_img=24,
    )
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):  # as above: its N(0, 0.01) answers too faintly
            torch.nn.init.kaiming_normal_(module.weight)
    torch.nn.init.zeros_(network.head.classification_head.cls_logits.bias)  # nor with its prior of one in a hundred
    return Detections(network).eval()
