"""torchvision beyond classifiers: every public builder of segmentation, detection, video and optical flow.

Full width, random weights, small images. Results (dictionaries, lists) are unwrapped to tensors, as whoever exports
them does.
"""

from tfparity import case, normal, ranking, set_of_boxes

CLASSES = 10


def _readable(network):
    """`network`, in eval mode, with every matrix scaled to keep the size of what passes; biases and tables of positions
    large enough for 1 % of them to be seen in the answer.

    Batch norm's weights and the gates of squeeze and excitation are small: a hundred random layers with steep ones make
    float32's rounding as large as the answer.
    """
    import torch

    tables = ("class_token", "class_pos", "spatial_pos", "temporal_pos", "rel_pos_h", "rel_pos_w", "rel_pos_t")
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name in tables or name == "relative_position_bias_table":
                torch.nn.init.normal_(parameter, std=0.5)
            elif name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.3)
            elif isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
                torch.nn.init.constant_(parameter, 0.3)
            elif name.endswith("weight") and parameter.dim() > 1:
                torch.nn.init.kaiming_normal_(parameter)
    for module in network.modules():
        if hasattr(module, "fc1") and hasattr(module, "fc2"):
            module.fc2.weight.data.mul_(0.2)
            torch.nn.init.normal_(module.fc1.bias)
            torch.nn.init.normal_(module.fc2.bias)
    return network.eval()


def _untrained(builder, settings, backbone):
    """What `builder` makes without weights: the argument's name changed with torchvision 0.13. backbone: whether it
    would fetch weights for its backbone, too."""
    import inspect

    recent = "weights" in inspect.signature(builder).parameters
    missing = {"weights": None} if recent else {"pretrained": False}
    if backbone:
        missing.update({"weights_backbone": None} if recent else {"pretrained_backbone": False})
    return builder(**dict(settings, **missing))


# Segmentation: a dictionary of score maps, upsampled to the size of the images.


def _segmentation(name, pixels=64, tags=()):
    """The builder of that name, without the auxiliary head, which is for training. pixels: of the images' sides."""

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal("batch", 3, pixels, pixels, name="images")],
        outputs=["scores"],
        tags={"segmentation", *tags},
    )
    def build():
        import torch
        from torchvision.models import segmentation

        class Scores(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, images):
                return self.network(images)["out"]

        network = _untrained(getattr(segmentation, name), {"num_classes": CLASSES}, backbone=True)
        return _readable(Scores(network))


# FCN: dilated ResNet stages, one convolutional head.
_segmentation("fcn_resnet50", pixels=32)
_segmentation("fcn_resnet101", pixels=32)

# DeepLabV3: dilations of 12, 24 and 36 and a pooled branch, resized and concatenated.
_segmentation("deeplabv3_mobilenet_v3_large")
_segmentation("deeplabv3_resnet50", pixels=32)
_segmentation("deeplabv3_resnet101", pixels=32)

# LR-ASPP: a gate from a pooled branch, two resolutions added.
_segmentation("lraspp_mobilenet_v3_large")


# Detection: one image in, as many boxes out as the data gives.


def _frozen(module):
    """Put FrozenBatchNorm2d in the place of each BatchNorm2d: what the builder makes around trained weights."""
    import torch
    from torchvision.ops.misc import FrozenBatchNorm2d

    for name, child in module.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(child.num_features)
            torch.nn.init.constant_(frozen.weight, 0.3)
            torch.nn.init.normal_(frozen.bias, std=0.3)
            setattr(module, name, frozen)
        else:
            _frozen(child)


def _calibrated(network, pixels):
    """`network` with the statistics of each batch norm, frozen or not, set from eight images as they first pass. The
    harness would leave the frozen ones, and train the others on one image: no spread where one pixel is left."""
    import torch
    from torchvision.ops.misc import FrozenBatchNorm2d

    def follow(module, inputs):
        if module not in done and inputs[0].numel():
            done.add(module)
            module.running_mean.copy_(inputs[0].mean((0, 2, 3)))
            module.running_var.copy_(inputs[0].var((0, 2, 3)))

    done = set()
    norms = [m for m in network.modules() if isinstance(m, (torch.nn.BatchNorm2d, FrozenBatchNorm2d))]
    for module in norms:
        torch.nn.init.normal_(module.weight, 0.3, 0.1)  # all alike, they would be spread behind the statistics' back
    hooks = [module.register_forward_pre_hook(follow) for module in norms]
    with torch.no_grad():
        network(list(torch.randn(8, 3, pixels, pixels)))
    for hook in hooks:
        hook.remove()
    for module in norms:
        module.track_running_stats = False  # eval() uses them all the same; the harness takes them for settled
    return network


def _detections(network, pixels, others):
    """`network` for one image: rows x1, y1, x2, y2 in fractions of the image, score and label; then `others`; then, of
    two stages, the odds that the first gave each anchor: which candidates they let through shows too few of them."""
    import torch

    class Noted(torch.nn.Module):
        def __init__(self, head):
            super().__init__()
            self.head = head

        def forward(self, features):
            logits, deltas = self.head(features)
            self.logits = torch.cat([level.flatten(1) for level in logits], dim=1)
            return logits, deltas

    class Detections(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, images):
            found = self.network([images[0]])[0]
            labels = found["labels"].to(images.dtype)
            # Fractions, so that scores weigh as much as corners do.
            rows = torch.cat((found["boxes"] / pixels, found["scores"].unsqueeze(1), labels.unsqueeze(1)), dim=1)
            first = [self.network.rpn.head.logits] if hasattr(self.network, "rpn") else []
            return tuple([rows] + [found[name] for name in others] + first)

    if hasattr(network, "rpn"):
        network.rpn.head = Noted(network.rpn.head)
    return Detections().eval()


def _detector(name, settings, since=None, pixels=64, anchors=None, frozen=True, others=(), tags=()):
    """The builder of that name. pixels: of the image's sides; anchors: sizes per level, in pixels, where those of the
    builder are for photographs; frozen: whether it has frozen batch norm with trained weights; others: the fields of
    its result after boxes, scores and labels."""
    others = list(others)
    first = ["objectness"] if "rpn_pre_nms_top_n_test" in settings else []

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal(1, 3, pixels, pixels, name="images")],
        outputs=[set_of_boxes("detections"), *others, *first],
        requires={"torchvision": ">=" + since} if since else None,
        tags={"detection", *tags},
    )
    def build():
        from torchvision.models import detection
        from torchvision.models.detection.rpn import AnchorGenerator

        network = _untrained(getattr(detection, name), settings, backbone=True)
        if frozen:
            _frozen(network.backbone.body)
        _readable(network)
        for part, module in network.named_modules():
            if part.endswith(("rpn.head.bbox_pred", "regression_head.bbox_reg")):
                module.weight.data.mul_(0.3)  # else most boxes leave the image
            if part.endswith("roi_pool"):
                module.canonical_scale = 32  # the size of box that the third of four levels is for: 224 in photographs
        if anchors:
            generator = AnchorGenerator([tuple(sizes) for sizes in anchors], [(0.5, 1.0, 2.0)] * len(anchors))
            (network.rpn if hasattr(network, "rpn") else network).anchor_generator = generator
        return _detections(_calibrated(network, pixels), pixels, others)


# Two stages: the best proposals of each level through NonMaxSuppression, RoiAlign from the level that fits,
# NonMaxSuppression per class.
TWO_STAGES = {
    "num_classes": CLASSES,
    "min_size": 64,
    "max_size": 64,
    "rpn_pre_nms_top_n_test": 5,
    "box_score_thresh": 0.05,
}
MASKS = dict(TWO_STAGES, box_detections_per_img=4)
LEVELS = [[8], [12], [16], [24], [32]]

_detector("fasterrcnn_resnet50_fpn", TWO_STAGES, anchors=LEVELS)
_detector("fasterrcnn_resnet50_fpn_v2", TWO_STAGES, "0.13", anchors=LEVELS, frozen=False)

# The same with a mask for each box, pasted into the image, ...
_detector("maskrcnn_resnet50_fpn", MASKS, anchors=LEVELS, others=["masks"])
_detector(
    "maskrcnn_resnet50_fpn_v2",
    MASKS,
    "0.13",
    anchors=LEVELS,
    frozen=False,
    others=["masks"],
)

# ... or with the places and scores of 17 keypoints, from heat maps resized box by box.

# One stage: the best boxes of each level.
ONE_STAGE = {
    "num_classes": CLASSES,
    "min_size": 64,
    "max_size": 64,
    "score_thresh": 0.0,
    "topk_candidates": 12,
    "detections_per_img": 100,
}
_detector(
    "retinanet_resnet50_fpn_v2",
    ONE_STAGE,
    "0.13",
    anchors=[[8, 10, 12], [12, 16, 20], [16, 20, 24], [24, 28, 32], [32, 40, 48]],
    frozen=False,
)

# FCOS: distances to four sides instead of anchors, and a score for being in the middle.
_detector("fcos_resnet50_fpn", ONE_STAGE, "0.12")

# SSD and SSDlite: six levels at once, boxes of fixed shapes; their builders fix the size of the image.
SINGLE_SHOT = {"num_classes": CLASSES, "score_thresh": 0.05, "topk_candidates": 20, "detections_per_img": 200}
_detector("ssdlite320_mobilenet_v3_large", SINGLE_SHOT, "0.10", pixels=320, frozen=False)


# Video: five dimensions, time before height and width.


def _video(name, since=None, frames=8, pixels=32, pool=None, tags=(), **settings):
    """The builder of that name. pool: the window of its last pooling, where the builder's is for larger images."""

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal("batch", 3, frames, pixels, pixels, name="clips")],
        outputs=[ranking("logits")],
        requires={"torchvision": ">=" + since} if since else None,
        tags={"video", *tags},
    )
    def build():
        import torch
        from torchvision.models import video

        network = _untrained(getattr(video, name), dict(settings, num_classes=CLASSES), backbone=False)
        if pool:
            network.avgpool = torch.nn.AvgPool3d(tuple(pool), stride=1)
        return _readable(network)


# ResNets of 3D convolutions: all of them, only the first, or split into space and time.
_video("r3d_18")
_video("r2plus1d_18")

# S3D: separable 3D convolutions in four branches. Its last pooling takes 7 by 7, which 64 pixels do not leave.
_video("s3d", since="0.14", frames=16, pixels=64, pool=[2, 2, 2])

# Swin over windows of space and time.
_video("swin3d_t", since="0.15", frames=4, pixels=64)
_video("swin3d_s", since="0.15", frames=4, pixels=64)


# Optical flow: where each pixel of one image is in the next.


def _flow(name, tags=()):
    """RAFT: a pyramid of correlations, looked up by grid_sample (GridSample, from opset 16) and followed by a
    recurrent cell, here three times; the last of the flows."""

    @case(
        "torchvision/" + name.replace("_", "-"),
        inputs=[normal("batch", 3, 128, 128, name="image1"), normal("batch", 3, 128, 128, name="image2")],
        outputs=["flow"],
        requires={"torchvision": ">=0.12"},
        tags={"optical-flow", *tags},
        insensitive={
            "network.feature_encoder.*.0.bias": "an instance norm follows, which takes the mean out again",
        },
    )
    def build():
        import torch
        from torchvision.models import optical_flow

        class Flow(torch.nn.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            def forward(self, image1, image2):
                return self.network(image1, image2, num_flow_updates=3)[-1]

        return _readable(Flow(_untrained(getattr(optical_flow, name), {}, backbone=False)))


_flow("raft_small")
_flow("raft_large")
