"""Makes what the docs say because the code says it: commands.md, and the lists in ratchet.md,
languages.md and suites.md.

./init.sh python docs/make.py [--check]
"""

import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from nightlatch.agents import note_cli
from nightlatch.cli import COMMANDS, Program, every_command
from nightlatch.ratchet.languages import languages_page
from nightlatch.suite import run_io, suites_page
from nightlatch.verdict import rules_page

DOCS = Path(__file__).parent
BY_PARTS = ("ratchet.md", "languages.md", "suites.md")  # written by hand but for what is marked
BEGINNING = """\
# The command line

`python loop.py ARGS` is `nightlatch ARGS`; without a command, or with an option of `run` first, it is `run`. Results go to standard output,
progress and warnings to standard error. With `--json` an error is an object on standard output too ([exit codes](exit-codes.md)). Every
command has `--help`; docs/make.py makes this page from the same.
"""


def commands() -> str:
    """Every command as its own help tells it, in the order of `nightlatch --help`."""
    group = every_command("nightlatch")
    top = click.Context(group, info_name="nightlatch", obj=Program(name="nightlatch", loop=None))
    told = [BEGINNING]
    for title, section in COMMANDS.items():
        told.append(f"## {title}\n")
        for name, command in known(group, top):
            if name in section:
                told += about(command, click.Context(command, info_name=name, parent=top))
    return "\n".join(told)


def known(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        if command := group.get_command(context, name):
            yield name, command


def about(command: click.Command, context: click.Context) -> Iterator[str]:
    """Name, usage, text, options; then the same of what is below it."""
    level = "#" * (context.command_path.count(" ") + 2)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    yield from (
        f"{level} {context.command_path}\n",
        f"`{usage}`\n",
        *paragraphs(command),
        *table(rows(command)),
    )
    if not isinstance(command, click.Group):
        return
    words = [name for name, _ in known(command, context) if name in note_cli.WORDS]
    if words:
        yield from (
            f"{level}# {context.command_path} {words[0]}\n",
            f"The same with {', '.join(f'`{word}`' for word in words[1:])}.\n",
        )
        yield from table(note_rows())
    for name, below in known(command, context):
        if name not in words:
            yield from about(below, click.Context(below, info_name=name, parent=context))


def paragraphs(command: click.Command) -> Iterator[str]:
    help_text, epilog = (inspect.cleandoc(text or "") for text in (command.help, command.epilog))
    texts = f"{help_text}\n\n{epilog}".replace("\b\n", "")
    for text in texts.split("\n\n"):
        said, example, line = " ".join(text.split()).partition("Example: ")
        yield from (f"{part}\n" for part in (said, f"{example}`{line}`" if example else "") if part)


def rows(command: click.Command) -> Iterator[tuple[str, str]]:
    for option in command.params:
        if isinstance(option, click.Option):
            takes = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
            yield f"{', '.join(option.opts)}{takes}", option.help or ""


def note_rows() -> list[tuple[str, str]]:
    """The options of a note: it is said to argparse, because a workspace may have nothing but a
    Python."""
    os.environ["COLUMNS"] = "1000"
    return re.findall(
        r"^  (--\S+(?: \S+)?)\s{2,}(.*)$", note_cli.parser().format_help(), re.MULTILINE
    )


def table(told: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[str]:
    if lines := [f"| `{option}` | {says} |" for option, says in told]:
        yield "\n".join(("| option | |", "|---|---|", *lines, ""))


def main(*, check: bool) -> str:
    """Write what is not current, or only say so."""
    pages = {name: (DOCS / name).read_text(encoding="utf-8") for name in BY_PARTS}
    made = {
        DOCS / "commands.md": commands(),
        DOCS / "ratchet.md": rules_page.page(pages["ratchet.md"]),
        DOCS / "languages.md": languages_page.page(pages["languages.md"]),
        DOCS / "suites.md": suites_page.page(pages["suites.md"], run_io.shipped()),
    }
    old = [
        file
        for file, text in made.items()
        if not file.is_file() or file.read_text(encoding="utf-8") != text
    ]
    if check:
        return "".join(
            f"{file.name} is not what the code says; make it anew: ./init.sh python docs/make.py\n"
            for file in old
        )
    for file in old:
        file.write_text(made[file], encoding="utf-8")
    return ""


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]) or 0)
