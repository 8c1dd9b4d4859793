"""README and docs as a program reads them: their blocks, the commands in these, and what the
command line says of a command."""

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
from markdown_it import MarkdownIt
from markdown_it.token import Token

from nightlatch.agents import note_cli
from nightlatch.cli import COMMANDS, Program, every_command
from tests import ROOT

PAGES = (
    "README.md",
    *sorted(str(file.relative_to(ROOT)) for file in (ROOT / "docs").rglob("*.md")),
)
SHELL = ("sh", "bash", "console")
HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")
ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
STARTERS = {
    "nightlatch",
    "python",
    "python3",
    "loop.py",
    "./loop.py",
    "./init.sh",
    "nohup",
    "nice",
    "env",
    "exec",
    "setsid",
    "timeout",
    "systemd-inhibit",
    "if",
    "while",
    "until",
    "!",
    "then",
    "do",
    "watch",
}
PROGRAMS = {"nightlatch", "loop.py", "./loop.py"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One code block of a page; `language` is empty where it says none, or is only indented."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def tokens(page: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))


def blocks(page: str) -> Iterator[Block]:
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            yield Block(page=page, line=line, language=token.info.strip(), text=token.content)


def spans(page: str) -> Iterator[str]:
    """The code spans of a page."""
    for token in tokens(page):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def commands(block: Block) -> Iterator[str]:
    """The commands of a block: its lines, each with what continues it, of `console` those after
    `$ `. A script with a #! is a file."""
    if block.language not in SHELL or block.text.startswith("#!"):
        return
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        command = (
            re.sub(r"(^|\s+)#\s.*", "", "\n".join(waiting))
            if len(waiting) == 1
            else "\n".join(waiting)
        )
        if not command.strip():
            waiting = []
        elif whole(command):
            yield command.strip()
            waiting = []
    assert not waiting, f"{block.place}: this never comes to its end: {waiting[0]}"


def whole(command: str) -> bool:
    """Does a shell have all of it?"""
    if opened := HEREDOC.search(command):
        return opened[1] in command.splitlines()[1:]
    return (
        not command.endswith("\\")
        and subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False).returncode
        == 0
    )


def page_commands(page: str) -> list[str]:
    return [command for block in blocks(page) for command in commands(block)]


def invocations(command: str) -> Iterator[list[str]]:
    """The arguments of each nightlatch that a shell line starts; `[--json]` and `...` of a
    usage line are no words of a shell."""
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    segment: list[str] = []
    for word in (*lexer, ";"):
        if not set(word) <= set(";|&()<>"):
            segment.append(word)
            continue
        words = (
            segment[:-1] if word.startswith(">") and segment and segment[-1].isdigit() else segment
        )
        yield from arguments(words)
        segment = []


def arguments(words: list[str]) -> Iterator[list[str]]:
    rest = [
        word
        for i, word in enumerate(words)
        if not ASSIGNMENT.fullmatch(word) or not all(map(ASSIGNMENT.fullmatch, words[:i]))
    ]
    if (
        rest
        and rest[0] in STARTERS
        and (at := next((i for i, word in enumerate(rest) if word in PROGRAMS), None)) is not None
    ):
        yield rest[at + 1 :]


def refusal(args: list[str], *, all_of_it: bool) -> str:
    """Why the command line would not take these arguments, "" where it would; a mention in a
    sentence need not be complete."""
    if args and (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
        args = ["run", *args]
    group = every_command("nightlatch")
    context = click.Context(
        group, info_name="nightlatch", obj=Program(name="nightlatch", loop=None)
    )
    command: click.Command = group
    while isinstance(command, click.Group) and args and not args[0].startswith("-"):
        if command is not group and args[0] in note_cli.WORDS:
            return noted(args) if all_of_it else ""
        below = command.get_command(context, args[0])
        if not below:
            return f"unknown command {args[0]!r}"
        context, command, args = (
            click.Context(below, info_name=args[0], parent=context),
            below,
            args[1:],
        )
    return parsed(command, context, args, all_of_it=all_of_it)


def noted(args: list[str]) -> str:
    try:
        note_cli.read(args)
    except ValueError as error:
        return str(error)
    return ""


def parsed(
    command: click.Command, context: click.Context, args: list[str], *, all_of_it: bool
) -> str:
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(args))
    except click.BadOptionUsage as error:
        return error.format_message() if all_of_it else ""
    except click.UsageError as error:
        return error.format_message()
    wanting = [
        param.human_readable_name
        for param in command.params
        if param.required and not there(given.get(param.name or ""))
    ]
    if all_of_it and wanting and not given.get("help"):
        return f"{', '.join(wanting)} is missing"
    return (
        f"{rest[0]!r} is one argument too many"
        if rest and not isinstance(command, click.Group)
        else ""
    )


def there(value: object) -> bool:
    """Was this parameter given? What stands for "not given" is click's own affair."""
    return isinstance(value, (str, tuple, list)) and bool(value)


def mentioned(span: str) -> Iterable[list[str]]:
    """A code span that speaks of a command: `nightlatch X ...`, or `X --option` with X a
    command."""
    words = re.sub(r"[\[\]]|\.\.\.|…", " ", span)
    known = {name for section in COMMANDS.values() for name in section}
    if re.match(r"(python )?(nightlatch|loop\.py) \S", words):
        return invocations(words)
    if words.split(" ")[0] in known and re.search(r" --?\w", words):
        return invocations(f"nightlatch {words}")
    return ()


def slug(heading: str) -> str:
    """The anchor of a heading, as a forge makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(file: Path) -> set[str]:
    """The anchors of a page; a heading that comes twice has a number the second time."""
    found: set[str] = set()
    inside = MarkdownIt("commonmark").enable("table").parse(file.read_text(encoding="utf-8"))
    for before, token in pairwise(inside):
        if before.type == "heading_open":
            name = slug("".join(child.content for child in token.children or ()))
            found.add(
                next(
                    each
                    for each in (name, *(f"{name}-{n}" for n in range(1, 99)))
                    if each not in found
                )
            )
    return found


def links(page: str) -> Iterator[str]:
    """Where links and pictures of a page lead."""
    for token in tokens(page):
        for child in token.children or ():
            if target := child.attrGet("href" if child.type == "link_open" else "src"):
                yield str(target)
