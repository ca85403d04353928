"""What the grid asks: every planned cell in a character, every recorded one in a short row, which grid.js reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tfparity.evidence.query import Standing, Table
from tfparity.planning.routes import BY_HAND, route
from tfparity.records.cells import Entry
from tfparity.records.vocabulary import Grade, Verdict
from tfparity.report import words
from tfparity.report.site import answers, phrases

#: A verdict's character in `states`; "." where the plan has no cell.
LETTERS = dict(zip(Verdict, "wrpbnuts", strict=True))


@dataclass(frozen=True)
class Chain:
    """A toolchain as filters ask for it."""

    id: str
    tensorflow: str
    python: str
    torch: str
    onnx_tf: str
    shims: bool


@dataclass(frozen=True)
class Ran:
    """A recorded cell: its way and case as places in the lists, grade as a place in the list of grades (-1 for none),
    remedies and limitation likewise; day: when it ran; checked: the letter of its verdict with what probes found."""

    way: int
    case: int
    grade: int
    opset: int
    max_abs: float | None
    remedies: int
    limitation: int
    seconds: float | None
    day: str
    targets: str
    checked: str


@dataclass(frozen=True)
class Grid:
    """The whole grid. ways: (toolchain, route) as places, in the matrix's order; states: per way a letter per case;
    default: the place of the default toolchain; age: per toolchain its place from the oldest to the newest; by_hand:
    the places of routes for which a person writes the model anew; core: places of the cases of the core tier."""

    toolchains: tuple[Chain, ...]
    routes: tuple[str, ...]
    targets: tuple[tuple[str, ...], ...]
    cases: tuple[str, ...]
    core: tuple[int, ...]
    ways: tuple[tuple[int, int], ...]
    states: tuple[str, ...]
    ran: tuple[tuple[object, ...], ...]
    remedies: tuple[str, ...]
    limitations: tuple[str, ...]
    default: int
    age: tuple[int, ...]
    by_hand: tuple[int, ...]
    verdicts: tuple[tuple[str, str, str, str, str], ...] = field(
        default=tuple(
            (LETTERS[verdict], verdict.value, shown.sign, shown.words, shown.meaning)
            for verdict, shown in words.VERDICTS.items()
        )
    )
    grades: tuple[tuple[str, str], ...] = field(default=tuple((grade.value, words.GRADES[grade]) for grade in Grade))


class Places:
    """Values as places in a list, each once."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._places = {value: place for place, value in enumerate(values)}

    def of(self, value: str) -> int:
        return self._places.setdefault(value, len(self._places))

    @property
    def values(self) -> tuple[str, ...]:
        return tuple(self._places)


def grid(table: Table) -> Grid:
    """Every planned cell."""
    routes = list(dict.fromkeys(name for chain in table.toolchains for name in chain.routes))
    cases, remedies, rules = list(table.selection.cases), Places([""]), Places([""])
    ways = [(chain.id, name) for chain in table.toolchains for name in chain.routes]
    place_of_way = {way: place for place, way in enumerate(ways)}
    place_of_case = {case: place for place, case in enumerate(cases)}
    states = [["."] * len(cases) for _ in ways]
    ran: list[Ran] = []
    for cells in table.cells.values():
        for cell in cells:
            way = place_of_way[cell.planned.toolchain, cell.planned.route]
            case = place_of_case[cell.planned.case]
            states[way][case] = LETTERS[cell.verdict]
            if cell.cell is not None:
                ran.append(_ran(cell, way, case, remedies, rules))
    ages = answers.age(table)
    order_of = {id: place for place, id in enumerate(chain.id for chain in table.toolchains)}
    return Grid(
        toolchains=tuple(_chain(table, id) for id in order_of),
        routes=tuple(routes),
        targets=tuple(route(name, table.project).gives.targets for name in routes),
        cases=tuple(cases),
        core=tuple(place_of_case[case] for case in table.core),
        ways=tuple((order_of[id], routes.index(name)) for id, name in ways),
        states=tuple("".join(letters) for letters in states),
        ran=tuple(tuple(vars(one).values()) for one in ran),
        remedies=remedies.values,
        limitations=rules.values,
        default=order_of[table.default],
        age=tuple(ages[id] for id in order_of),
        by_hand=tuple(place for place, name in enumerate(routes) if name in BY_HAND),
    )


def _chain(table: Table, id: str) -> Chain:
    chain = table.selection.matrix.toolchains[id]
    pins = table.packages(chain)
    return Chain(
        id,
        answers.tensorflow(pins) or "",
        table.pythons(chain),
        answers.minor(pins.get("torch")) or "",
        pins.get("onnx-tf", ""),
        bool(table.shims(chain)),
    )


def _ran(cell: Standing, way: int, case: int, remedies: Places, rules: Places) -> Ran:
    kept, run = cell.cell, cell.run
    assert kept is not None
    return Ran(
        way,
        case,
        kept.grade.rank if kept.grade else -1,
        kept.opset or 0,
        cell.max_abs,
        remedies.of(words.remedies(kept.remedies)),
        rules.of(cell.limitation.id if cell.limitation else ""),
        run.seconds if run else None,
        (run.ran_at or "")[:10] if run else "",
        _targets(kept.targets.items()),
        LETTERS[cell.checked],
    )


def _targets(entries: Iterable[tuple[str, Entry]]) -> str:
    return ", ".join(f"{name}: {phrases.target(entry)}" for name, entry in entries)
