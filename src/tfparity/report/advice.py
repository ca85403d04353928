"""A recommendation as a person reads it, and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfparity.evidence import ranges
from tfparity.evidence.advice import VERSIONED, Advice, Fit, Known, Pick, Plan
from tfparity.evidence.operators import Outlook
from tfparity.inputs.matrix import Environment
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Target, Verdict
from tfparity.report import probing, words
from tfparity.report.ranges import sentence, takes
from tfparity.report.terminal import indented, put
from tfparity.report.why import why

#: Version of the JSON form.
SCHEMA = 1

#: Packages that a person asks for, in this order.
NAMED = (
    *("torch", "torchvision", "transformers", "onnx", "onnx-tf", "onnx2tf", "nobuco", "torchax", "litert-torch"),
    *("mmdnn", "tensorflow", "tensorflow-cpu", "tf-keras", "ai-edge-litert"),
)


def show(out: Console, advice: Advice, known: Known, said: Sequence[str]) -> None:
    """Print it. said: how names were understood."""
    for line in said:
        out.print(Text(line, "dim"))
    if advice.best:
        _plan(out, advice.best, known, advice)
    else:
        out.print(Text("No toolchain is recorded to fit all of it.", "bold"))
        _unfit(out, advice, known)
    if advice.second:
        out.print(Text.assemble(("Runner-up: ", "bold"), in_a_line(advice.second, known)))
    if advice.newer:
        out.print(Text("What stands in the way of newer ones", "bold"))
        for plan in advice.newer:
            indented(out, Text(f"{plan.release(known.matrix)}: {in_a_line(plan, known)}"))


def _plan(out: Console, plan: Plan, known: Known, advice: Advice) -> None:
    out.print(Text.assemble((plan.toolchain, "bold underline"), "  ", stack(plan, known)))
    put(out, _table(plan))
    for line in _beside(plan, known):
        indented(out, Text(line, "dim"))
    for title, lines in (
        ("Install, without tfparity", list(install(plan, known))),
        ("or with it", [installed_by_tfparity(plan)]),
        ("Convert", list(convert(plan, advice.wishes.targets))),
    ):
        out.print(Text(title, "bold"))
        for line in lines:
            indented(out, Text(line))


def _unfit(out: Console, advice: Advice, known: Known) -> None:
    if advice.nearest:
        out.print(Text.assemble(("Nearest: ", "bold"), in_a_line(advice.nearest, known)))
        for line in to_run(advice.nearest):
            indented(out, Text(f"to know: {line}"))
    elif advice.wishes.versions or advice.wishes.routes:
        out.print("No toolchain of the matrix has these versions and routes together.")
    out.print(Text("Drop one wish", "bold") if advice.drops else "No single wish stands in the way alone.")
    for drop in advice.drops:
        indented(out, Text(f"without {drop.wish}: {in_a_line(drop.gives, known)}"))


def stack(plan: Plan, known: Known) -> str:
    """ "Python 3.11 · torch 2.15.0 · …", side by side where there are two environments."""
    return "  →  ".join(map(_environment, plan.environments(known.matrix)))


def _environment(environment: Environment) -> str:
    pins = [f"{name} {environment.pins[name]}" for name in NAMED if name in environment.pins]
    return " · ".join([f"Python {environment.python}", *pins, *(f"shim {name}" for name in environment.shims)])


def in_a_line(plan: Plan, known: Known) -> str:
    """ "tf2.16-torch2.2-shims (torch 2.2.2, TensorFlow 2.16.1): torchvision/resnet50 untested; …"."""
    pins = {name: version for one in plan.environments(known.matrix) for name, version in one.pins.items()}
    versions = [f"torch {pins['torch']}"] if "torch" in pins else []
    versions += [f"TensorFlow {pins[name]}" for name in VERSIONED["tensorflow"] if name in pins]
    models = [f"{pick.model} {how(pick)}" for pick in plan.picks]
    models += [f"{model}: {' '.join(reason.split())}" for model, reason in plan.missing.items()]
    said = words.shortened("; ".join(models), 600)
    return f"{plan.toolchain} ({', '.join(versions) or 'no TensorFlow'}): {said}"


def how(pick: Pick) -> str:
    """ "works by onnx-tf", "broken by onnx-tf: …", with what is not as wished."""
    lacking = [what for what, _ in pick.lacking]
    if pick.outlook:
        return f"by {pick.route}: {operators(pick.outlook)}"
    assert pick.standing is not None
    shown = words.verdict(pick.standing.verdict).words
    cell = pick.standing.cell
    beside = [what for what in lacking if what != pick.standing.verdict]
    said = f"{shown} by {pick.route}"
    if cell and cell.remedies and pick.standing.verdict.works:
        said += f" ({takes(cell.remedies)})"
    elif cell and pick.standing.verdict.failing:
        said += f": {words.shortened(why(cell, pick.standing.error, pick.standing.limitation), 200)}"
    return ", ".join([said, *beside])


def operators(outlook: Outlook) -> str:
    """ "operators broken: GRU; untested: Einsum", with the cells that show it; that each works, where each does."""
    parts = []
    for named, cells in ((words.verdict(Verdict.BROKEN).words, outlook.failing), ("partly", outlook.partly)):
        shown = [f"{name} ({', '.join(cell.planned.case for cell in mine[:2])})" for name, mine in cells.items()]
        parts += [f"{named}: {', '.join(shown)}"] if shown else []
    parts += [f"untested: {', '.join(outlook.untested)}"] if outlook.untested else []
    return f"operators {'; '.join(parts)}" if parts else "each of its operators works in some case"


def _table(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("model", "route", "opset", "takes", "verdict", "max error"):
        table.add_column(title, justify="right" if title == "max error" else "left", no_wrap=title != "takes")
    for pick in plan.picks:
        standing = pick.standing
        if standing is None:
            table.add_row(Text(pick.model, "bold"), pick.route, "–", "–", "by its operators", "–")
            continue
        cell, shown = standing.cell, words.verdict(standing.verdict)
        grade = f", {words.GRADES[cell.grade]}" if cell and cell.grade else ""
        table.add_row(
            Text(pick.model, "bold"),
            pick.route,
            words.opset(cell),
            Text(words.remedies(cell.remedies) if cell and cell.remedies else "–"),
            Text(f"{shown.sign} {shown.words}{grade}", shown.style),
            words.number(standing.max_abs),
        )
    return table


def _beside(plan: Plan, known: Known) -> Iterator[str]:
    """What else is known of the picks: targets and runtimes, operators, since when it works."""
    for pick in plan.picks:
        for name, entry in pick.entries.items():
            size = f", {entry.megabytes} MB" if entry.megabytes else ""
            yield f"{pick.model}: {name}: {entry.outcome}, max error {words.number(entry.max_abs)}{size}"
        if pick.outlook:
            count = len(pick.outlook.working)
            yield (
                f"{pick.model}: each of its {count} operators works by {pick.route} in some case on operators; how "
                "they go together only a run tells: the line below checks it"
            )
        if pick.standing:
            probed = probing.found(pick.standing.cell, pick.standing.beside) if pick.standing.cell else ""
            if probed:
                yield f"{pick.model} by {pick.route}: {probed}"
            mine = [cell for cell in known.cells[pick.model] if cell.planned.route == pick.route]
            yield f"{pick.model} by {pick.route}: {sentence(ranges.of(mine, known.matrix))}"


def install(plan: Plan, known: Known) -> Iterator[str]:
    """The lines that make the environments of a plan from their lockfiles, with uv alone."""
    environments = plan.environments(known.matrix)
    for environment in environments:
        folder = ".venv" if len(environments) == 1 else f".venv-{environment.id}"
        yield f"uv venv --python {environment.python} {folder}"
        yield f"uv pip install --python {folder}/bin/python --require-hashes -r lockfiles/{environment.id}.txt"


def installed_by_tfparity(plan: Plan) -> str:
    return f"python -m nox -s tfparity -- install {plan.toolchain}"


def convert(plan: Plan, targets: Sequence[str]) -> Iterator[str]:
    """A line for each model."""
    wished = "".join(f" --target {name}" for name in targets if name != Target.SAVED_MODEL)
    for pick in plan.picks:
        name = Path(pick.model).stem if pick.standing is None else pick.model.rpartition("/")[2]
        where = f"--toolchain {plan.toolchain} --route {pick.route}{wished}"
        yield f"python -m nox -s convert -- {shlex.quote(pick.model)} {where} -o {shlex.quote(name)}"


def to_run(plan: Plan) -> Iterator[str]:
    """The lines that find out what is untested of a plan: one for the zoo's cases of each route, one for each file."""
    by_route: dict[str, list[str]] = {}
    for pick in plan.picks:
        if pick.fit is Fit.UNTESTED and pick.standing and not pick.standing.verdict.ran:
            by_route.setdefault(pick.route, []).append(pick.model)
    for route, models in by_route.items():
        cases = " ".join(f"--case {model}" for model in models)
        yield f'python -m nox -s "compat({plan.toolchain})" -- {cases} --route {route}'
    for pick in plan.picks:
        if pick.fit is Fit.UNTESTED and pick.standing is None:
            yield next(convert(Plan(plan.toolchain, (pick,), {}), ()))


def document(advice: Advice, known: Known, said: Sequence[str]) -> dict[str, Json]:
    """As JSON values; null where nothing fits or there is none."""
    wishes = advice.wishes
    return {
        "schema": SCHEMA,
        "wishes": {
            "cases": list(wishes.cases),
            "models": list(wishes.models),
            "versions": dict(wishes.versions),
            "routes": list(wishes.routes),
            "targets": list(wishes.targets),
            "runtimes": list(wishes.runtimes),
        },
        "said": list(said),
        "best": _document(advice.best, known, wishes.targets),
        "runner_up": _document(advice.second, known, wishes.targets),
        "newer": [_document(plan, known, wishes.targets) for plan in advice.newer],
        "nearest": _document(advice.nearest, known, wishes.targets),
        "drop": [{"wish": one.wish, "gives": _document(one.gives, known, wishes.targets)} for one in advice.drops],
    }


def _document(plan: Plan | None, known: Known, targets: Sequence[str]) -> Json:
    if plan is None:
        return None
    environments = plan.environments(known.matrix)
    return {
        "toolchain": plan.toolchain,
        "fits": plan.fit.name.lower(),
        "environments": [
            {
                "id": one.id,
                "python": one.python,
                "pins": dict(one.pins),
                "shims": list(one.shims),
                "lockfile": f"lockfiles/{one.id}.txt",
            }
            for one in environments
        ],
        "models": [_pick(pick, known) for pick in plan.picks],
        "missing": dict(plan.missing),
        "install": list(install(plan, known)),
        "install_by_tfparity": installed_by_tfparity(plan),
        "convert": list(convert(plan, targets)),
        "to_run": list(to_run(plan)),
    }


def _pick(pick: Pick, known: Known) -> dict[str, Json]:
    standing = pick.standing
    cell = standing.cell if standing and standing.verdict.ran else None
    mine = [one for one in known.cells.get(pick.model, ()) if one.planned.route == pick.route]
    return {
        "model": pick.model,
        "route": pick.route,
        "verdict": standing.verdict if standing else None,
        "grade": cell.grade if cell else None,
        "opset": (cell.opset or None) if cell else None,
        "remedies": list(cell.remedies) if cell else [],
        "max_abs": standing.max_abs if standing and cell else None,
        "limitation": standing.limitation.id if standing and standing.limitation else None,
        "lacking": [what for what, _ in pick.lacking],
        "beside": {name: str(entry.outcome) for name, entry in pick.entries.items()},
        "operators": {
            "working": list(pick.outlook.working),
            "partly": list(pick.outlook.partly),
            "failing": list(pick.outlook.failing),
            "not_run": list(pick.outlook.untested),
        }
        if pick.outlook
        else None,
        "since": sentence(ranges.of(mine, known.matrix)) if mine else None,
    }
