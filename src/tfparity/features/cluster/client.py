"""Cells run on a Dask cluster: a task is a toolchain's share of them, its records come back as they end.

A worker of the cluster runs tfparity's own engine in its checkout, with its machine's cache: environments are made once
per machine. A share whose worker dies is given to another one. What goes between the machines is pickled, as Dask does
it: a cluster is trusted like one's own shell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import queue
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from tfparity.errors import SchedulerError, TfparityError, UsageError
from tfparity.features import shards
from tfparity.features.cluster import share as shares
from tfparity.features.cluster.share import LOOKS, Share, ShareKilled, Told
from tfparity.features.session import Session
from tfparity.planning.options import Choice
from tfparity.planning.shards import Shard
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.records.fingerprint import printable
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

if TYPE_CHECKING:
    from distributed import Client, Future

#: Seconds in which a scheduler has to answer, in which all its workers have to, and for which Dask may take to connect.
ANSWERS = 10.0
WORKERS_ANSWER = 60.0
AT_MOST = 3 * ANSWERS

T = TypeVar("T")

#: A share whose process was killed so often is left untested.
MOST_KILLS = 2


class Cluster:
    """Runs a session's cells on the workers of a Dask scheduler, in place of its engine. Use as a context manager.

    Raises SchedulerError where no scheduler answers, it goes away, or a worker has another tfparity, project or
    packages; what a share's engine raises. A share whose process is killed, as for want of memory, begins again
    elsewhere; the cells of one that is killed MOST_KILLS times, or that no worker lives through, are untested.
    """

    def __init__(self, session: Session, observer: Observer, address: str) -> None:
        self._session, self._observer, self._address = session, observer, address
        self._events: queue.Queue[Told | Future[list[CellRecord]]] = queue.Queue()
        self._client: Client | None = None

    def __enter__(self) -> Cluster:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # its own account of what is told here
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise UsageError("--scheduler needs Dask: install the package distributed beside tfparity") from None
        try:
            self._client = _within(AT_MOST, lambda: _connected(self._address), lambda late: late.close(timeout=ANSWERS))
        except Exception as away:  # noqa: BLE001 - whatever Dask makes of who answers there
            raise SchedulerError(
                f"--scheduler {self._address}: no Dask scheduler answers ({_line(away)}); start one with `dask "
                "scheduler`, and on every machine `dask worker ADDRESS --nthreads 1`"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._client is not None
        with contextlib.suppress(Exception):  # a scheduler that went away is told of already
            self._client.close(timeout=ANSWERS)

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        """Records in the order in which they come back; of each cell one."""
        for cell in cells:
            if cell.verdict is not None:
                yield self._told(CellRecord(*cell.place, cell.verdict, cell.reason))
        client, topic = self._client, f"tfparity-{uuid.uuid4()}"
        assert client is not None
        workers = self._workers(client)
        client.subscribe_topic(topic, lambda event: self._events.put(pickle.loads(event[1])))  # nosec B301 # noqa: S301 - as Dask does with all
        going = _Going(client, topic, {cell.place for cell in cells if cell.applicable})
        for task in self._tasks(cells, workers):
            self._submit(going, task)
        doubted: dict[CellId, CellRecord] = {}
        try:
            while going.pending:
                for record in self._next(going):
                    if record.interrupted:  # where its share is begun again, a whole one may come
                        doubted[record.place] = record
                    elif record.place in going.left:  # else a share that was begun again had told of it
                        going.left.remove(record.place)
                        yield self._told(record)
            for place in going.left & doubted.keys():
                yield self._told(doubted[place])
        finally:
            client.cancel(list(going.pending), force=True)

    def _submit(self, going: _Going, task: _Task, workers: Sequence[str] = ()) -> None:
        """Give a task to the cluster, if possible to those of its workers."""
        share = self._share(task.cells, going.topic)
        key = f"{task.name}-{going.topic[-8:]}{f'-again-{task.kills}' if task.kills else ''}"
        preferred = {"workers": list(workers), "allow_other_workers": True} if workers else {}
        future = going.client.submit(shares.run, share, key=key, pure=False, **preferred)
        future.add_done_callback(self._events.put)
        going.pending[future] = task

    def _next(self, going: _Going) -> list[CellRecord]:
        """The records that the next event brings."""
        try:
            event = self._events.get(timeout=LOOKS)
        except queue.Empty:
            if going.client.status == "running":
                return []
            gone = f"--scheduler {self._address}: went away; run again, what ended is in the workers' caches"
            raise SchedulerError(gone) from None
        if isinstance(event, Told):
            if event.environment:
                self._observer.environment(*event.environment)
            if event.began:
                self._observer.cell_started(event.began)
            return [event.record] if event.record else []
        return self._of_future(going, event, going.pending.pop(event))

    def _of_future(self, going: _Going, future: Future[list[CellRecord]], task: _Task) -> list[CellRecord]:
        """The records of a share that ended; of one whose process was killed none: what is left of it begins again."""
        from distributed import CancelledError, KilledWorker

        try:
            records: list[CellRecord] = future.result(timeout=ANSWERS)
        except KilledWorker as killed:
            return task.untested(f"{killed.allowed_failures + 1} workers of the cluster died with its share")
        except ShareKilled as killed:
            if task.kills + 1 == MOST_KILLS:
                return task.untested(
                    f"the process of its share was ended {MOST_KILLS} times by {killed.by}: out of memory?"
                )
            left = tuple(cell for cell in task.cells if cell.place in going.left)
            self._observer.note(f"{task.name}: {killed.by} on {killed.address}; its {words.cells(len(left))} run again")
            if left:
                self._submit(going, replace(task, cells=left, kills=task.kills + 1), _elsewhere(going.client, killed))
            return []
        except TfparityError:
            raise
        except CancelledError:
            raise SchedulerError(f"--scheduler {self._address}: dropped a share; run again") from None
        except Exception as wrong:  # noqa: BLE001 - whatever another machine raises
            said = f"{type(wrong).__name__}: {wrong}".splitlines()[0]
            raise SchedulerError(f"--scheduler {self._address}: a worker cannot run its share: {said}") from None
        return records

    def _told(self, record: CellRecord) -> CellRecord:
        self._observer.cell_finished(record)
        return record

    def _workers(self, client: Client) -> int:
        """How many workers there are, at least one. Raises SchedulerError where one has no tfparity like this one."""
        here = shares.revision()
        try:
            found: dict[str, object] = _within(WORKERS_ANSWER, lambda: client.run(shares.revision, on_error="return"))
        except TimeoutError:
            raise SchedulerError(
                f"--scheduler {self._address}: not all of its workers answer within {WORKERS_ANSWER:.0f} s: end those "
                "that hang"
            ) from None
        if not found:
            raise SchedulerError(
                f"--scheduler {self._address}: has no workers; start some: `dask worker {self._address} --nthreads 1`"
            )
        for worker, there in sorted(found.items()):
            if there != here:
                said = f"{type(there).__name__}: {there}" if isinstance(there, Exception) else "another one"
                raise SchedulerError(
                    f"worker {worker}: has no tfparity like this one ({said}): start it in an environment and a "
                    "checkout of the same commit"
                )
        return len(found)

    def _tasks(self, cells: Sequence[PlannedCell], workers: int) -> list[_Task]:
        """The tasks, the dearest first, and where there are fewer toolchains than workers each in as many parts as keep
        all of them busy."""
        toolchains = list(dict.fromkeys(cell.toolchain for cell in cells if cell.applicable))
        parts = -(-workers // max(1, len(toolchains)))
        costs, made = self._session.costs(cells), []
        for toolchain in toolchains:
            mine = [cell for cell in cells if cell.applicable and cell.toolchain == toolchain]
            for number in range(1, parts + 1):
                part = tuple(Shard(number, parts).share(mine))
                if part:
                    made.append((sum(costs[cell.place] for cell in part), _Task(f"{toolchain} {number}/{parts}", part)))
        made.sort(key=lambda one: -one[0])
        return [task for _, task in made]

    def _share(self, part: Sequence[PlannedCell], topic: str) -> Share:
        """What a worker is sent of cells of one toolchain."""
        session = self._session
        choice = replace(
            session.choice, toolchains=(part[0].toolchain,), record=False, shard=None, recorded=False, needs=()
        )
        digest = shards.run_digest(session.selection, part)
        return Share(choice, tuple(cell.place for cell in part), digest, shares.revision(), topic)


@dataclass(frozen=True)
class _Task:
    """A share as the cluster has it. name: what Dask's dashboard shows; kills: how often its process was killed."""

    name: str
    cells: tuple[PlannedCell, ...]
    kills: int = 0

    def untested(self, reason: str) -> list[CellRecord]:
        return [CellRecord(*cell.place, Verdict.UNTESTED, reason, interrupted=True) for cell in self.cells]


@dataclass
class _Going:
    """A run under way. left: the places of which no record has come; pending: what the cluster has."""

    client: Client
    topic: str
    left: set[CellId]
    pending: dict[Future[list[CellRecord]], _Task] = field(default_factory=dict)


def _within(seconds: float, work: Callable[[], T], late: Callable[[T], object] = lambda _: None) -> T:
    """What `work` gives or raises, in a thread that nobody waits for any longer than that: TimeoutError then, and
    `late` takes what comes afterwards."""
    came: queue.Queue[tuple[T] | BaseException] = queue.Queue()
    lock, given_up = threading.Lock(), threading.Event()

    def thread() -> None:
        try:
            made = work()
        except BaseException as wrong:  # noqa: BLE001 - raised again where it is waited for
            came.put(wrong)
            return
        with lock:
            if not given_up.is_set():
                came.put((made,))
                return
        with contextlib.suppress(Exception):
            late(made)

    threading.Thread(target=thread, daemon=True).start()
    try:
        found = came.get(timeout=seconds)
    except BaseException as wrong:
        with lock:
            given_up.set()
        if not isinstance(wrong, queue.Empty):
            raise
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if isinstance(found, BaseException):
        raise found
    return found[0]


def _connected(address: str) -> Client:
    """A client of the scheduler there. Raises whatever Dask raises."""
    from distributed import Client
    from distributed.comm.addressing import get_address_host_port

    # Dask tries again for as long as it may where a connection is refused.
    socket.create_connection(get_address_host_port(address), ANSWERS).close()
    asyncio.run(_greeted(address))
    return Client(address, timeout=ANSWERS, set_as_default=False)


async def _greeted(address: str) -> None:
    """Ask who is there, before a Client is: one that reaches somebody else prints a traceback of its own, and waits for
    ever for who says nothing. Raises whatever Dask raises, TimeoutError, ValueError where it is no scheduler."""
    from distributed.comm.core import connect
    from distributed.security import Security

    async def asked() -> object:
        comm = await connect(address, timeout=ANSWERS, **Security().get_connection_args("client"))
        try:
            await comm.write({"op": "identity", "reply": True})
            return await comm.read()
        finally:
            comm.abort()

    try:
        said = await asyncio.wait_for(asked(), ANSWERS)
    except TimeoutError:
        raise TimeoutError(f"no answer within {ANSWERS:.0f} s") from None
    kind = said.get("type") if isinstance(said, dict) else None
    if kind != "Scheduler":
        raise ValueError(f"a {kind} does" if kind else "something else does")


def _line(wrong: BaseException) -> str:
    """An error in a line."""
    return printable(str(wrong).splitlines()[0])[:300] if str(wrong) else type(wrong).__name__


def _elsewhere(client: Client, killed: ShareKilled) -> list[str]:
    """The workers on other machines than that where a share was killed, else the other workers; empty where there are
    none."""
    from distributed.comm.addressing import get_address_host

    others = [address for address in client.nthreads() if address != killed.address]
    away = [address for address in others if get_address_host(address) != get_address_host(killed.address)]
    return away or others


def refuse(choice: Choice) -> None:
    """Raises UsageError for what does not go with a cluster."""
    for option, asked in (("--with", choice.packages), ("--budget", choice.budget), ("--keep", choice.keep)):
        if asked:
            raise UsageError(f"--scheduler does not go with {option}: leave one of them out")
