"""The TensorFlow class reads the checkpoint's .safetensors file itself, without from_pt=True.

https://github.com/huggingface/transformers/pull/27372
"""

from contextlib import contextmanager
from typing import Any, Iterator

from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    from transformers import TFPreTrainedModel

    kept = TFPreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(cls: Any, folder: str, from_pt: bool = False, **options: Any) -> Any:
        return kept.__func__(cls, folder, **options)

    TFPreTrainedModel.from_pretrained = classmethod(from_pretrained)  # type: ignore[arg-type]
    try:
        yield
    finally:
        TFPreTrainedModel.from_pretrained = kept


REMEDY = Remedy(revision=1, converting=converting)
