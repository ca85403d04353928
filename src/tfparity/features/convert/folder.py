"""What a conversion leaves: the artifact, its lockfiles, what was measured, and scripts that make it again."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tfparity import paths
from tfparity.engine import bundles, sealed, target_side
from tfparity.engine.engine import Converted
from tfparity.engine.scores import Scores
from tfparity.engine.targets import Delivered
from tfparity.features.convert import script
from tfparity.features.convert.templates import TFLITE_FILES as FILES
from tfparity.planning import routes, targets
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Grade, Precision, Target
from tfparity.report import markdown

NOTHING: Mapping[Target, str] = {}


def write(
    selection: Selection,
    done: Converted,
    place: Path,
    missing: Mapping[Target, str] = NOTHING,
    others: Sequence[str] = (),
    scores: Scores | None = None,
) -> None:
    """The folder, under another name until it is whole.

    missing: targets that were wanted and are not right, each with the reason; others: ways that were not tried;
    scores: what the user's own measure made of it. Raises Unfit where what would be copied is no more what was judged,
    DiskError where there is no room for it.
    """
    temporary = place.with_name(f".{place.name}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        _fill(selection, done, temporary, missing, others, scores)
        temporary.rename(place)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


@dataclass(frozen=True)
class _Script:
    """lines: what a shell runs to make it again; None where there is no script, and why."""

    lines: str | None
    why_none: str | None


def _fill(
    selection: Selection,
    done: Converted,
    folder: Path,
    missing: Mapping[Target, str],
    others: Sequence[str],
    scores: Scores | None,
) -> None:
    assert done.folder is not None
    crossing = done.crossing
    artifact = target_side.artifact(done.folder)
    if Target.SAVED_MODEL in crossing.route.gives.targets:
        sealed.copy(artifact, folder / "saved_model", done.seals[artifact])
    else:
        sealed.copy_file(artifact, target_side.MODEL, folder / target_side.MODEL, done.seals[artifact])
    for target, one in done.targets.items():
        if target in FILES:
            sealed.copy_file(one.place, target_side.MODEL, folder / FILES[target], done.seals[one.place])
    for id in (*_environments(done), *_makers(selection, done)):
        shutil.copy(selection.project.lockfiles / f"{id}.txt", folder / f"requirements-{id}.txt")
    written = _scripts(selection, done, folder)
    verdict = {**_verdict(done), **({"missing": dict(missing)} if missing else {})}
    if scores:
        verdict["scores"] = {name: score.value for name, score in scores.by_model.items()}
    paths.write_text(folder / "verdict.json", json.dumps(verdict, indent=1) + "\n")
    lacking = [
        f"- **no {target}**: what was made of this SavedModel is not right: {markdown.text(why).rstrip('.')}."
        + (f" Ways that were not tried: {', or '.join(f'`{one}`' for one in others)}." if others else "")
        for target, why in missing.items()
    ]
    scored = [_scored(scores, missing)] if scores else []
    paths.write_text(folder / "README.md", _readme(selection, done, written, [*scored, *lacking]))


def _environments(done: Converted) -> list[str]:
    """The ids of both sides' environments, each once."""
    return list(dict.fromkeys((done.crossing.source.environment.id, done.crossing.target.environment.id)))


def _makers(selection: Selection, done: Converted) -> list[str]:
    """The ids of the environments of their own in which targets were made, each once."""
    made = (selection.matrix.maker(target) for target in done.targets if targets.declared(target).maker)
    return list(dict.fromkeys(one.id for one in made if one))


def _scripts(selection: Selection, done: Converted, folder: Path) -> _Script:
    route, case = done.crossing.planned.route, done.crossing.case
    unsaid = script.unsaid(route, case)
    if unsaid:
        return _Script(None, unsaid)
    lines = script.write(
        folder,
        route,
        case,
        [selection.matrix.environments[id] for id in _environments(done)],
        done.attempt.opset or 0,
        done.attempt.remedies,
        output_axes=case.output_axes(bundles.read_arrays(done.io)),
        tflite={
            target: bool(one.made and one.made.select_tf_ops) for target, one in done.targets.items() if target in FILES
        },
        maker=next((selection.matrix.makers[id] for id in _makers(selection, done)), None),
        examples=_examples(done, folder),
    )
    return _Script(lines, None)


def _examples(done: Converted, folder: Path) -> int:
    """Write what targets were made with that need examples; how many there are, 0 where none needs any."""
    if done.examples is None or not any(targets.declared(target).calibrated for target in done.targets):
        return 0
    arrays = bundles.read_arrays(done.examples.file)
    names = [declared.name for declared in done.crossing.case.inputs]
    given = {
        f"{name}/{place}": arrays[f"input/{sample}/{name}"]
        for place, sample in enumerate(done.examples.samples)
        for name in names
    }
    import numpy

    with (folder / "examples.npz").open("wb") as file:
        numpy.savez(file, **given)  # type: ignore[arg-type] # numpy's own stub of **kwds
    return len(done.examples.samples)


def _measured(attempt: Attempt) -> dict[str, Json]:
    """What was measured, without the seconds."""
    return {
        "opset": attempt.opset,
        "remedies": attempt.remedies,
        "grade": attempt.grade,
        "max_abs": attempt.max_abs,
        "rms": attempt.rms,
        "cosine": attempt.cosine,
        "top_k": attempt.top_k,
        "floor": attempt.floor,
        "dynamic": attempt.dynamic,
        "signature": attempt.signature,
    }


def _verdict(done: Converted) -> dict[str, Json]:
    """What was measured; the shims of the environments, and what the route makes of layout and integers."""
    crossing = done.crossing
    found: dict[str, Json] = {
        "case": crossing.case.id,
        "toolchain": crossing.planned.toolchain,
        "route": crossing.planned.route,
        "shims": crossing.shims,
        "layout": routes.layout(crossing.route),
        "integers": crossing.route.gives.integers,
        **_measured(done.attempt),
    }
    if done.attempt.notes:
        found["notes"] = [asdict(note) for note in done.attempt.notes]
    for target, one in done.targets.items():
        found[target] = {**_measured(one.attempt), **_deployed(one)}
    return found


def _deployed(one: Delivered) -> dict[str, Json]:
    """What was measured of a target alone."""
    declared = targets.declared(one.target)
    agreed: dict[str, Json] = {"top_1": one.top_1} if one.trained or one.own_data else {}
    made: dict[str, Json] = asdict(one.made) if one.made else {}
    return {**made, "precision": declared.precision, "snr_db": one.snr_db, "allowed_db": one.allowed_db, **agreed}


def _sizes(done: Converted) -> str:
    """What the model takes and gives, with its sizes: a case of the zoo is smaller than what is served."""
    case = done.crossing.case
    takes = [f"`{one.name}` {one.dtype} {_shape(one.shape)}" for one in case.inputs]
    references = bundles.read_arrays(done.io) if done.io else {}
    axes = case.output_axes(references) if references else [{} for _ in case.outputs]
    gives = []
    for output, named in zip(case.outputs, axes, strict=False):
        array = references.get(f"float32/0/{output.name}")
        shape = [named.get(d, size) for d, size in enumerate(array.shape)] if array is not None else []
        gives.append(f"`{output.name}`" + (f" {_shape(shape)}" if array is not None else ""))
    return f"takes {', '.join(takes)}; gives {', '.join(gives)}"


def _shape(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"


def _told(one: Delivered) -> str:
    """A target's line: its file, size and error, and what of its numbers was judged."""
    assert one.made is not None
    file = FILES.get(one.target, "saved_model under XLA (tf.function, jit_compile=True)")
    line = f"- {file}, {one.made.megabytes} MB: {one.attempt.max_abs or 0:.1e} ({one.attempt.grade})"
    if targets.declared(one.target).precision != Precision.FLOAT32 and one.snr_db is not None:
        line += f", signal to noise {one.snr_db:.0f} dB"
        line += f" of {one.allowed_db:.0f} that it has to have" if one.allowed_db is not None else ""
    line += ", held against the same inputs"
    if one.attempt.grade is Grade.FORM:
        line += (
            "; **form only**: random weights, so that 8-bit numbers say nothing of your model. Give your own, and "
            "`--calibration` with typical inputs"
        )
    elif targets.declared(one.target).calibrated and not one.own_data:
        line += "; made with the inputs that it was held to: `--calibration` takes your own"
    if one.top_1 is not None and (one.trained or one.own_data):
        line += f"; the same class comes first in {one.top_1:.0%} of rows"
    if one.made.select_tf_ops:
        flex = f": {', '.join(one.made.flex)}" if one.made.flex else ""
        line += f"; needs a runtime with TensorFlow's own operators (SELECT_TF_OPS{flex})"
    return line


def _scored(scores: Scores, missing: Mapping[Target, str]) -> str:
    """The line of the user's own measure. missing: targets that are not in the folder."""
    told = []
    for name, score in scores.by_model.items():
        found = f"{score.value:.6g}" if score.value is not None else "none"
        why = f" ({score.problem.type}: {markdown.text(score.problem.message)})" if score.problem else ""
        told.append(f"{name} {found}{why}{', not written' if name in missing else ''}")
    return f"- {markdown.text(scores.measure)}: {', '.join(told)}"


def _readme(selection: Selection, done: Converted, script_: _Script, lacking: Sequence[str]) -> str:
    crossing, attempt = done.crossing, done.attempt
    case, planned, shims = crossing.case, crossing.planned, crossing.shims
    kept = ", ".join(attempt.dynamic) or "none declared"
    lines = [
        f"# {case.id}, converted",
        "",
        f"- by `{planned.route}` on toolchain `{planned.toolchain}`"
        + (f", opset {attempt.opset}" if attempt.opset else "")
        + (f", remedies: {', '.join(attempt.remedies)}" if attempt.remedies else "")
        + (f", shims: {', '.join(shims)}" if shims else ""),
    ]
    lines.append(
        f"- largest difference from torch in float64: {attempt.max_abs or 0:.1e} ({attempt.grade}), over three seeds "
        f"and every size of the axes ({kept}); all names kept"
    )
    lines.append(f"- {_sizes(done)}")
    if not case.trained and (attempt.model is None or attempt.model.parameters != 0):
        lines.append(
            "- **random weights**, since the case is not declared `trained`: this shows the way across, and is not the "
            "model; for your own weights, load them in the case and say `trained=True` there, or name the checkpoint's "
            "folder, file or function in place of the case"
        )
    for note in attempt.notes:
        more = "; verdict.json has all names" if note.shortened else ""
        lines.append(f"- {markdown.text(note.text)}{more}")
    layout = routes.layout(crossing.route)
    if layout != "kept":
        lines.append(f"- takes and gives images {layout}: they were transposed for the check")
    lines += [_told(one) for one in done.targets.values() if one.made is not None]
    lines += lacking
    lines += ["", "Checked in a process that had not converted it; figures in verdict.json.", ""]
    lines += ["To make it again without tfparity:" if script_.lines else "Its environment:", "", "```sh"]
    for id in (*_environments(done), *_makers(selection, done)):
        lines.append(f"uv venv --python {selection.matrix.locked[id].python} {id}")
        lines.append(f"uv pip sync --python {id} --require-hashes requirements-{id}.txt")
    lines += [*(script_.lines or "").splitlines(), "```", ""]
    if script_.lines:
        lines.append(f"That writes into `{script.MADE}/`; what was checked stays as it is.")
    else:
        lines.append(f"There is no script that makes it again without tfparity: {script_.why_none}.")
    return "\n".join([*lines, ""])
