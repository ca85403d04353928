"""How much disk an environment takes, told before anything is fetched.

A package counts with what it was measured to take (sizes.txt). Not every index tells sizes, so of other versions those
that make up nearly all of an environment count with the largest measured, and the rest with a size that few exceed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tfparity.environments import sizes

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
    """Gigabytes (10^9 bytes) that these packages, name to version, take on disk: as measured, else on the safe side."""
    return round(sum(_gb(name, version) for name, version in packages.items()), 1)


def told(*environments: Mapping[str, str]) -> str:
    """ "7.5 GB" of those environments' packages together where every one was measured, else "at most 7.5 GB"."""
    sure = all(one in sizes.measured() for packages in environments for one in packages.items())
    return f"{'' if sure else 'at most '}{round(sum(map(installed_gb, environments)), 1)} GB"


def _gb(name: str, version: str) -> float:
    megabytes = sizes.measured().get((name, version))
    return LARGE_GB.get(re.sub(r"^nvidia-|-cu\d+$", "", name), SMALL_GB) if megabytes is None else megabytes / 1000
