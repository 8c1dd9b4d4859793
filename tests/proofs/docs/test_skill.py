"""The skill in skills/nightlatch: its frontmatter, its plan, its fields and its notes are what
the program takes."""

import json
import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from nightlatch.agents import note_cli, registry_io
from nightlatch.plan import file as planfile
from tests import ROOT
from tests.proofs.docs.pages import page
from tests.proofs.docs.reading import invocations, mentioned, page_commands, refusal, spans

SKILL = "skills/nightlatch/SKILL.md"
TEXT = (ROOT / SKILL).read_text(encoding="utf-8")
HEAD = dict(line.split(": ", 1) for line in TEXT.split("---\n")[1].splitlines())
NOTES = [
    line.removeprefix("nightlatch note ")
    for line in page_commands(SKILL)
    if line.startswith("nightlatch note ")
]


def schema(name: str) -> dict[str, object]:
    text: dict[str, object] = json.loads(
        files("nightlatch").joinpath("schema", f"{name}.json").read_text(encoding="utf-8")
    )
    return text


def test_the_frontmatter_names_the_skill_after_its_folder_and_says_when_to_use_it() -> None:
    assert set(HEAD) == {"name", "description"}
    assert HEAD["name"] == "nightlatch"
    assert len(HEAD["description"]) <= 1024
    assert "Use when" in HEAD["description"]
    assert len(TEXT.splitlines()) <= 500


def test_the_command_line_takes_every_command_of_it() -> None:
    whole = [args for line in page_commands(SKILL) for args in invocations(line)]
    parts = [args for span in spans(SKILL) for args in mentioned(span)]
    assert len(whole) > len(NOTES) > 5
    assert [why for args in whole if (why := refusal(args, all_of_it=True))] == []
    assert [why for args in parts if (why := refusal(args, all_of_it=False))] == []


def test_its_plan_is_canonical_and_needs_no_judgement() -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    jsonschema.validate(json.loads(text), schema("prd"), jsonschema.Draft202012Validator)
    plan = planfile.read(text.encode(), "prd.json")
    assert [feature.id for feature in plan.features] == ["US-001", "US-002"]
    assert plan.readings == ()


def test_its_fields_are_fields_of_a_feature() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", TEXT, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    known = {*schema("prd")["$defs"]["feature"]["properties"]}  # type: ignore[index]  # a JSON Schema is a tree of dictionaries
    assert len(told) > 8
    assert told <= known


@pytest.mark.parametrize("line", NOTES)
def test_its_notes_are_taken_as_a_session_writes_them(line: str) -> None:
    jsonschema.validate(
        note_cli.read(shlex.split(line)), schema("note"), jsonschema.Draft202012Validator
    )


def test_there_are_notes_of_every_kind() -> None:
    assert {line.split()[0] for line in NOTES} == {
        "verified",
        "rejected",
        "open",
        "decision",
        "pattern",
        "challenge",
    }


def test_the_commands_that_copy_it_put_it_where_those_agents_look() -> None:
    lines = re.findall(r"^mkdir .+$", page("cookbook-agents.md"), re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        subprocess.run(["sh", "-ec", line], cwd=ROOT, check=True)
    lent = {name for agent in registry_io.shipped() for name in registry_io.load(agent, {}).home}
    places = {
        str(file.parents[1].relative_to(Path.home())) for file in Path.home().rglob("SKILL.md")
    }
    assert (len(places), places - lent) == (3, set())
