"""What docs/cookbook-agents.md says of each agent is what its file in the package says, and its
settings are settings."""

import re
import tomllib
from importlib.resources import files

import pytest

from nightlatch.agents import registry_io
from nightlatch.project.config import settings
from tests.proofs.docs.pages import page

TEXT = page("cookbook-agents.md")
NAMES = [name for name in registry_io.shipped() if name != "scripted"]
ROW = re.compile(r"^\| ([a-z ]+) \| (.+) \|$", re.MULTILINE)
SETTINGS = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def rows(name: str) -> dict[str, str]:
    """The table of the chapter whose settings begin with this agent alone."""
    (chapter,) = [
        part
        for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)
        if f'agent = ["{name}"]' in part
    ]
    return {key: value.replace("`", "") for key, value in ROW.findall(chapter)}


@pytest.mark.parametrize("name", NAMES)
def test_login_keys_files_and_version_are_those_of_the_agents_file(name: str) -> None:
    known = tomllib.loads(
        files("nightlatch").joinpath("agents", "data", f"{name}.toml").read_text("utf-8")
    )
    told = {"or a key": ", ".join(known["keys"]), "also copied": ", ".join(known["home"])}
    told |= {"credentials": ", ".join(known["credentials"])} if "credentials" in known else {}
    told["tested"] = (
        known["tested"] if known["tested"][0].isdigit() else "no: it follows its documentation"
    )
    shown = rows(name)
    assert {key: shown[key] for key in told} == told
    assert shown.get("log in", known["login"]) == known["login"]
    assert ("log in" in shown) == ("key of your provider" not in known["login"])


@pytest.mark.parametrize("text", SETTINGS)
def test_every_block_of_settings_is_valid_and_names_agents_that_there_are(text: str) -> None:
    known = settings.load(text, None, {}, {})
    assert [registry_io.load(name, known.agents).name for name in known.agent] == list(known.agent)
    assert {*known.agents} <= {*known.agent}
