"""`ratchet` where no run gives ids: what the test files declare is protected, in every
language, whatever runs them, or nothing.

A few changes of each language are tried each time; NIGHTLATCH_FULL=1 tries them all.
"""

import os
from collections.abc import Iterator

import pytest

from tests.io.cli.cli_project import Project
from tests.unit.ratchet.declared_samples import SAMPLES, Sample

EVERY = [pytest.param(sample, id=sample.language) for sample in SAMPLES]
FULL = bool(os.environ.get("NIGHTLATCH_FULL"))
LANDS = 0
BY_EXIT_CODE = ("--tests", "true")


@pytest.fixture
def project(project: Project) -> Project:
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    return project


@pytest.fixture
def no_suite(project: Project) -> None:
    """Whatever runners this machine has, none runs here: the person took the suite of the top
    out."""
    project.monkeypatch.setenv("NIGHTLATCH_CHECKS_SUITE", '[{"folder": ""}]')


def tampered(sample: Sample) -> Iterator[tuple[str, dict[str, str | None]]]:
    """What may never land: a word for it, and the files as they are afterwards."""
    yield "the file deleted", {sample.path: None}
    yield "the file emptied", {sample.path: ""}
    yield "the file renamed away", {sample.path: None, sample.away: sample.text}
    for what in sample.weaker if FULL else [*sample.weaker][-1:]:
        yield what, {sample.path: sample.weakened(what)}
        yield (
            f"{what}, and moved",
            {sample.path: None, sample.moved: sample.there(sample.weakened(what))},
        )


def verdict(project: Project, files: dict[str, str | None], *args: str) -> int:
    """The exit code of the ratchet on one commit, which is taken back."""
    base = project.git("rev-parse", "HEAD")
    for name, text in files.items():
        if text is None:
            (project.folder / name).unlink()
        else:
            project.write(name, text)
    project.commit()
    code = project.nightlatch("ratchet", f"{base}..HEAD", *args).code
    project.git("reset", "-q", "--hard", base)
    return code


def laid(project: Project, sample: Sample) -> None:
    project.commit("the shop", **{"README.md": "# A shop\n", sample.path: sample.text})


@pytest.mark.parametrize("sample", EVERY)
def test_no_test_goes_where_the_suite_is_known_by_its_exit_code(
    project: Project, sample: Sample
) -> None:
    laid(project, sample)
    assert [
        what for what, files in tampered(sample) if verdict(project, files, *BY_EXIT_CODE) == LANDS
    ] == []


@pytest.mark.usefixtures("no_suite")
@pytest.mark.parametrize("sample", EVERY)
def test_no_test_goes_where_there_is_no_suite(project: Project, sample: Sample) -> None:
    laid(project, sample)
    assert [what for what, files in tampered(sample) if verdict(project, files) == LANDS] == []


@pytest.mark.usefixtures("no_suite")
@pytest.mark.parametrize("sample", EVERY)
def test_a_test_file_that_moves_as_it_is_lands(project: Project, sample: Sample) -> None:
    laid(project, sample)
    moved = {sample.path: None, sample.moved: sample.there(sample.text)}
    assert verdict(project, moved, *BY_EXIT_CODE) == LANDS
    assert verdict(project, moved) == LANDS


@pytest.mark.parametrize("sample", EVERY)
def test_a_move_lands_where_the_file_alone_points_to_a_runner_in_which_it_fails(
    project: Project, sample: Sample
) -> None:
    """There is no code that the tests could pass on: what fails at the base may go on failing
    where it is now."""
    laid(project, sample)
    assert verdict(project, {sample.path: None, sample.moved: sample.there(sample.text)}) == LANDS


@pytest.mark.parametrize("sample", EVERY)
def test_no_test_goes_where_the_file_alone_points_to_a_runner_in_which_it_fails(
    project: Project, sample: Sample
) -> None:
    laid(project, sample)
    assert [what for what, files in tampered(sample) if verdict(project, files) == LANDS] == []


def test_a_move_takes_no_failure_along_that_the_base_does_not_have(project: Project) -> None:
    """Control: the file that moves is the same, and what it failed for is not."""
    text = "from cart import add\n\n\ndef test_adds():\n    assert add(1, 2) == 3\n"
    project.commit(
        "the shop",
        **{
            "cart.py": "def add(a, b):\n    return a + b\n",
            "conftest.py": "",
            "tests/test_cart.py": text,
        },
    )
    moved = {"tests/test_cart.py": None, "tests/shop/test_cart.py": text}
    assert verdict(project, moved) == LANDS
    assert verdict(project, {**moved, "cart.py": "def add(a, b):\n    return a * b\n"}) != LANDS
