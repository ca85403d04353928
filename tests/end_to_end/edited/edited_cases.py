"""The network whose ONNX graph onnx_tf_edited.py spoils."""

from tfparity import case, normal


@case("edited/net", inputs=[normal("batch", 3, 8, 8, name="images")], outputs=["z_scores", "attention"])
def net():
    """A padded convolution, an activation, a batch norm that no folding can remove, two heads."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(8)
            self.scores = torch.nn.Linear(8, 5)
            self.attention = torch.nn.Linear(8, 5)

        def forward(self, images):
            pooled = self.norm(torch.relu(self.convolution(images))).mean(dim=(2, 3))
            return self.scores(pooled), self.attention(pooled)

    return Net().eval()
