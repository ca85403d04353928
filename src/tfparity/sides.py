"""The two sides of a toolchain under a route, and their workers: started when first needed, warm for the rest."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfparity import paths
from tfparity.environments import install, lock
from tfparity.errors import InstallError, WorkerError
from tfparity.matrix import Environment
from tfparity.setting import Setting
from tfparity.store import key
from tfparity.worker import shims
from tfparity.workers import Side, Worker


@dataclass(frozen=True)
class Where:
    """One side of a toolchain under a route: its environment, its lock, and what its worker is."""

    role: str
    environment: Environment
    locked: lock.LockStatus
    imports: tuple[str, ...]
    preload: tuple[str, ...]
    newest_opset: str | None

    @property
    def shims(self) -> list[tuple[str, int]]:
        return [(name, shims.revision(name)) for name in self.environment.shims]

    @property
    def installed_key(self) -> str:
        """What is installed and put in: routes that import other parts of it share its bundles."""
        return key(self.environment.python, self.locked.sha256, self.shims)

    @property
    def key(self) -> str:
        return key(self.installed_key, self.imports, self.preload)


class Sides:
    """The workers of a toolchain, each started when a cell first needs it and kept warm for the rest."""

    def __init__(self, setting: Setting, stack: ExitStack) -> None:
        self.setting, self.stack = setting, stack
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._started: list[Worker] = []
        self._installed: dict[str, install.Installed | InstallError] = {}
        self.places: dict[str, str] = {
            str(setting.folder): "<tmp>",
            str(setting.cache.bundles): "<tmp>",
            str(Path.home()): "<home>",
            str(paths.PACKAGE): "<tfparity>",
            str(setting.project.root): "<tfparity>",
        }

    def worker(self, where: Where) -> Worker:
        """The warm worker of a side.

        Raises InstallError where its environment does not install, WorkerError where the run was interrupted.
        """
        with self._lock:
            if self.setting.aborted.is_set():
                raise WorkerError("the run was interrupted")
            known = self._workers.get(where.key)
            if known is None or not known.alive:
                installed = self._install(where.environment)
                side = Side(
                    installed.python, tuple(where.environment.shims), where.imports, where.preload, where.newest_opset
                )
                self.setting.observer.environment(where.environment.id, f"importing {', '.join(where.imports)}")
                folder = self.setting.folder / f"{where.role}-{where.key[:12]}-{len(self._started)}"
                worker = Worker(side, folder, fresh=self.setting.options.fresh_process)
                self._started.append(worker)
                self._workers[where.key] = self.stack.enter_context(worker)
                self.setting.store.put(where.key, "imports", {"imports": worker.imports, "facts": worker.facts})
                if worker.why_fresh and not self.setting.options.fresh_process:
                    self.setting.observer.environment(where.environment.id, worker.why_fresh)
            return self._workers[where.key]

    def kill(self) -> None:
        """End every worker at once, those that are still importing too."""
        for worker in self._started:
            worker.kill()

    def _install(self, environment: Environment) -> install.Installed:
        if environment.id not in self._installed:
            try:
                self._installed[environment.id] = install.ensure(
                    self.setting.project,
                    environment,
                    self.setting.cache,
                    progress=lambda text: self.setting.observer.environment(environment.id, text),
                    download=self.setting.options.download,
                )
            except InstallError as wrong:
                self._installed[environment.id] = wrong
        installed = self._installed[environment.id]
        if isinstance(installed, InstallError):
            raise installed
        self.places[str(installed.folder)] = "<env>"
        return installed

    def facts(self, where: Where) -> dict[str, Any]:
        """The environment as the evidence tells of it."""
        installed = self._installed.get(where.environment.id)
        stored = self.setting.store.get(where.key, "imports")
        steps = stored["imports"] if stored else []
        required = [step for step in steps if step["module"] not in where.preload]
        imported = (
            "untested" if not required else next((s["outcome"] for s in required if s["outcome"] != "pass"), "pass")
        )
        return {
            "python": where.environment.python,
            "lock_sha256": where.locked.sha256,
            "packages": dict(where.locked.packages),
            "shims": list(where.environment.shims),
            "resolve": "pass",
            "install": "fail" if isinstance(installed, InstallError) else "pass" if stored else "untested",
            "import": imported,
        }
