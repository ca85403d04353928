"""A recommendation as a person reads it, and as JSON."""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfparity.evidence import ranges
from tfparity.evidence.advice import NOT_JUDGED, VERSIONED, Advice, Fit, Known, Pick, Plan, Wishes
from tfparity.evidence.operators import Outlook
from tfparity.inputs.matrix import Environment
from tfparity.planning import targets
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Precision, Target, Verdict
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


#: What stands in the way of a plan, where it is no failure.
_IN_THE_WAY = {Fit.FITS: "nothing: ", Fit.UNTESTED: "nothing but that it was not run: ", Fit.FAILS: ""}


def show(out: Console, advice: Advice, known: Known, said: Sequence[str]) -> None:
    """Print it. said: how names were understood."""
    for line in said:
        out.print(Text(line, "dim"), soft_wrap=True)  # it may hold a line to type
    if advice.best:
        _plan(out, advice.best, known, advice)
    else:
        out.print(Text("No toolchain is recorded to fit all of it.", "bold"))
        _unfit(out, advice, known)
    if advice.second:
        out.print(Text.assemble(("Runner-up: ", "bold"), in_a_line(advice.second, known)))
    if advice.newer:
        out.print(Text("Newer ones, and what stands in the way", "bold"))
        for plan in advice.newer:
            indented(out, Text(f"{plan.release(known.matrix)}: {_IN_THE_WAY[plan.fit]}{in_a_line(plan, known)}"))


def _plan(out: Console, plan: Plan, known: Known, advice: Advice) -> None:
    out.print(Text.assemble((plan.toolchain, "bold underline"), "  ", stack(plan, known)))
    put(out, _table(plan))
    for line in _beside(plan, known):
        indented(out, Text(line, "dim"))
    for title, lines in (
        ("Install, without tfparity", list(install(plan, known))),
        ("or with it", [installed_by_tfparity(plan)]),
        ("Convert", list(convert(plan, known, advice.wishes))),
    ):
        out.print(Text(title, "bold"))
        for line in lines:
            _typed(out, line)
    for line in measured(plan, known, advice.wishes.targets):
        indented(out, Text(line))


def _typed(out: Console, line: str, before: str = "") -> None:
    """Print a line to type, whole: the terminal breaks it, and what is copied of it has no break."""
    out.print(Text(f"  {before}{line}"), soft_wrap=True)


def _unfit(out: Console, advice: Advice, known: Known) -> None:
    if advice.nearest:
        out.print(Text.assemble(("Nearest: ", "bold"), in_a_line(advice.nearest, known)))
        for line in to_run(advice.nearest, known, advice.wishes):
            _typed(out, line, "to know: ")
        for line in measured(advice.nearest, known, advice.wishes.targets):
            indented(out, Text(line))
    elif advice.wishes.versions or advice.wishes.routes:
        out.print("No toolchain of the matrix has these versions and routes together.")
    nothing_ran = advice.nearest is not None and advice.nearest.fit is Fit.UNTESTED and not _wished(advice.wishes)
    if advice.drops:
        out.print(Text("Drop one wish", "bold"))
    elif nothing_ran and advice.nearest:
        out.print("Nothing of it was run yet, and nothing is known to stand in the way: try it there")
        for line in convert(advice.nearest, known, advice.wishes):
            _typed(out, line)
    else:
        out.print("No single wish stands in the way alone.")
    for drop in advice.drops:
        indented(out, Text(f"without {drop.wish}: {in_a_line(drop.gives, known)}"))


def _wished(wishes: Wishes) -> bool:
    """Whether anything is wished for beside models."""
    return bool(wishes.versions or wishes.routes or wishes.targets or wishes.runtimes)


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
            said = entry.compiled.text if entry.compiled else f"max error {words.number(entry.max_abs)}{size}"
            yield f"{pick.model}: {name}: {entry.outcome}, {said}"
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


def convert(plan: Plan, known: Known, wishes: Wishes) -> Iterator[str]:
    """A line for each model, into folders that are not there."""
    taken: set[str] = set()
    for pick in plan.picks:
        gives = known.gives.get(pick.route, ())
        own = (
            () if Target.SAVED_MODEL in gives else tuple(gives)[:1]
        )  # what `convert` makes unless it is told otherwise
        wished = [word for name in wishes.targets or own for word in ("--target", name)]
        for named, options in _named(pick, known):
            where = ["--toolchain", plan.toolchain, "--route", pick.route, *options, *wished]
            folder = _folder(pick, taken)
            taken.add(folder)
            yield _line("convert", [named, *where, "-o", folder])


def _named(pick: Pick, known: Known) -> list[tuple[str, Sequence[str]]]:
    """What `convert` takes as the name of a model, with what else says what it is."""
    if pick.model not in known.own:
        return [(pick.model, ())]
    return [(f"{one.source}:{one.case}" if one.case else one.source, one.options) for one in known.own[pick.model]]


def _folder(pick: Pick, taken: Collection[str]) -> str:
    """A name for what a model becomes that is neither taken nor there yet."""
    name = Path(pick.model).stem if pick.standing is None else pick.model.rpartition("/")[2]
    plain = name.lstrip("-.") or "model"
    names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
    return next(one for one in names if one not in taken and not os.path.lexists(one))


def _line(session: str, words: Sequence[str]) -> str:
    return f"python -m nox -s {_quoted(session)} -- {shlex.join(words)}"


def _quoted(session: str) -> str:
    return f'"{session}"' if "(" in session else session


def to_run(plan: Plan, known: Known, wishes: Wishes) -> Iterator[str]:
    """The lines that find out what is untested of a plan: one for the zoo's cases of each route, one for each model of
    one's own."""
    untested = [pick for pick in plan.picks if pick.fit is Fit.UNTESTED and (pick.model in known.own or _to_run(pick))]
    wished = [word for name in wishes.targets if name != Target.SAVED_MODEL for word in ("--target", name)]
    wished += [word for name in wishes.runtimes if name in known.matrix.runtimes for word in ("--runtime", name)]
    by_route: dict[str, list[str]] = {}
    for pick in untested:
        if pick.model not in known.own:
            by_route.setdefault(pick.route, []).append(pick.model)
    for route, models in by_route.items():
        cases = [word for model in models for word in ("--case", model)]
        yield _line(f"compat({plan.toolchain})", [*cases, "--route", route, *wished])
    for pick in untested:
        for one in known.own.get(pick.model, ()):
            case = ["--case", one.case] if one.case else []
            kept = ["--results", one.results, "--record"] if one.results else []
            asked = ["--cases", one.source, *case, *one.options, "--route", pick.route, "--try-remedies"]
            words = [*asked, *wished, *kept]
            yield _line(f"compat({plan.toolchain})", words)


def _to_run(pick: Pick) -> bool:
    """Whether a run of a case of the zoo tells what it lacks."""
    return any(not what.endswith(NOT_JUDGED) for what, _ in pick.lacking)


def measured(plan: Plan, known: Known, wished: Sequence[str]) -> Iterator[str]:
    """What a person does about targets of fewer bits, of which no run on inputs drawn at random tells enough."""
    fewer = [name for name in wished if targets.declared(Target(name)).precision != Precision.FLOAT32]
    own = [pick for pick in plan.picks if known.own.get(pick.model) and pick.fit is not Fit.FAILS]
    unjudged = [pick for pick in plan.picks if any(what.endswith(NOT_JUDGED) for what, _ in pick.lacking)]
    for pick in unjudged:
        if pick in own:
            yield f"{pick.model} counts as one of random weights: where they are trained, its case says trained=True"
        else:
            options = [word for name in fewer for word in ("--target", name)]
            asked = ["FOLDER", *options, "--calibration", "FILE.npz", "--evaluate", "FILE.py:FUNCTION", "-o", "mine"]
            yield (
                f"the zoo's weights of {pick.model} are random, so that no number of 8 bits says anything of yours; "
                f"of your own checkpoint and data: {_line('convert', asked)}"
            )
    if fewer and own:
        yield (
            f"what {' and '.join(fewer)} costs your model only your own data tell: give `convert` --calibration "
            "FILE.npz (typical inputs) and --evaluate FILE.py:FUNCTION (a measure of your own), see docs/converting.md"
        )


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
        "best": _document(advice.best, known, wishes),
        "runner_up": _document(advice.second, known, wishes),
        "newer": [_document(plan, known, wishes) for plan in advice.newer],
        "nearest": _document(advice.nearest, known, wishes),
        "drop": [{"wish": one.wish, "gives": _document(one.gives, known, wishes)} for one in advice.drops],
    }


def _document(plan: Plan | None, known: Known, wishes: Wishes) -> Json:
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
        "convert": list(convert(plan, known, wishes)),
        "to_run": list(to_run(plan, known, wishes)),
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
