"""`ratchet` where no run gives ids: what the test files declare is protected, in every language, whatever runs them, or nothing.

A few changes of each language are tried each time; NIGHTLATCH_FULL=1 tries them all.
"""

import os
from collections.abc import Iterator

import pytest

from tests.cli.kit import Project, Told
from tests.core.declared_samples import SAMPLES, Sample

EVERY = [pytest.param(sample, id=sample.language) for sample in SAMPLES]
FULL = bool(os.environ.get("NIGHTLATCH_FULL"))
LANDS = 0
READ = {f"ratchet.{rule}" for rule in ("test-removed", "skip-added", "skip-condition", "fewer-assertions", "looser", "runner-selection")}
BY_EXIT_CODE = ("--tests", "true")


@pytest.fixture
def project(project: Project) -> Project:
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    return project


@pytest.fixture
def no_suite(project: Project) -> None:
    """Whatever runners this machine has, none runs here: the person took the suite of the top out."""
    project.monkeypatch.setenv("NIGHTLATCH_CHECKS_SUITE", '[{"folder": ""}]')


def tampered(sample: Sample) -> Iterator[tuple[str, dict[str, str | None]]]:
    """What may never land: a word for it, and the files as they are afterwards."""
    yield "the file deleted", {sample.path: None}
    yield "the file emptied", {sample.path: ""}
    yield "the file renamed away", {sample.path: None, sample.away: sample.text}
    for what in sample.weaker if FULL else [*sample.weaker][-1:]:
        yield what, {sample.path: sample.weakened(what)}
        yield f"{what}, and moved", {sample.path: None, sample.moved: sample.weakened(what)}


def verdict(project: Project, files: dict[str, str | None], *args: str, told: list[Told] | None = None) -> int:
    """The exit code of the ratchet on one commit, which is taken back."""
    base = project.git("rev-parse", "HEAD")
    for name, text in files.items():
        if text is None:
            (project.folder / name).unlink()
        else:
            project.write(name, text)
    project.commit()
    said = project.nightlatch("ratchet", f"{base}..HEAD", *args)
    project.git("reset", "-q", "--hard", base)
    if told is not None:
        told.append(said)
    return said.code


def objections(project: Project, files: dict[str, str | None]) -> set[str]:
    """The rules by which the ratchet objects to one commit where it has to find the suite itself."""
    told = list[Told]()
    verdict(project, files, "--json", told=told)
    return {str(reason["rule"]) for reason in told[0].json["reasons"]}  # type: ignore[attr-defined]  # a list of objects


def laid(project: Project, sample: Sample) -> None:
    project.commit("the shop", **{"README.md": "# A shop\n", sample.path: sample.text})


@pytest.mark.parametrize("sample", EVERY)
def test_no_test_goes_where_the_suite_is_known_by_its_exit_code(project: Project, sample: Sample) -> None:
    laid(project, sample)
    assert [what for what, files in tampered(sample) if verdict(project, files, *BY_EXIT_CODE) == LANDS] == []


@pytest.mark.usefixtures("no_suite")
@pytest.mark.parametrize("sample", EVERY)
def test_no_test_goes_where_there_is_no_suite(project: Project, sample: Sample) -> None:
    laid(project, sample)
    assert [what for what, files in tampered(sample) if verdict(project, files) == LANDS] == []


@pytest.mark.usefixtures("no_suite")
@pytest.mark.parametrize("sample", EVERY)
def test_a_test_file_that_moves_as_it_is_lands(project: Project, sample: Sample) -> None:
    laid(project, sample)
    moved = {sample.path: None, sample.moved: sample.text}
    assert verdict(project, moved, *BY_EXIT_CODE) == LANDS
    # Where the file alone makes a suite, such as bats, whether that one can be run here is another question.
    assert objections(project, moved) & READ == set()
