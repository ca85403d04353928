"""The options that choose cells and say how to run them, each declared once: argparse and pytest take the same."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.inputs.evaluation import Evaluation
from tfparity.inputs.own_models import Declared
from tfparity.planning import case_choice, shards, targets
from tfparity.planning.needs import Need
from tfparity.planning.shards import Shard
from tfparity.records.vocabulary import Sandboxing, Target, Tier

DEFAULT = "default"


def _seconds(text: str) -> float:
    """ "90s", "60m", "2h" or plain seconds, as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 60m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cells to run side by side; 1 or more")
    return int(text)


@dataclass(frozen=True)
class Option:
    """A command-line option, as argparse and pytest both take it."""

    flag: str
    help: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option(
        "--toolchain",
        "a toolchain of matrix.yaml, 'default' or 'all'; repeatable",
        {"action": "append", "metavar": "ID"},
    ),
    Option(
        "--tier",
        "which cases: smoke (the default), core, full, or all with the heavy ones",
        {"default": None, "choices": [tier.value for tier in Tier]},
    ),
    Option(
        "--case",
        "only cases that match, such as 'operators/*'; 'GLOB ROUTE' for one route of theirs; @FILE for a file of such "
        "lines; random-50 for so many of them, drawn by a seed that is printed; repeatable",
        {"action": "append", "metavar": "GLOB"},
    ),
    Option("--route", "only this route; repeatable", {"action": "append", "metavar": "NAME"}),
    Option(
        "--cases",
        "models of your own instead of cases/: a case file or a folder of them, module:function, an .onnx file, or "
        "a folder that Hugging Face's save_pretrained wrote; repeatable",
        {"action": "append", "metavar": "WHAT"},
    ),
    Option(
        "--input",
        "with --cases module:function, an .onnx file or a Hugging Face folder: NAME=KIND(DIM, …); repeatable",
        {"action": "append", "metavar": "INPUT"},
    ),
    Option("--output", "likewise: NAME or KIND(NAME); repeatable", {"action": "append", "metavar": "OUTPUT"}),
    Option(
        "--axis",
        "likewise: NAME=SIZE,SIZE…, the exported size first; repeatable",
        {"action": "append", "metavar": "AXIS"},
    ),
    Option(
        "--path",
        "a folder of Python code that your models import, for where they are built; repeatable",
        {"action": "append", "metavar": "FOLDER"},
    ),
    Option(
        "--try-remedies",
        "with --cases: where a model fails, try every automatic remedy that a rule names for it, as convert does",
        {"action": "store_true"},
    ),
    Option("--limitations", "rules of your own, before those of limitations.yaml", {"metavar": "FILE"}),
    Option(
        "--quarantine",
        "cells of your own that are known to be flaky, before those of flaky.yaml (docs/gate.md)",
        {"metavar": "FILE"},
    ),
    Option("--results", "a folder for evidence of your own instead of results/", {"metavar": "FOLDER"}),
    Option("--recorded", "only cells that are recorded in results/", {"action": "store_true"}),
    Option(
        "--need",
        "only cells that still need this: untried (they fail, and did not try a remedy that their rule names), stale, "
        "untested or not-probed (they work, and a probe has nothing on them: at level 2); repeatable",
        {"action": "append", "choices": [need.value for need in Need], "metavar": "WHAT"},
    ),
    Option(
        "--shard",
        "one of several shares of these cells, such as 2/5, for machines beside each other; recorded into folders of "
        "their own, `merge` makes one of them",
        {"metavar": "I/N"},
    ),
    Option("--jobs", "cells side by side (default: 2, or 1 on one core)", {"type": _jobs, "metavar": "N"}),
    Option(
        "--budget",
        "stop beginning cells after that time, most telling first: 60m",
        {"type": _seconds, "metavar": "TIME"},
    ),
    Option(
        "--all-opsets", "try every opset from 9 on; the extra ones have no say in the verdict", {"action": "store_true"}
    ),
    Option(
        "--level",
        "1: the stages; 2: probes of what works, too (docs/probes.md); the gate's default is the recorded one",
        {"type": int, "choices": (1, 2), "metavar": "N"},
    ),
    Option(
        "--target",
        f"what is made of a model that converts, and checked: {', '.join(Target)} or all; repeatable",
        {"action": "append", "choices": ("all", *(target.value for target in Target)), "metavar": "NAME"},
    ),
    Option(
        "--calibration",
        "an .npz file of typical inputs, an array of examples for each input by its name: what the int8 targets are "
        "made with (default: the case's own inputs)",
        {"metavar": "FILE"},
    ),
    Option(
        "--runtime",
        "also load and run what converts on this runtime of matrix.yaml, or put its tflite-int8-io through this "
        "compiler for an edge device (docs/runtimes.md); repeatable",
        {"action": "append", "metavar": "ID"},
    ),
    Option(
        "--with",
        "a package under test over the toolchain: PACKAGE=WHEEL, PACKAGE=FOLDER or PACKAGE=VERSION; nothing of it goes "
        "into results/; repeatable",
        {"action": "append", "metavar": "PACKAGE=WHAT"},
    ),
    Option("--again", "run what is already in the store, too", {"action": "store_true"}),
    Option("--fresh-process", "a new process for every request instead of a fork", {"action": "store_true"}),
    Option(
        "--sandbox",
        "auto (the default): what is converted runs without network and writes to a folder of its own alone, where "
        "this system has a way to that; off; or required: nothing runs without (SECURITY.md)",
        {"default": None, "choices": [wanted.value for wanted in Sandboxing]},
    ),
    Option("--keep", "leave converted models and logs below work/kept-… in the cache folder", {"action": "store_true"}),
    Option(
        "--keep-environments",
        "leave the environments of toolchains that matrix.yaml does not name in the cache; else they go at the end",
        {"action": "store_true"},
    ),
    Option("--download", "let uv fetch Python interpreters that are not here", {"action": "store_true"}),
    Option(
        "--all-names",
        "of a model of your own, name every weight that its verdict does not tell of",
        {"action": "store_true"},
    ),
    Option("--record", "write what came out into results/", {"action": "store_true"}),
)


#: Options that change how a command runs, and nothing of what it says.
_HOW = ("--jobs", "--download", "--keep", "--keep-environments", "--sandbox", "--again")


def typed(given: argparse.Namespace) -> list[str]:
    """The words of these options as they were typed, but for those that only say how to run: what makes it again."""
    words: list[str] = []
    for option in OPTIONS:
        value = getattr(given, option.name, None)
        if option.flag in _HOW or value is None or value is False:
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [option.flag] if one is True else [option.flag, str(one)]
    return words


def named(flag: str) -> Option:
    """The option of that flag."""
    return next(option for option in OPTIONS if option.flag == flag)


@dataclass(frozen=True)
class Choice:
    """What the options say. `tier` None means: smoke, unless cases are named. case_globs: see case_choice. packages:
    those under test, as they are asked for (environments.under_test)."""

    toolchains: tuple[str, ...] = (DEFAULT,)
    tier: str | None = None
    case_globs: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    declared: Declared = field(default_factory=Declared)
    path: tuple[Path, ...] = ()
    limitations: Path | None = None
    quarantine: Path | None = None
    results: Path | None = None
    try_remedies: bool = False
    recorded: bool = False
    needs: tuple[Need, ...] = ()
    shard: Shard | None = None
    jobs: int = 1
    budget: float | None = None
    all_opsets: bool = False
    level: int | None = None
    targets: tuple[Target, ...] = ()
    calibration: Path | None = None
    evaluation: Evaluation | None = None
    runtimes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    again: bool = False
    fresh_process: bool = False
    sandbox: Sandboxing = Sandboxing.AUTO
    keep: bool = False
    keep_environments: bool = False
    download: bool = False
    all_names: bool = False
    record: bool = False


def chosen(value: Callable[[str], Any]) -> Choice:
    """The choice that parsed options make; `value` gives an option's value by its name. A need says the level, where
    nothing else does."""
    cases = case_choice.seeded(value("case") or ())
    if value("shard") and cases != tuple(value("case") or ()):
        raise UsageError("--shard of random cases: name the seed, as in random-50:7: all shares are of one draw")
    needs = tuple(map(Need, value("need") or ()))
    level = max((need.level for need in needs), default=1)
    return Choice(
        toolchains=tuple(value("toolchain") or (DEFAULT,)),
        tier=value("tier"),
        case_globs=cases,
        routes=tuple(value("route") or ()),
        sources=tuple(value("cases") or ()),
        declared=Declared(*(tuple(value(name) or ()) for name in ("input", "output", "axis"))),
        path=tuple(paths.real(folder) for folder in value("path") or ()),
        limitations=Path(value("limitations")) if value("limitations") else None,
        quarantine=Path(value("quarantine")) if value("quarantine") else None,
        results=Path(value("results")) if value("results") else None,
        needs=needs,
        shard=shards.read(value("shard")) if value("shard") else None,
        jobs=value("jobs") or min(2, os.cpu_count() or 1),
        budget=value("budget"),
        runtimes=tuple(value("runtime") or ()),
        packages=tuple(value("with") or ()),
        sandbox=Sandboxing(value("sandbox") or Sandboxing.AUTO),
        level=value("level") or (level if level > 1 else None),
        targets=targets.named(value("target") or ()),
        calibration=Path(value("calibration")) if value("calibration") else None,
        evaluation=None,  # convert's own
        **{
            name: bool(value(name))
            for name in (
                "try_remedies",
                "recorded",
                "all_opsets",
                "again",
                "fresh_process",
                "keep",
                "keep_environments",
                "download",
                "all_names",
                "record",
            )
        },
    )
