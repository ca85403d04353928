"""A bundle that was handed on is data: torch's files in it may hold code, which unpickling them would run."""

import os
import re
import sys
from typing import Any

from tfparity.worker.messages import Refused

#: The first release of torch whose reader of tensors alone is one: https://nvd.nist.gov/vuln/detail/CVE-2025-32434
SAFE = (2, 6)


def forbid() -> None:
    """From now on torch.load gives tensors alone in this process, and raises Refused of a torch that can't."""
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # for who imports torch later, or has the function already
    torch = sys.modules.get("torch")
    if torch is None:
        return
    whole, version = torch.load, torch.__version__

    def load(*given: Any, **named: Any) -> Any:
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < SAFE:
            said = "its weights are pickled, which torch %s may run code of: 2.6 reads them, and any reads safetensors"
            raise Refused("UnsafeCheckpoint", said % version)
        named["weights_only"] = True
        return whole(*given, **named)

    torch.load = load  # type: ignore[attr-defined]
