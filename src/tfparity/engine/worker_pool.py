"""The two sides of a toolchain under a route, and their workers: started when first needed, warm for the rest."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from tfparity import paths
from tfparity.engine.context import Context
from tfparity.engine.store import ImportStep
from tfparity.engine.worker_client import Side, Worker
from tfparity.environments import install, uv_command
from tfparity.errors import InstallError, WorkerError
from tfparity.inputs.matrix import Environment
from tfparity.planning.keys import Where
from tfparity.records.cells import EnvironmentFacts
from tfparity.records.vocabulary import Outcome


class WorkerPool:
    """The workers of a toolchain, each started when a cell first needs it and kept warm for the rest.

    They end with the stack. Use from any thread: sides start beside each other, and no side starts twice.
    """

    def __init__(self, context: Context, stack: ExitStack) -> None:
        self.context, self.stack = context, stack
        self._lock = threading.Lock()  # for what is below; never held while anything starts
        self._one_at_a_time: dict[str, threading.Lock] = {}
        self._workers: dict[str, Worker] = {}
        self._started: list[Worker] = []
        self._installed: dict[str, install.Installed | InstallError] = {}
        self._imports: dict[str, tuple[ImportStep, ...]] = {}
        self._facts: dict[tuple[str, bool], tuple[tuple[ImportStep, ...], EnvironmentFacts]] = {}
        self._killed = False
        self.places: dict[str, str] = {
            str(context.folder): "<tmp>",
            str(context.reading): "<tmp>",
            str(context.cache.bundles): "<tmp>",
            str(paths.home()): "<home>",
            str(paths.PACKAGE): "<tfparity>",
            str(context.project.root): "<tfparity>",
        }

    def worker(self, where: Where) -> Worker:
        """The warm worker of a side, started unless it runs; sides that import the same share one.

        Raises InstallError where its environment does not install, WorkerError where the run was interrupted, and what
        starting it raises else.
        """
        with self._alone(where.key):
            self._go_on()
            known = self._workers.get(where.key)
            if known is None or not known.alive:
                known = self._workers[where.key] = self._start(where)
            return known

    def warm(self, *wheres: Where) -> list[Future[Worker]]:
        """What `worker` returns or raises for each of these sides, in that order, started side by side; all are done.

        A side after one that is known not to install or not to import is left out: nothing comes of it.
        """
        failing = next((index for index, where in enumerate(wheres) if self._fails(where)), len(wheres))
        asked = wheres[: failing + 1]
        with ThreadPoolExecutor(max(1, sum(not self._runs(where) for where in asked))) as threads:
            try:
                started = [threads.submit(self.worker, where) for where in asked]
                wait(started)
            except BaseException:  # whoever waits is interrupted: what starts does not outlive that
                self.kill()
                raise
        return started

    def kill(self) -> None:
        """End every worker at once, those that are still importing too; no other is started."""
        with self._lock:
            self._killed = True
            started = list(self._started)
        for worker in started:
            worker.kill()
        uv_command.end()

    def _alone(self, name: str) -> threading.Lock:
        """The lock under which something of that name is made."""
        with self._lock:
            return self._one_at_a_time.setdefault(name, threading.Lock())

    def _go_on(self) -> None:
        if self._killed or self.context.aborted.is_set():
            raise WorkerError("the run was interrupted")

    def _runs(self, where: Where) -> bool:
        known = self._workers.get(where.key)
        return known is not None and known.alive

    def _fails(self, where: Where) -> bool:
        """Whether a side is known to have no worker that answers."""
        known = self._workers.get(where.key)
        if known is not None and known.failed_import:
            return True
        return isinstance(self._installed.get(where.environment.id), InstallError)

    def _start(self, where: Where) -> Worker:
        installed, options = self._install(where.environment), self.context.options
        side = Side(installed.python, tuple(where.environment.shims), where.imports, where.preload)
        inside = self.context.inside()
        with self._lock:
            self._go_on()
            # A short name: below it are temporary folders, and the path of a socket has 108 bytes.
            folder = self.context.folder / f"{where.role}-{secrets.token_hex(6)}"
            worker = Worker(side, folder, fresh=options.fresh_process, keep=options.keep, inside=inside)
            self._started.append(worker)
            self.stack.push(worker)
        self.context.observer.environment(where.environment.id, f"importing {', '.join(where.imports)}")
        try:
            worker.__enter__()
        except BaseException:
            worker.kill()
            raise
        self.context.store.put_imports(where.key, worker.imports)
        self._imports[where.key] = worker.imports
        if worker.why_fresh and not options.fresh_process:
            self.context.observer.environment(where.environment.id, worker.why_fresh)
        return worker

    def _install(self, environment: Environment) -> install.Installed:
        with self._alone(f"install {environment.id}"):
            if environment.id not in self._installed:
                self._go_on()
                try:
                    self._installed[environment.id] = install.ensure(
                        self.context.project,
                        environment,
                        self.context.cache,
                        progress=lambda text: self.context.observer.environment(environment.id, text),
                        download=self.context.options.download,
                        going=self._go_on,
                    )
                except InstallError as wrong:
                    self._installed[environment.id] = wrong
            installed = self._installed[environment.id]
        if isinstance(installed, InstallError):
            raise installed
        self.places[str(installed.folder)] = "<env>"
        return installed

    def facts(self, side: Where) -> EnvironmentFacts:
        """The environment as the evidence tells of it."""
        installed = self._installed.get(side.environment.id)
        if side.key not in self._imports:
            self._imports[side.key] = self.context.store.imports(side.key)
        steps, failed = self._imports[side.key], isinstance(installed, InstallError)
        known = self._facts.get((side.key, failed))
        if known is None or known[0] is not steps:
            known = self._facts[side.key, failed] = steps, _facts(side, steps, failed=failed)
        return known[1]


def _facts(side: Where, steps: tuple[ImportStep, ...], *, failed: bool) -> EnvironmentFacts:
    """What the evidence tells of an environment whose imports went like that, or whose install `failed`."""
    required = [step.outcome for step in steps if step.module not in side.preload]
    imported = next((outcome for outcome in required if not outcome.passed), Outcome.PASS)
    known = Outcome.PASS if steps else Outcome.UNTESTED
    return EnvironmentFacts(
        python=side.environment.python,
        lock_sha256=side.locked.sha256,
        packages=dict(side.locked.packages),
        shims=tuple(side.environment.shims),
        resolve=Outcome.PASS,
        install=Outcome.FAIL if failed else known,
        import_=imported if required else Outcome.UNTESTED,
    )
