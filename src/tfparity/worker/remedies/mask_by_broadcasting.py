"""The attention mask of transformers is computed by broadcasting indices instead of torch.vmap."""

from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Iterator

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy


@contextmanager
def exporting() -> Iterator[None]:
    try:
        from transformers import masking_utils
    except ImportError:
        raise Refused("NoSuchMask", "transformers has no masking_utils") from None
    vmap = getattr(masking_utils, "_vmap_for_bhqkv", None)
    if vmap is None:
        raise Refused("NoSuchMask", "transformers makes its masks without torch.vmap")

    def broadcast(function: Callable[..., Any], bh_indices: bool = True) -> Callable[..., Any]:
        """The mask function of (batch, head, query, key) indices, evaluated on broadcast index vectors: four
        dimensions."""

        def mask(batch: Any, head: Any, query: Any, key: Any) -> Any:
            if not bh_indices:
                return function(batch, head, query[:, None], key[None, :])
            return function(
                batch[:, None, None, None], head[None, :, None, None], query[None, None, :, None], key[None, None, None]
            )

        return mask

    indexing = getattr(masking_utils, "TransformGetItemToIndex", None)  # for the sake of vmap alone
    masking_utils._vmap_for_bhqkv = broadcast
    masking_utils.TransformGetItemToIndex = nullcontext
    try:
        yield
    finally:
        masking_utils._vmap_for_bhqkv = vmap
        masking_utils.TransformGetItemToIndex = indexing


REMEDY = Remedy(revision=1, exporting=exporting)
