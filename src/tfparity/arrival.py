"""The target side of an attempt: a route converts an exported bundle, the artifact runs, what comes back is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfparity import bundles, compare, fingerprint, judge
from tfparity.worker.declare import Case
from tfparity.workers import Answer


@dataclass(frozen=True)
class Arrival:
    """A case at its target. `route`: its name or file, as a worker finds it; `ask`: sends a request of that kind to the
    target's worker; `places`: folders of this run and what stands for them in errors; `path`: folders that the case
    imports from."""

    case: Case
    route: str
    ask: Callable[[str, dict[str, Any]], Answer]
    places: Mapping[str, str]
    path: Sequence[str] = ()

    def attempt(
        self, opset: int, exported: bundles.Exported, folder: Path, remedies: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Convert, run and judge what was exported at that opset; `folder` takes the artifact and its outputs."""
        artifact, result = folder / "artifact", folder / "outputs.npz"
        converted = self.convert(opset, exported, artifact, remedies)
        if not converted.passed:
            return self.judged(opset, exported.stages + converted.stages, exported, remedies=remedies)
        executed = self._execute(self._request(artifact), exported, result)
        stages = exported.stages + converted.stages + executed.stages
        judged = self.judged(opset, stages, exported, executed, result, remedies)
        return {**judged, "artifact": _measured(artifact, converted)}

    def deliver(
        self, target: str, opset: int, exported: bundles.Exported, folder: Path, remedies: Sequence[str]
    ) -> dict[str, Any]:
        """Make that target out of the SavedModel in `folder`/artifact, into `folder`/target; the record of an attempt
        whose answers are the target's, with what was told of the making under "target"."""
        module = {"route": target, "package": "targets"}
        asked = {**module, "artifact": str(folder / "artifact"), "folder": str(folder / "target")}
        made = self.ask("target", asked)
        if not made.passed:
            stages = [*exported.stages, {**made.stages[-1], "stage": "convert"}]
            return {**self.judged(opset, stages, exported, remedies=remedies), "target": {}}
        result = folder / "target-outputs.npz"
        executed = self._execute({**module, "artifact": str(folder / "target")}, exported, result)
        judged = self.judged(opset, exported.stages + executed.stages, exported, executed, result, remedies)
        return {**judged, "target": made.facts["target"]}

    def _execute(self, artifact: Mapping[str, Any], exported: bundles.Exported, result: Path) -> Answer:
        return self.ask(
            "execute",
            {
                **artifact,
                "io": str(exported.io),
                "result": str(result),
                "inputs": [declared.name for declared in self.case.inputs],
                "outputs": [output.name for output in self.case.outputs],
                "samples": [sample._asdict() for sample in self.case.samples()],
            },
        )

    def convert(self, opset: int, exported: bundles.Exported, artifact: Path, remedies: Sequence[str] = ()) -> Answer:
        """The route's conversion into the folder `artifact`."""
        request = {
            "bundle": str(exported.folder),
            "opset": opset,
            "remedies": list(remedies),
            "case_file": self.case.file,
            "case": self.case.id,
            "path": list(self.path),
        }
        return self.ask("convert", {**self._request(artifact), **request})

    def _request(self, artifact: Path) -> dict[str, Any]:
        return {"route": self.route, "artifact": str(artifact)}

    def judged(
        self,
        opset: int,
        stages: Sequence[Mapping[str, Any]],
        exported: bundles.Exported | None = None,
        executed: Answer | None = None,
        result: Path | None = None,
        remedies: Sequence[str] = (),
    ) -> dict[str, Any]:
        """The record of an attempt that came as far as `stages` tell (see judge.attempt)."""

        def clean(error: Mapping[str, str] | None) -> dict[str, str] | None:
            return {**error, "message": fingerprint.normalise(error["message"], self.places)} if error else None

        failed = (executed.facts.get("failed") or {}) if executed else {}
        cleaned: list[dict[str, Any]] = [{**stage, "error": clean(stage["error"])} for stage in stages]
        for stage in cleaned:
            if stage["stage"] == "dynamic-shape":
                stage["failed"] = {index: clean(error) for index, error in failed.items()}
        references, outputs = bundles.read_arrays(exported.io if exported else None), bundles.read_arrays(result)
        attempt = judge.attempt(
            opset=opset,
            file_opset=exported.facts.get("file_opset") if exported else None,
            remedies=remedies,
            stages=cleaned,
            case=self.case,
            samples=self.case.samples(),
            references=references,
            referee=bundles.read_arrays(exported.referee) if exported and exported.referee else None,
            outputs=outputs,
            signature=executed.facts.get("signature") if executed else None,
            referee_error=exported.referee_error if exported else None,
        )
        return {**attempt, "answer": answers(self.case, references, outputs)} if self.case.answer else attempt


def _measured(artifact: Path, converted: Answer) -> dict[str, float]:
    """The size of what was converted in megabytes (10^6 bytes), and the seconds that it took."""
    size = sum(file.lstat().st_size for file in artifact.rglob("*") if not file.is_dir())
    return {"megabytes": round(size / 1e6, 2), "seconds": round(sum(s["seconds"] or 0.0 for s in converted.stages), 2)}


def answers(case: Case, references: compare.Arrays, outputs: compare.Arrays) -> dict[str, str | None]:
    """What the case's answer says of torch's outputs and of TensorFlow's, at the exported shape and the first seed;
    None where an output did not come back or the answer cannot read what came."""
    index = case.samples()[0].index
    inputs = {declared.name: references.get(f"input/{index}/{declared.name}") for declared in case.inputs}

    def said(arrays: compare.Arrays, kind: str) -> str | None:
        named = {**inputs, **{output.name: arrays.get(f"{kind}/{index}/{output.name}") for output in case.outputs}}
        if case.answer is None or any(array is None for array in named.values()):
            return None
        try:
            return fingerprint.printable(" ".join(str(case.answer(named)).split()))
        except Exception:  # noqa: BLE001 - a converter's output may be anything
            return None

    return {"torch": said(references, "float32"), "tensorflow": said(outputs, "output")}
