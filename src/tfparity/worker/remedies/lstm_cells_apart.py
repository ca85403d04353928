"""Every recurrent layer gets its own cell: onnx-tf reuses the first layer's cell for all layers after it."""

from contextlib import contextmanager
from typing import Any, Iterator

from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.rnn_mixin import RNNMixin

    kept = RNNMixin.__dict__["rnn"]

    def rnn(handler: Any, *args: Any, **kwargs: Any) -> Any:
        handler.rnn_cell = None
        return kept.__func__(handler, *args, **kwargs)

    RNNMixin.rnn = classmethod(rnn)
    try:
        yield
    finally:
        RNNMixin.rnn = kept


REMEDY = Remedy(revision=1, converting=converting)
