"""Every project of docs/cookbook-languages.md, laid as it stands there, and the night that the page tells of."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.docs.pages import Part, chapters
from tests.loop.grounds import lay, project_at
from tests.loop.village import Project

pytestmark = pytest.mark.sandbox
PAGE = chapters("cookbook-languages.md")


def laid(folder: Path, chapter: str) -> Project:
    """The project of a chapter, set up."""
    project = project_at(folder / "shop", folder)
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    (first,) = [part for part in PAGE[chapter] if part.lead == "The project"]
    lay(project.folder, first.files)
    for script in project.folder.glob("checks/*"):
        script.chmod(0o755)
    project.commit("a small shop")
    return project


def script(parts: Iterable[Part]) -> dict[str, list[list[dict[str, str]]]]:
    """The sessions of a chapter, as the scripted agent does them."""
    found: dict[str, list[list[dict[str, str]]]] = {}
    for part in parts:
        if part.feature:
            found.setdefault(part.feature, []).append([{"write": name, "text": text} for name, text in part.files.items()])
    return found


def night(project: Project, chapter: str) -> str:
    """What init said; the night must have come to what the page says."""
    said = project.run("init", "--commit").stdout
    env = {"NIGHTLATCH_SCRIPT": str(project.script(script(PAGE[chapter])))}
    process = project.start("run", "--agent", "scripted", env=env)
    out, err = process.communicate(timeout=300)
    (told,) = [part.told() for part in PAGE[chapter] if part.lead == "What came of it"]
    assert project.outcomes() == told, f"{out}\n{err}\n{project.git('show', 'HEAD:progress.txt')}"
    assert project.git("status", "--porcelain") == ""
    return said


@pytest.fixture
def python(slim_pytest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{slim_pytest}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("python")
def test_python(tmp_path: Path) -> None:
    project = laid(tmp_path, "Python")
    said = night(project, "Python")
    assert "test runner pytest" in said
    assert "ruff, for checks/30-lint" in said
    assert "Nightlatch-Verify: red->green" in project.git("log", "--format=%(trailers:unfold)")
