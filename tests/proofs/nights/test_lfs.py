"""Nights on a repository with Git LFS, by its real program, with a folder as the server of its
files."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.stories.fixtures import project_at
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
OLD, NEW, MORE = ("".join(f"{word} {n}\n" for n in range(2_000)) for word in ("old", "new", "more"))
WHO = {"name": "Ada", "email": "ada@example.org"}
READS = """import unittest
from pathlib import Path


class Data(unittest.TestCase):
    def test_the_first_line(self):
        self.assertIn(Path("data/rows.bin").read_text().splitlines()[0], ("old 0", "new 0"))
"""


def pointer(text: str) -> str:
    data = text.encode()
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data).hexdigest()}\nsize"
        f" {len(data)}\n"
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A clone of a repository whose data are large files; they lie in the folder that it was
    cloned from."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    for words in (
        ["lfs", "install"],
        *(["config", "--global", f"user.{key}", value] for key, value in WHO.items()),
    ):
        subprocess.run(["git", *words], check=True, capture_output=True)
    story = feature(
        1, verify="grep -q '^new 1999$' data/rows.bin && grep -q '^more 7$' data/more.bin"
    )
    first = make_project(
        tmp_path / "first", [story, feature(2)], files={"tests/io/test_data.py": READS}
    )
    first.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    first.write("data/rows.bin", OLD)
    first.commit("large files")
    assert first.git("show", "HEAD:data/rows.bin") == pointer(OLD)
    server = tmp_path / "server.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(first.folder), str(server)], check=True)
    first.git("remote", "add", "origin", f"file://{server}")
    first.git("lfs", "push", "--all", "origin", "main")
    return cloned(server, tmp_path / "clone")


def cloned(server: Path, folder: Path) -> Project:
    subprocess.run(["git", "clone", "-q", f"file://{server}", str(folder)], check=True)
    return project_at(folder, folder.parent)


def test_a_large_file_lands_as_a_pointer_with_its_content_in_the_persons_store(
    project: Project, tmp_path: Path
) -> None:
    assert (
        "files behind the filter lfs are shown to agents" in project.run("doctor", code=None).stdout
    )
    steps: list[dict[str, object]] = [
        {"run": "grep -q '^old 1999$' data/rows.bin && test -z \"$(git status --porcelain)\""},
        {"write": "data/rows.bin", "text": NEW},
        {"write": "data/more.bin", "text": MORE},
        writes(1),
    ]
    project.night({"US-001": [steps], "US-002": [[writes(2)]]})  # the second one leaves them alone

    assert project.outcomes() == [("landed", "US-001", ""), ("landed", "US-002", "")]
    for name, text in (("rows", NEW), ("more", MORE)):
        oid = sha256(text.encode()).hexdigest()
        assert project.git("show", f"HEAD:data/{name}.bin") == pointer(text)
        assert (project.folder / f"data/{name}.bin").read_text() == text
        assert (project.folder / f".git/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}").read_text() == text
    assert project.git("status", "--porcelain") == ""
    assert "Git LFS fsck OK" in project.git("lfs", "fsck")
    project.git("push", "-q", "origin", "main")
    again = cloned(tmp_path / "server.git", tmp_path / "again")
    assert (again.folder / "data/rows.bin").read_text() == NEW
