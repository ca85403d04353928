"""How much disk an environment takes, told before anything is fetched.

Not every index tells sizes, so the packages that make up nearly all of an environment count with the
largest size measured of any version in the lockfiles, and the rest with a size that few exceed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Gigabytes (10^9 bytes) on disk. CUDA libraries are named without `nvidia-` and without the CUDA version.
LARGE_GB = {
    "tensorflow": 1.9,
    "torch": 1.8,
    "triton": 1.1,
    "cublas": 0.9,
    "cudnn": 1.1,
    "cufft": 0.3,
    "cusolver": 0.45,
    "cusparse": 0.4,
    "cusparselt": 0.45,
    "nccl": 0.45,
    "nvshmem": 0.25,
    "cuda-nvrtc": 0.25,
    "curand": 0.2,
    "nvjitlink": 0.15,
    "transformers": 0.1,
}

#: Any other package.
SMALL_GB = 0.015


def installed_gb(packages: Mapping[str, str]) -> float:
    """Gigabytes (10^9 bytes) that these packages, name to version, take on disk. On the safe side."""
    plain = (re.sub(r"^nvidia-|-cu\d+$", "", name) for name in packages)
    return round(sum(LARGE_GB.get(name, SMALL_GB) for name in plain), 1)
