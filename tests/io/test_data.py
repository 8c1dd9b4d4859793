"""The files that come with the package: found by name, and real files wherever they are shown to
another program."""

from importlib.util import find_spec

import pytest

from nightlatch import data
from nightlatch.agents import registry_io
from nightlatch.run.preload import PROGRAMS
from nightlatch.suite.run_io import ORDER
from nightlatch.workspace import profiles


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_of_the_package_lies_where_python_finds_its_module(module: str) -> None:
    found = find_spec(module)
    assert found is not None
    assert str(data.program(module)) == found.origin


def test_what_is_shown_inside_sandboxes_is_there() -> None:
    programs = (profiles.NOTING, registry_io.SCRIPTED, data.RUNNERS / "nightlatch_probe.py")
    assert all(program.is_file() for program in programs)


def test_names_are_those_of_files_with_the_ending() -> None:
    assert {"claude", "codex", "scripted"} <= {*data.names("agents/data", ".toml")}
    assert {*ORDER} == {*data.names("suite/runners", ".toml")}
