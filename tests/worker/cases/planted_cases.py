"""Cases over the numpy framework of planted.py."""

from tfparity import case, normal


@case("planted/net", inputs=[normal("batch", 3, 8, 8, name="images")], outputs=["z_scores", "attention"])
def net():
    """Padding, convolution, batch norm, an activation and two heads: what the planted faults touch."""
    return _net(0)


for _seed in range(1, 51):

    @case("planted/net-%d" % _seed, inputs=[normal("batch", 3, 8, 8, name="images")], outputs=["z_scores", "attention"])
    def _seeded(seed=_seed):
        """The same network from another seed."""
        return _net(seed)


def _net(seed):
    import numpy

    from tfparity.worker import plugins

    planted = next(module for path, module in plugins._loaded.items() if hasattr(module, "GRAPH"))
    return planted.Net(planted.GRAPH, planted.weights(numpy, seed))
