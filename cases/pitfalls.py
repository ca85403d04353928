"""The classic pitfalls one by one: each case is the smallest model that falls into one."""

from tfparity import case, integers, normal, ranking


def _classifier():
    """Convolution, batch norm, a stride, global average pooling: images (batch, 3, any, any) to five logits."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 12, 3, stride=2, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(12, 5),
    )


@case(
    "pitfalls/dynamic-height-width",
    inputs=[normal("batch", 3, "height", "width", name="images")],
    outputs=[ranking("logits")],
    axes={"height": (24, 16, 33), "width": (32, 20, 27)},
    tags={"dynamic"},
)
def dynamic_height_width():
    """Any image size: onnx-tf's convolution can lose the rank of what it is given.

    https://github.com/onnx/onnx-tensorflow/issues/882
    """
    return _classifier().eval()


@case("pitfalls/custom-function", inputs=[normal("batch", 16)], tags={"custom"})
def custom_function():
    """A function with its own gradient crosses by its `symbolic`, or not at all."""
    import torch

    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * torch.sigmoid(x)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            gate = torch.sigmoid(x)
            return gradient * gate * (1 + x * (1 - gate))

        @staticmethod
        def symbolic(g, x):
            return g.op("Mul", x, g.op("Sigmoid", x))

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(16, 8)

        def forward(self, x):
            return Swish.apply(self.linear(x))

    return Layer().eval()


@case(
    "pitfalls/preprocessing-inside",
    inputs=[integers("batch", 32, 32, 3, high=256, name="pixels", dtype="uint8")],
    outputs=[ranking("logits")],
    tags={"preprocessing"},
)
def preprocessing_inside():
    """Bytes in, channels last: scale, mean, deviation and layout travel with the model."""
    import torch

    class Photographs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]))
            self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]))
            self.classifier = _classifier()

        def forward(self, pixels):
            images = (pixels.to(self.mean.dtype) / 255 - self.mean) / self.deviation
            return self.classifier(images.permute(0, 3, 1, 2))

    return Photographs().eval()


@case(
    "pitfalls/preprocessing-outside",
    inputs=[normal("batch", 3, 32, 32, name="images")],
    outputs=[ranking("logits")],
    tags={"preprocessing"},
)
def preprocessing_outside():
    """The same classifier; the caller scales, normalises and transposes, and both sides must do it alike."""
    return _classifier().eval()


@case(
    "pitfalls/two-inputs-two-outputs",
    inputs=[normal("batch", 4, 16, name="query"), normal("batch", 6, 16, name="context")],
    outputs=["z_scores", "attention"],
    tags={"signature", "smoke"},
)
def two_inputs_two_outputs():
    """Names whose alphabetical order is the reverse of the model's: a signature that sorts swaps them.

    https://github.com/onnx/onnx-tensorflow/issues/898
    """
    import torch

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(16, 16)

        def forward(self, query, context):
            scores = torch.matmul(self.project(query), context.transpose(1, 2))
            spread = (scores - scores.mean(-1, keepdim=True)).pow(2).mean(-1, keepdim=True).sqrt()
            z_scores = (scores - scores.mean(-1, keepdim=True)) / spread
            return z_scores, torch.softmax(z_scores, dim=-1)

    return Attention().eval()


@case(
    "pitfalls/train-mode",
    inputs=[normal("batch", 3, 32, 32, name="images")],
    outputs=[ranking("logits")],
    tags={"refused"},
)
def train_mode():
    """`eval()` forgotten, so batch norm and dropout would change the answer: refused before anything is exported.

    https://github.com/pytorch/pytorch/issues/75252
    """
    return _classifier()


@case("pitfalls/padded-max-pool", inputs=[normal("batch", 3, 9, 9)], tags={"pooling", "smoke"})
def padded_max_pool():
    """MaxPool pads with minus infinity; padding with zeros is wrong wherever a border is negative."""
    import torch

    return torch.nn.MaxPool2d(3, stride=2, padding=1).eval()
