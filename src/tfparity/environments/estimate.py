"""How much disk an environment takes, told before anything is fetched.

The index tells no sizes that could be relied on, so the few packages that make up nearly all of an
environment count with the largest size measured, the rest with a size that few exceed.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Gigabytes (10^9 bytes) on disk, the largest measured of any version in the lockfiles.
LARGE_GB = {
    "tensorflow": 1.9,
    "torch": 2.0,
    "triton": 0.8,
    "transformers": 0.15,
    "scipy": 0.15,
}

#: CUDA libraries that torch pulls in, each.
NVIDIA_GB = 0.45

#: Any other package.
SMALL_GB = 0.02


def installed_gb(packages: Mapping[str, str]) -> float:
    """Gigabytes (10^9 bytes) that these packages, name to version, take on disk. On the safe side."""
    sizes = (
        LARGE_GB.get(name, NVIDIA_GB if name.startswith("nvidia-") else SMALL_GB) for name in packages
    )
    return round(sum(sizes), 1)
