"""What the pages list because the code has it: rules, settings, agents, steps of a script,
fields of a plan, events."""

import json
import re
import tomllib
from importlib.resources import files

import pytest

from nightlatch.agents import registry_io, scripted
from nightlatch.model.models import Outcome
from nightlatch.notify import messages
from nightlatch.project.config import settings
from nightlatch.record.findings.findings import State
from nightlatch.record.progress import RULE_OF_END
from nightlatch.verdict.rules_page import listing
from tests import ROOT
from tests.proofs.docs.reading import PAGES, Block, blocks, spans

NAMED = re.compile(r"([a-z]+)\.[a-z][a-z_-]*")
LINT = tomllib.loads(
    files("nightlatch").joinpath("shipped", "lint.toml").read_text(encoding="utf-8")
)["rules"]
SETTINGS = {".".join(path) for path in settings.known_keys()}
KNOWN = {*listing(), *LINT, *RULE_OF_END.values(), *SETTINGS}
DATA = [block for page in PAGES for block in blocks(page) if block.language in ("json", "toml")]
OTHERS = {"tool", "package"}  # pyproject.toml and Cargo.toml, in the cookbook


def rows(page: str) -> list[list[str]]:
    """The cells of all tables of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def first_names(page: str) -> set[str]:
    """What stands in the first cells, each name by itself."""
    return {name for row in rows(page) for name in re.findall(r"`([^`]+)`", row[0])}


@pytest.mark.parametrize("page", [page for page in PAGES if "/decisions/" not in page])
def test_every_rule_and_setting_that_a_page_names_is_one(page: str) -> None:
    families = {name.partition(".")[0] for name in KNOWN if "." in name}
    named = [
        span for span in spans(page) if (found := NAMED.fullmatch(span)) and found[1] in families
    ]
    assert [
        span
        for span in named
        if span not in KNOWN
        and not span.endswith((".fault", ".json", ".md", ".py", ".sh", ".toml"))
    ] == []


def test_the_agents_of_the_page_are_the_shipped_ones_with_the_versions_that_were_tested() -> None:
    told = {
        row[0].strip("`"): row[1]
        for row in rows("agents.md")
        if row[0].strip("`") in registry_io.shipped()
    }
    tested = {
        name: registry_io.load(name, {}).tested
        for name in registry_io.shipped()
        if name != "scripted"
    }
    assert told == {name: text if text[0].isdigit() else "no" for name, text in tested.items()} | {
        "scripted": "always"
    }


def test_the_steps_of_a_script_are_those_of_the_page() -> None:
    assert {
        row[0][3:].partition('"')[0] for row in rows("agents.md") if row[0].startswith('`{"')
    } == {*scripted.STEPS}


def test_the_fields_of_a_feature_are_those_of_the_page() -> None:
    schema = json.loads(
        files("nightlatch").joinpath("schema", "prd.json").read_text(encoding="utf-8")
    )
    assert {*schema["$defs"]["feature"]["properties"]} - {"id", "title", "passes"} <= first_names(
        "plan.md"
    )


def test_how_a_session_may_end_and_how_a_finding_may_stand_are_those_of_the_pages() -> None:
    assert {*Outcome} <= first_names("how-it-decides.md")
    assert {*State} <= {row[0] for row in rows("words.md")}


def test_the_events_of_a_notice_are_those_of_the_page() -> None:
    assert {
        messages.RUN_ENDED,
        messages.NEEDS_YOU,
        messages.FAULT,
        messages.BRANCH_RED,
    } <= first_names("notifications.md")


@pytest.mark.parametrize("block", DATA, ids=[block.place for block in DATA])
def test_what_a_page_shows_as_json_or_as_settings_can_be_read(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
    elif not OTHERS & {*tomllib.loads(block.text)}:
        settings.load(block.text, None, {}, {})
