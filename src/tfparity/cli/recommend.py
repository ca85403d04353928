"""The command recommend."""

from __future__ import annotations

import argparse
import json
import sys

from tfparity.cli import commands
from tfparity.cli.commands import Commands


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("recommend", recommend, only=("--input", "--output", "--axis", "--path"))
    models = made.add_argument_group("models")
    models.add_argument(
        "--case", action="append", metavar="GLOB", help="a case of the zoo: its id, a glob, or its name; repeatable"
    )
    models.add_argument("--onnx", action="append", metavar="FILE", help="an .onnx file, by its operators; repeatable")
    models.add_argument(
        "--cases",
        action="append",
        metavar="WHAT",
        help="models of your own, as `run` takes them, by what --results has of them; repeatable",
    )
    models.add_argument("--results", metavar="FOLDER", help="evidence of your own models")
    wishes = made.add_argument_group("wishes")
    for name, example in (("tensorflow", "2.15"), ("torch", "'>=2.1'"), ("python", "3.11")):
        wishes.add_argument(f"--{name}", metavar="VERSION", help=f"such as {example}")
    wishes.add_argument("--route", action="append", metavar="NAME", help="only this route; repeatable")
    wishes.add_argument("--target", action="append", metavar="NAME", help="what is to be made; repeatable")
    wishes.add_argument("--runtime", action="append", metavar="NAME", help="what it will be served on; repeatable")
    made.add_argument("--json", action="store_true", help="as JSON")


def recommend(given: argparse.Namespace) -> int:
    """Say which toolchain, route and remedies fit a set of models, by what is recorded; 1 where none does."""
    from pathlib import Path

    from tfparity.features.recommend import Asked, Recommending
    from tfparity.report import advice

    versions = [(name, getattr(given, name)) for name in ("tensorflow", "torch", "python")]
    chosen = commands.choice(given)
    asked = Asked(
        cases=tuple(given.case or ()),
        onnx=tuple(given.onnx or ()),
        own=tuple(given.cases or ()),
        versions=tuple((name, text) for name, text in versions if text is not None),
        routes=tuple(given.route or ()),
        targets=tuple(given.target or ()),
        runtimes=tuple(given.runtime or ()),
        results=Path(given.results) if given.results else None,
        declared=chosen.declared,
        path=chosen.path,
    )
    found = Recommending(asked).answer()
    if given.json:
        document = advice.document(found.advice, found.known, found.said)
        json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
        print()
    else:
        advice.show(commands.console(), found.advice, found.known, found.said)
    return 0 if found.advice.best else 1
