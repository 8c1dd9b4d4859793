"""The files that come with the package: found by name, and real files wherever they are shown to
another program."""

from importlib.util import find_spec

import pytest

from nightlatch import data
from nightlatch.edge import agents, rooms
from nightlatch.edge.preloaded import PROGRAMS
from nightlatch.edge.runner import ORDER


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_of_the_package_lies_where_python_finds_its_module(module: str) -> None:
    found = find_spec(module)
    assert found is not None
    assert str(data.program(module)) == found.origin


def test_what_is_shown_inside_sandboxes_is_there() -> None:
    programs = (rooms.NOTING, agents.SCRIPTED, data.RUNNERS / "nightlatch_probe.py")
    assert all(program.is_file() for program in programs)


def test_names_are_those_of_files_with_the_ending() -> None:
    assert {"claude", "codex", "scripted"} <= {*data.names("agents", ".toml")}
    assert {*ORDER} == {*data.names("runners", ".toml")}
