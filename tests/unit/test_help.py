"""What --help says: whole sentences or phrases, and only options that the command heeds."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator

import pytest

from tfparity import cli
from tfparity.planning import options

#: Words with which nothing ends.
DANGLING = {
    *("a", "an", "the", "from", "into", "as", "than", "and", "or", "nor", "but", "if", "where", "when", "that"),
    *("which", "whose", "who", "how", "has", "have", "is", "are", "was", "were", "be", "not", "no", "its", "their"),
    *("each", "every"),
}

#: Options that choose cells whose effect a command can only have by comparing what is made of a model.
OF_TARGETS = {"--target", "--calibration"}


def parsers(of: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command, and the commands below it, by name."""
    yield name or "tfparity", of
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one, made in action.choices.items():
                yield from parsers(made, f"{name} {one}".strip())


PARSERS = dict(parsers(cli.parser()))


def texts(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Whatever it says, by what of."""
    yield "description", parser.description or ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action._choices_actions:
                yield one.dest, one.help or ""
        elif action.help is not argparse.SUPPRESS:
            yield "/".join(action.option_strings) or action.dest, action.help or ""


@pytest.mark.parametrize("name", PARSERS)
def test_every_text_is_a_whole_sentence_or_phrase(name: str) -> None:
    for of, text in texts(PARSERS[name]):
        assert text, of
        last = re.findall(r"[\w'/.-]+", text)[-1].lower().rstrip(".")
        assert last not in DANGLING, f"{of}: {text}"
        assert text[-1] not in ",;:-", f"{of}: {text}"
        for begin, end in ("()", "[]", "{}"):
            assert text.count(begin) == text.count(end), f"{of}: {text}"
        assert not any(text.count(quote) % 2 for quote in ('"', "`")), f"{of}: {text}"


@pytest.mark.parametrize("name", [name for name, one in PARSERS.items() if one.get_default("command")])
def test_a_command_is_described_by_the_whole_first_paragraph(name: str) -> None:
    function = PARSERS[name].get_default("command")
    said = PARSERS[name].description or ""
    assert said.endswith(".")
    assert said in " ".join((function.__doc__ or "").split())


def own(name: str) -> list[argparse.Action]:
    """The options of a command that are not among those which choose cells."""
    shared = {option.flag for option in options.OPTIONS}
    return [
        action
        for action in PARSERS[name]._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
        and not shared & set(action.option_strings)
    ]


def source(name: str) -> str:
    """The code of a command's module, with that of the functions of others that it gives the options to."""
    module = inspect.getmodule(PARSERS[name].get_default("command"))
    assert module is not None
    text = inspect.getsource(module)
    handed = re.findall(r"\b(?:(\w+)\.)?(\w+)\(given\b", text)
    places = [(getattr(module, where, None) if where else module, function) for where, function in handed]
    others = [getattr(place, function, None) for place, function in places]
    return "\n".join([text, *(inspect.getsource(one) for one in others if one is not None)])


@pytest.mark.parametrize("name", [name for name, one in PARSERS.items() if one.get_default("command")])
def test_every_option_is_read_by_its_command(name: str) -> None:
    """Of its own: by name. Of those that choose cells: it makes a choice of them all, or reads each."""
    code = source(name)
    mine = own(name)

    def read(dest: str) -> bool:
        return re.search(rf"given\.{dest}\b|[\"']{dest}[\"']", code) is not None

    for action in mine:
        assert read(action.dest), f"{name}: nothing reads {action.dest}"
    shared = [action.dest for action in PARSERS[name]._actions if action not in mine and action.dest != "help"]
    for dest in shared:
        chosen = re.search(r"commands\.(choice|session)\(given\)|options\.chosen\(", code)
        assert chosen or read(dest), f"{name}: nothing reads {dest}"


@pytest.mark.parametrize("name", ["upgrade", "bisect", "scout"])
def test_what_compares_verdicts_offers_nothing_of_targets(name: str) -> None:
    offered = {flag for action in PARSERS[name]._actions for flag in action.option_strings}
    assert not offered & {*OF_TARGETS, "--level", "--all-opsets", "--runtime", "--record"}


def test_a_bisection_offers_nothing_of_several_cells() -> None:
    offered = {flag for action in PARSERS["bisect"]._actions for flag in action.option_strings}
    assert not offered & {"--jobs", "--budget", "--tier", "--keep-environments", "--shard"}


def test_the_gate_offers_no_attempts_that_have_no_say() -> None:
    assert "--all-opsets" not in {flag for action in PARSERS["gate"]._actions for flag in action.option_strings}
