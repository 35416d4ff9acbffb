"""The parsers of all commands, without running one: what shell completion and manual pages are made from."""

import argparse
import contextlib
import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, Literal, NoReturn

from reports.cli import GROUPS
from reports.commandline import Parser

Main = Callable[[Sequence[str], str], int]


class _FoundError(Exception):
    """Carries a parser out of a command before it does anything."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__("found")
        self.parser = parser


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """Let every command end where its arguments would be parsed."""
    import tyro

    def stop(self: Parser, *_: Any, **__: Any) -> NoReturn:
        raise _FoundError(self)

    def stop_fields(options: type, prog: str | None = None, **_: Any) -> NoReturn:
        raise _FoundError(_of_fields(options, prog))

    before, fields = Parser.parse_args, tyro.cli
    Parser.parse_args, tyro.cli = stop, stop_fields  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        Parser.parse_args, tyro.cli = before, fields


def _of_fields(options: type, prog: str | None) -> argparse.ArgumentParser:
    """Return a parser with an option for each field of a dataclass, those of dataclasses within among them."""
    words = inspect.getdoc(options) or ""
    parser = argparse.ArgumentParser(prog=prog, description=_plain(words.partition("\n\n")[0]))
    hints = typing.get_type_hints(options)
    for field in dataclasses.fields(options):
        if dataclasses.is_dataclass(hints[field.name]):
            for action in _of_fields(typing.cast(type, hints[field.name]), prog)._actions[1:]:
                parser._add_action(action)
        else:
            choices = typing.get_args(hints[field.name]) if typing.get_origin(hints[field.name]) is Literal else None
            parser.add_argument(f"--{field.name.replace('_', '-')}", choices=choices)
    return parser


def parser_of(main: Main, argv: Sequence[str], prog: str) -> argparse.ArgumentParser:
    """Return the parser of one command.

    Args:
        main: The command, or its group.
        argv: The command's name where `main` is a group.
        prog: The name in messages.

    Raises:
        RuntimeError: The command has none.
    """
    with _stopping():
        try:
            main(argv, prog)
        except _FoundError as found:
            return found.parser
    raise RuntimeError(f"{prog} parses no arguments")


def attribute_parser() -> argparse.ArgumentParser:
    """Return the parser of `attribute`."""
    return parser_of(import_module("reports.commands.attribute").main, [], "attribute")


def whorl_parser() -> argparse.ArgumentParser:
    """Return one parser with all groups and commands of `whorl`."""
    whole = argparse.ArgumentParser(prog="whorl", description="Research on super-resolution networks and their traces.")
    groups = whole.add_subparsers(title="groups", metavar="GROUP")
    for group, purpose in GROUPS.items():
        module = import_module(f"reports.commands.{group}")
        commands = getattr(module, "COMMANDS", None)
        if commands is None:
            _added(groups, group, purpose, parser_of(module.main, [], f"whorl {group}"))
            continue
        mine = groups.add_parser(group, help=_plain(purpose), description=_plain(purpose))
        inner = mine.add_subparsers(title="commands", metavar="COMMAND")
        for name, about in commands.items():
            words = about if isinstance(about, str) else about[1]
            _added(inner, name, words, parser_of(module.main, [name], f"whorl {group}"))
    return whole


def _added(groups: Any, name: str, purpose: str, parser: argparse.ArgumentParser) -> None:
    """Put a command's parser below another one."""
    plain = {key: value for key, value in vars(parser).items() if key in ("description", "epilog")}
    groups.add_parser(name, help=_plain(purpose), parents=[parser], add_help=False, conflict_handler="resolve", **plain)


def _plain(text: str) -> str:
    return text.replace("`", "").replace("%", "%%")
