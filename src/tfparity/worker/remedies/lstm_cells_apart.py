"""Every recurrent layer gets a cell of its own: onnx-tf keeps that of the first for all that follow."""

from contextlib import contextmanager
from typing import Any, Iterator

REVISION = 1


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
