"""The commands on environments: lock, install, interpreters."""

from __future__ import annotations

import argparse

from tfparity import paths
from tfparity.cli.commands import Commands
from tfparity.errors import LockError, UsageError
from tfparity.planning import options


def declare(to: Commands) -> None:
    """Declare the commands."""
    locks = to.add("lock", lock)
    locks.add_argument("environment", nargs="*", help="only these environments, or those of these toolchains")
    locks.add_argument(
        "--again", action="store_true", help="resolve what fits its pins too; what then comes out may be other packages"
    )
    locks.add_argument("--check", action="store_true", help="compare digests, offline; write nothing")
    locks.add_argument("--resolve", action="store_true", help="with --check: resolve again and compare")
    locks.add_argument("--jobs", type=int, default=2, metavar="N", help="resolutions side by side")
    locks.add_argument("--download", action="store_true", help="let uv fetch Python interpreters that are not here")
    installs = to.add("install", install)
    installs.add_argument("toolchain", nargs="*", help="ids, 'default' (the default) or 'all'")
    installs.add_argument("--download", action="store_true", help="let uv fetch Python interpreters that are not here")
    found = to.add("interpreters", interpreters)
    found.add_argument("--plain", action="store_true", help="version and path, no words")


def lock(given: argparse.Namespace) -> int:
    """Resolve the environments that have no lockfile that fits their pins, or check the lockfiles."""
    from tfparity.environments import lock
    from tfparity.inputs import matrix

    project = paths.project()
    declared = matrix.load(project.matrix)
    ids = given.environment or None
    if given.resolve and not given.check:
        raise UsageError("--resolve goes with --check; to resolve and write, use --again")
    if given.again and given.check:
        raise UsageError("--again writes and --check does not; to resolve and compare, use --check --resolve")
    if given.check:
        findings = lock.check(project, declared, ids, resolve_again=given.resolve, jobs=given.jobs)
        for finding in findings:
            print(f"{finding.environment}: {finding.text}")
        return LockError.exit_code if findings else 0
    lock.lock(project, declared, ids, again=given.again, jobs=given.jobs, download=given.download, progress=print)
    return 0


def install(given: argparse.Namespace) -> int:
    """Make the environments of toolchains; those that are there already are left alone."""
    from tfparity.environments import estimate, install
    from tfparity.planning.selection import Selection

    asked = Selection(options.Choice(toolchains=tuple(given.toolchain) or (options.DEFAULT,)))
    for environment in asked.environments:
        locked = asked.keys.locked(environment)
        if locked.unresolvable:
            print(f"{environment.id}: cannot be resolved, which is a result too: {locked.path.name}")
            continue
        known = asked.installed(environment)
        if not known:
            print(f"{environment.id}: {estimate.told(locked.packages)} on disk", flush=True)
        say = lambda text, id=environment.id: print(f"{id}: {text}", flush=True)  # noqa: E731
        install.ensure(asked.project, environment, asked.cache, progress=say, download=given.download)
        if known:
            print(f"{environment.id}: there already")
    return 0


def interpreters(given: argparse.Namespace) -> int:
    """List the Python interpreters that are found, 3.7 to 3.13."""
    from tfparity.environments import interpreters
    from tfparity.inputs import matrix

    there = interpreters.found()
    for version in matrix.PYTHONS:
        if version in there:
            print(f"{version} {there[version]}")
        elif not given.plain:
            print(f"{version} not found: `uv python install {version}` or `pyenv install {version}` gets it")
    return 0
