"""Small models for faults that level 1 does not see."""

from tfparity import case, integers, mask, normal, uniform


@case("planted/probabilities", inputs=[normal("batch", 8)])
def probabilities():
    """A softmax with probabilities down to 1e-9."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Linear(8, 32), torch.nn.Tanh(), scaled(32, 200, 6.0), torch.nn.Softmax(dim=1)
    ).eval()


@case("planted/sequence", inputs=[normal("batch", "sequence", 8)], axes={"sequence": (16, 7, 24)})
def sequence():
    """A recurrent layer, and a head at each step."""
    import torch

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = torch.nn.GRU(8, 16, batch_first=True), torch.nn.Linear(16, 5)

        def forward(self, x):
            return self.head(self.layer(x)[0])

    return Tagger().eval()


@case(
    "planted/masked",
    inputs=[integers("batch", "sequence", high=100, name="ids"), mask("batch", "sequence", name="mask")],
    axes={"sequence": (16, 7, 24)},
)
def masked():
    """Attention over tokens that a mask keeps."""
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.score, self.head = (
                torch.nn.Embedding(100, 16),
                torch.nn.Linear(16, 1),
                torch.nn.Linear(16, 5),
            )

        def forward(self, ids, mask):
            words = self.words(ids)
            scores = self.score(words)[..., 0] + (1 - mask) * -1e4
            return self.head((torch.softmax(scores, -1)[..., None] * words).sum(1))

    return Pooled().eval()


@case(
    "planted/logits",
    inputs=[normal("batch", "sequence", 8, name="x"), mask("batch", "sequence", name="mask")],
    axes={"sequence": (16, 7, 24)},
    insensitive={"head.*": "the fill is ten thousand times as large: that is what the case is for"},
)
def logits():
    """Scores beside the fill of a mask."""
    import torch

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(8, 1)

        def forward(self, x, mask):
            return self.head(x)[..., 0] * mask + (1 - mask) * -1e4

    return Scores().eval()


@case(
    "planted/picture",
    inputs=[normal("batch", 3, "height", "width")],
    axes={"height": (16, 24, 32), "width": (16, 24)},
)
def picture():
    """A picture into a picture of the same size."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 4, 3, padding=1),
    ).eval()


@case("planted/unit", inputs=[uniform("batch", 8)])
def unit():
    """Inputs between 0 and 1, which a linear layer takes with either sign."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 5)).eval()


@case("planted/linear", inputs=[normal("batch", 8)])
def linear():
    """A linear layer: what becomes of an input is seen in the answer."""
    import torch

    return torch.nn.Linear(8, 5).eval()


@case("planted/threshold", inputs=[normal("batch", 8)])
def threshold():
    """What is at the threshold counts."""
    import torch

    class Steps(torch.nn.Module):
        def forward(self, x):
            return torch.where(x >= 0, x + 1, x)

    return Steps().eval()


@case("planted/greater", inputs=[normal("batch", 8, name="x"), normal("batch", 8, name="y")])
def greater():
    """The larger of two counts, the first of equal ones."""
    import torch

    class Chosen(torch.nn.Module):
        def forward(self, x, y):
            return torch.where(x >= y, x + 1, y)

    return Chosen().eval()


@case("planted/large-integers", inputs=[integers("batch", 8, high=2**31 + 100, name="x")], outputs=["y"])
def large_integers():
    """Integers of 64 bits, few of which need them."""
    import torch

    class Halved(torch.nn.Module):
        def forward(self, x):
            return x + 1

    return Halved().eval()


@case("planted/odd-integers", inputs=[integers("batch", 8, low=0, high=2**24 + 2, name="x")], outputs=["y"])
def odd_integers():
    """Integers up to where float32 has gaps."""
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    return Doubled().eval()


@case("planted/small-integers", inputs=[integers("batch", 8, high=1000, name="x")], outputs=["y"])
def small_integers():
    """Integers that every type holds, as they are declared."""
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    return Doubled().eval()


@case(
    "planted/boxes",
    inputs=[uniform("batch", 20, 8)],
    insensitive={"score.*": "boxes are a thousand times as large: that is what the case is for"},
)
def boxes():
    """Boxes within 640 and their scores, in one table."""
    import torch

    class Detector(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.boxes, self.score = scaled(8, 4, 8.0), torch.nn.Linear(8, 2)

        def forward(self, x):
            return torch.cat([640 * torch.sigmoid(self.boxes(x)), torch.sigmoid(self.score(x))], -1)

    return Detector().eval()


def scaled(inputs, outputs, by):
    """A linear layer with weights that many times as large."""
    import torch

    layer = torch.nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.mul_(by)
    return layer
