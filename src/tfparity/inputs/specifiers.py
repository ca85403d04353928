"""Version specifiers. Few differ, and the plan and the rules ask them hundreds of thousands of times: each answer is
kept for the life of the process."""

from __future__ import annotations

from functools import cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@cache
def allows(specifier: str, version: str) -> bool:
    """Whether a version meets a specifier such as ">=1.12,<2"; a pre-release is compared by its number.

    Raises InvalidSpecifier, InvalidVersion.
    """
    return _set(specifier).contains(_version(version), prereleases=True)


@cache
def _set(specifier: str) -> SpecifierSet:
    return SpecifierSet(specifier)


@cache
def _version(version: str) -> Version:
    return Version(version)
