"""torch's transformer layers run without their fast path: no exporter supports its fused inference operators.

https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
"""

from contextlib import contextmanager
from typing import Iterator

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy


@contextmanager
def exporting() -> Iterator[None]:
    import torch

    switches = getattr(torch.backends, "mha", None)
    if switches is None:
        raise Refused("TooOldForRemedy", "torch cannot turn its fast path off before 2.0")
    before = switches.get_fastpath_enabled()
    switches.set_fastpath_enabled(False)
    try:
        yield
    finally:
        switches.set_fastpath_enabled(before)


REMEDY = Remedy(revision=1, exporting=exporting)
