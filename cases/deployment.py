"""Models at the size in which they are deployed, with random weights: whole width and depth, images of 224 by 224,
sequences of 128 tokens.

What small models cannot show: the time, memory and size that converting costs. Too slow for "full"; --tier all has
them.
"""

from tfparity import case, integers, mask, normal, ranking

IMAGES = (normal("batch", 3, 224, 224, name="images"),)
LOGITS = (ranking("logits"),)
CLASSES = 1000
VOCABULARY = 30522
SEQUENCE = 128


def _readable(network):
    """`network`, in eval mode, with every matrix scaled to keep the size of what passes, and biases, batch norms and
    tables of positions large enough for 1 % of them to be seen in the answer."""
    import torch

    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name in ("class_token", "pos_embedding"):
                torch.nn.init.normal_(parameter, std=0.5)
            elif name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.3)
            elif isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.constant_(parameter, 0.3)
                torch.nn.init.normal_(module.running_mean, std=0.3)
            elif parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
    for module in network.modules():
        if hasattr(module, "fc1") and hasattr(module, "fc2"):  # squeeze and excitation: between open and shut
            module.fc2.weight.data.mul_(0.2)
            torch.nn.init.normal_(module.fc1.bias)
            torch.nn.init.normal_(module.fc2.bias)
    return network.eval()


def _classifier(id, builder, since="0.13"):
    """The builder of that name as it stands, with a thousand classes."""

    @case(id, inputs=IMAGES, outputs=LOGITS, requires={"torchvision": ">=" + since}, tags={"classifier", "heavy"})
    def build():
        from torchvision import models

        return _readable(getattr(models, builder)(weights=None, num_classes=CLASSES))


_classifier("deployment/resnet50", "resnet50")
_classifier("deployment/mobilenet-v2", "mobilenet_v2")
_classifier("deployment/efficientnet-b0", "efficientnet_b0")
_classifier("deployment/vit-b-16", "vit_b_16")


@case(
    "deployment/deeplabv3-resnet50",
    inputs=IMAGES,
    outputs=["scores"],
    requires={"torchvision": ">=0.13"},
    tags={"segmentation", "heavy"},
)
def deeplabv3():
    """Segmentation into 21 classes: dilated convolutions, pooling to one pixel, bilinear upsampling to the image."""
    import torch
    from torchvision.models import segmentation

    class Scores(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, images):
            return self.network(images)["out"]

    network = segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21)
    return Scores(_readable(network)).eval()


@case("deployment/unet", inputs=IMAGES, outputs=["scores"], tags={"segmentation", "heavy"})
def unet():
    """Four levels of 64 to 1024 channels, padded convolutions with batch norm, upsampling by transposed convolutions.

    After Ronneberger, Fischer and Brox, 2015: https://arxiv.org/abs/1505.04597
    """
    import torch
    from torch import nn

    def twice(before, after):
        layers = []
        for channels in (before, after):
            layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*layers)

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [64, 128, 256, 512, 1024]
            self.down = nn.ModuleList([twice(*pair) for pair in zip([3, *sizes], sizes)])
            backwards = list(zip(sizes[:0:-1], sizes[-2::-1]))
            self.up = nn.ModuleList([nn.ConvTranspose2d(*pair, kernel_size=2, stride=2) for pair in backwards])
            self.merge = nn.ModuleList([twice(*pair) for pair in backwards])
            self.scores = nn.Conv2d(sizes[0], 21, 1)

        def forward(self, images):
            kept = []
            for level in self.down:
                images = level(nn.functional.max_pool2d(images, 2) if kept else images)
                kept.append(images)
            for up, merge, beside in zip(self.up, self.merge, kept[-2::-1]):
                images = merge(torch.cat([beside, up(images)], dim=1))
            return self.scores(images)

    return _readable(Unet())


@case(
    "deployment/bert-base",
    inputs=[
        integers("batch", "sequence", high=VOCABULARY, name="input_ids"),
        mask("batch", "sequence", name="attention_mask"),
    ],
    outputs=["last_hidden_state", "pooler_output"],
    axes={"sequence": (SEQUENCE, 64, 32)},
    requires={"transformers": ">=4.36"},
    tags={"encoder", "heavy"},
    insensitive={
        "*.attention.self.key.bias": "adds the same to every score of a row",
        "*.attention.self.[kq]*": "deep in a stack of random layers every token looks the same: attention is flat",
    },
)
def bert_base():
    """The encoder of twelve layers and 768 channels, with the attention that is exported at every opset."""
    import torch
    from transformers import BertConfig, BertModel

    class Encoder(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask):
            states = self.network(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
            return states.last_hidden_state, states.pooler_output

    config = BertConfig(
        attn_implementation="eager", vocab_size=VOCABULARY, max_position_embeddings=512, initializer_range=0.05
    )
    return Encoder(BertModel(config)).eval()
