"""scaled_dot_product_attention is spelt out as products and a softmax, which every opset has.

softmax(q k^T · scale + mask) v: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
A row that is masked entirely gives the mean of the values by a mask of booleans, NaN by -inf; torch 2.15 gives zeros.
"""

import math
from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    return replaced({torch.nn.functional.scaled_dot_product_attention: attention})


def attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Any:
    """As torch's, without dropout. query (…, heads, queries, size), key and value (…, heads, keys, size)."""
    import torch

    if is_causal and attn_mask is not None:
        return NotImplemented
    if enable_gqa:
        key, value = [
            part.unsqueeze(-3).repeat_interleave(query.size(-3) // part.size(-3), -3).flatten(-4, -3)
            if part.size(-3) == 1
            else part.repeat_interleave(query.size(-3) // part.size(-3), -3)
            for part in (key, value)
        ]
    scores = torch.matmul(query, key.transpose(-2, -1)) * (1 / math.sqrt(query.size(-1)) if scale is None else scale)
    if is_causal:
        order = torch.arange(query.size(-2)).unsqueeze(-1) >= torch.arange(key.size(-2))
        scores = scores.masked_fill(~order, torch.finfo(query.dtype).min)
    if attn_mask is not None:
        least = torch.finfo(query.dtype).min
        scores = scores.masked_fill(~attn_mask, least) if attn_mask.dtype == torch.bool else scores + attn_mask
    return torch.matmul(torch.softmax(scores, -1), value)


REMEDY = Remedy(revision=1, exporting=exporting)
