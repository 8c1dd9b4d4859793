"""Every command of README and docs is run, or stands in commands.toml with the reason why it
cannot be; the command line knows them all."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import ROOT
from tests.proofs.docs.fixtures import copied, night, programs, ran
from tests.proofs.docs.reading import (
    PAGES,
    blocks,
    invocations,
    mentioned,
    page_commands,
    refusal,
    spans,
)

Entry = Mapping[str, object]
LIST: Mapping[str, Mapping[str, Entry]] = tomllib.loads(
    Path(__file__).with_name("commands.toml").read_text(encoding="utf-8")
)
COMMANDS = {page: page_commands(page) for page in PAGES}
LANGUAGES = {
    "sh",
    "bash",
    "console",
    "text",
    "json",
    "toml",
    "yaml",
    "python",
    "js",
    "ts",
    "go",
    "rust",
    "diff",
    "markdown",
    "ini",
}
RUN_HERE = [
    page for page, entries in LIST.items() if any("exit" in entry for entry in entries.values())
]
MADE = "docs/commands.md"


def head(command: str) -> str:
    """How a command stands in the list: by its first line."""
    return command.splitlines()[0].strip()


def entry(page: str, command: str) -> Entry | None:
    entries = LIST.get(page, {})
    return entries.get(head(command), entries.get("*"))


def test_every_block_of_the_docs_says_what_it_is() -> None:
    unsaid = [
        block.place for page in PAGES for block in blocks(page) if block.language not in LANGUAGES
    ]
    assert unsaid == [], (
        f"begin each block with ``` and one of {sorted(LANGUAGES)}: sh for commands, text for output"
    )


def test_every_command_of_the_docs_is_run_or_listed() -> None:
    loose = [
        f'["{page}"] {head(command)}'
        for page, commands in COMMANDS.items()
        for command in commands
        if not entry(page, command)
    ]
    assert loose == [], (
        "give each of these an entry in tests/proofs/docs/commands.toml, whose first lines say how"
    )


def test_every_entry_of_the_list_is_a_command_of_the_docs() -> None:
    known = {
        page: {head(command) for command in commands} | {"*" for _ in commands[:1]}
        for page, commands in COMMANDS.items()
    }
    gone = [
        f'["{page}"] {line}'
        for page, entries in LIST.items()
        for line in entries
        if line not in known.get(page, set())
    ]
    assert gone == [], (
        "no page says these any more: take them out of tests/proofs/docs/commands.toml"
    )


def test_every_entry_says_one_thing_and_a_reason_is_a_sentence() -> None:
    odd = [
        line
        for entries in LIST.values()
        for line, said in entries.items()
        if len(said) != 1 or not {*said} <= {"exit", "test", "why"}
    ]
    assert odd == [], "an entry is { exit = N }, { test = ... } or { why = ... }"
    reasons = [
        str(said["why"]) for entries in LIST.values() for said in entries.values() if "why" in said
    ]
    assert [why for why in reasons if len(why.split()) < 5] == []


def test_every_test_that_the_list_names_exists_and_knows_its_page() -> None:
    unknown = []
    for page, entries in LIST.items():
        for line, said in entries.items():
            file, _, name = str(said.get("test", "")).partition("::")
            if "test" in said and not there(page, line, ROOT / file, name):
                unknown.append(f"{file}::{name}")
    assert unknown == [], (
        "no such test; where it stands for a whole page, its file has to name the page"
    )


def there(page: str, line: str, file: Path, name: str) -> bool:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return f"def {name}(" in text and (line != "*" or Path(page).name in text)


@pytest.mark.parametrize("page", [page for page in PAGES if COMMANDS[page]])
def test_the_command_line_takes_every_command_of(page: str) -> None:
    refused = [
        (command, why)
        for command in COMMANDS[page]
        for args in invocations(command)
        if (why := refusal(args, all_of_it=True))
    ]
    assert refused == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != MADE])
def test_the_command_line_takes_every_command_that_is_spoken_of_in(page: str) -> None:
    refused = [
        (span, why)
        for span in spans(page)
        for args in mentioned(span)
        if (why := refusal(args, all_of_it=False))
    ]
    assert refused == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nightlatch raport", "unknown command 'raport'"),
        ("nightlatch report --htm", "No such option"),
        ("cat x | nightlatch retry", "FEATURE is missing"),
        ("nightlatch retry 1 2 3", "too many"),
        ("./init.sh python loop.py --sesions 3", "No such option"),
        ("nightlatch note open --becase x y", "unrecognized"),
        ("nightlatch run --budget", "requires an argument"),
    ],
)
def test_a_command_that_the_command_line_would_refuse_is_seen(line: str, why: str) -> None:
    [args] = invocations(line)
    assert why in refusal(args, all_of_it=True)


@pytest.mark.parametrize(
    ("span", "sound"),
    [
        ("report --html", True),
        ("nightlatch report [--html FILE]", True),
        ("nightlatch answer F", True),
        ("hold still", True),
        ("report --htm", False),
        ("nightlatch raport", False),
        ("loop.py run --onec", False),
    ],
)
def test_a_mention_need_not_be_complete_but_has_to_exist(span: str, sound: bool) -> None:
    assert any(refusal(args, all_of_it=False) for args in mentioned(span)) is not sound


@pytest.mark.sandbox
@pytest.mark.parametrize("page", RUN_HERE)
def test_the_commands_do_what_they_say_in(
    page: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project, path = (
        copied(night(tmp_path_factory.getbasetemp() / "night-of-docs"), tmp_path),
        programs(tmp_path / "bin"),
    )
    for command in COMMANDS[page]:
        if "exit" in (said := entry(page, command) or {}):
            done = ran(project, command, path)
            assert done.returncode == said["exit"], (
                f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
