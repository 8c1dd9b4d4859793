"""Every project of docs/cookbook-languages.md, laid as it stands there, and the night that the
page tells of."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.proofs.browser.test_pages import MODULES, absent
from tests.proofs.corpus.conftest import installed as find_vitest
from tests.proofs.docs.pages import Part, chapters
from tests.stories.fixtures import lay, project_at
from tests.stories.sample_project import Project

pytestmark = pytest.mark.sandbox
PAGE = chapters("cookbook-languages.md")
VITEST = find_vitest()
RUSTUP = Path.home() / ".rustup"


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
            found.setdefault(part.feature, []).append(
                [{"write": name, "text": text} for name, text in part.files.items()]
            )
    return found


def night(project: Project, chapter: str) -> str:
    """What init said; the night must have come to what the page says."""
    said = project.run("init", "--commit").stdout
    env = {"NIGHTLATCH_SCRIPT": str(project.script(script(PAGE[chapter])))}
    process = project.start("run", "--agent", "scripted", env=env)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, f"{out}\n{err}"
    (told,) = [part.told() for part in PAGE[chapter] if part.lead == "What came of it"]
    assert project.outcomes() == told, f"{out}\n{err}"
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


def installed(project: Project, modules: Path, *packages: str) -> None:
    """What `npm ci` would have made: files linked from an installation, and a link for each
    package of the workspace."""
    shutil.copytree(modules, project.folder / "node_modules", copy_function=linked, symlinks=True)
    for name in packages:
        place = project.folder / "node_modules/@shop" / name
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(f"../../packages/{name}")


def linked(source: str, target: str) -> None:
    """The same file, or a copy where the installation lies on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.skipif(VITEST is None, reason="run tests/proofs/corpus/install.sh first")
def test_typescript(tmp_path: Path) -> None:
    assert VITEST is not None
    chapter = "TypeScript with vitest, in a monorepo"
    project = laid(tmp_path, chapter)
    installed(project, VITEST, "till", "receipt")
    said = night(project, chapter)
    assert "test runner vitest" in said
    assert "node_modules, shared read-only" in said


@pytest.mark.skipif(bool(absent()), reason=absent())
def test_a_browser(tmp_path: Path) -> None:
    chapter = "Browser tests"
    project = laid(tmp_path, chapter)
    installed(project, MODULES)
    said = night(project, chapter)
    assert "test runner node --test" in said
    project.run("report", "--html", str(tmp_path / "morning.html"))
    assert (tmp_path / "morning.html").read_text().count("data:image/png") == 2


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")
def test_go(tmp_path: Path) -> None:
    assert "test runner go test" in night(laid(tmp_path, "Go"), "Go")


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if RUSTUP.is_dir():
        monkeypatch.setenv("RUSTUP_HOME", str(RUSTUP))
    assert "test runner cargo test" in night(laid(tmp_path, "Rust"), "Rust")
