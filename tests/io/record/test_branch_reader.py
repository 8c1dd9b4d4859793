"""What commits say is read once by each reader, by any number of threads, and of a longer
progress.txt only what is new."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nightlatch.errors import PlanError
from nightlatch.git.repo import Repo
from nightlatch.model.models import Plan
from nightlatch.project.discovery import plan_in_force
from nightlatch.project.project import Project, find_project
from nightlatch.record.branch_io import MOST_KEPT, BranchReader
from nightlatch.record.findings.findings import Author, Finding, Origin, render
from tests.io.record.test_notes import AT

PLAN = '{"userStories": [{"id": "US-001", "title": "One", "passes": %s}]}'
ENTRY = (
    "2026-11-20T23:%02dZ landed      US-001 try=1  12m  $0.40 -  One\n"
    "    session r-1-s%02d  digest 4f1c2a\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A project that notes what it is asked for."""

    project: Project
    asked: list[str] = field(default_factory=list)

    @property
    def repo(self) -> Repo:
        return self.project.repo

    def read_plan(self, rev: str) -> Plan | None:
        self.asked.append("plan")
        return self.project.read_plan(rev)

    def progress_text(self, rev: str) -> str:
        self.asked.append("progress")
        return self.project.progress_text(rev)

    def findings(self, rev: str, known: dict[str, Finding]) -> tuple[Finding, ...]:
        self.asked.append(f"findings, {len(known)} known")
        return self.project.findings(rev, known)


def git(top: Path, *args: str) -> str:
    return subprocess.run(
        ["git", *args], cwd=top, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(top: Path, files: dict[str, str] | None = None) -> str:
    for name, text in (files or {}).items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    git(top, "add", "-A")
    git(top, "commit", "-q", "--allow-empty", "-m", "more")
    return git(top, "rev-parse", "HEAD")


def finding(name: str) -> str:
    return render(Finding(id=name, claim=name, origin=Origin(by=Author.PERSON, at=AT)))


def entries(count: int) -> str:
    return "".join(ENTRY % (n, n) for n in range(1, count + 1))


@pytest.fixture
def top(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    plan, findings = {"prd.json": PLAN % "false"}, {"findings/a.toml": finding("a")}
    commit(tmp_path, {**plan, **findings, "progress.txt": entries(1)})
    return tmp_path


def everything(reader: BranchReader, at: str) -> tuple[object, ...]:
    return reader.plan(at), reader.history(at), reader.progress_text(at), reader.findings(at)


def test_a_commit_is_read_once_whoever_asks_and_how_often(top: Path) -> None:
    counted, tip = Counted(project=find_project(top)), git(top, "rev-parse", "HEAD")
    reader = BranchReader(counted)
    first = everything(reader, tip)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: everything(reader, tip), range(40)):
            assert all(one is other for one, other in zip(found, first, strict=True))
    assert counted.asked == ["plan", "progress", "findings, 0 known"]


def test_threads_that_ask_at_once_about_several_commits_hear_what_each_says(top: Path) -> None:
    tips = [commit(top, {"progress.txt": entries(count)}) for count in range(1, 7)]
    project = find_project(top)
    reader = BranchReader(project)

    def ask(tip: str) -> list[str]:
        (feature,) = ((plan := reader.plan(tip)) and plan.features) or ()
        history = reader.history(tip)
        history.of(feature)
        return [*history.sessions]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, tips * 10))
    each = [[f"r-1-s{n:02}" for n in range(1, count + 1)] for count in range(1, 7)]
    assert found == each * 10


def test_what_was_appended_is_read_behind_what_is_known(top: Path) -> None:
    """A history that goes on from the last one keeps the features that it has looked up."""
    reader = BranchReader(find_project(top))
    first = reader.history(commit(top))
    assert reader.history(commit(top)) is first
    grown = reader.history(commit(top, {"progress.txt": entries(3)}))
    assert [*grown.sessions] == ["r-1-s01", "r-1-s02", "r-1-s03"]
    assert grown == find_project(top).history("HEAD")
    other = reader.history(commit(top, {"progress.txt": entries(3)[10:]}))
    assert other == find_project(top).history("HEAD") != grown


def test_a_finding_that_is_known_is_not_read_at_the_next_commit(top: Path) -> None:
    counted = Counted(project=find_project(top))
    reader = BranchReader(counted)
    (old,) = reader.findings(git(top, "rev-parse", "HEAD"))
    found = reader.findings(commit(top, {"findings/b.toml": finding("b")}))
    assert [one.id for one in found] == ["a", "b"]
    assert found[0] is old
    assert counted.asked == ["findings, 0 known", "findings, 1 known"]


def test_a_name_is_looked_up_each_time(top: Path) -> None:
    reader = BranchReader(find_project(top))
    before = everything(reader, "HEAD")
    changed = {"prd.json": PLAN % "true", "progress.txt": entries(2)}
    commit(top, {**changed, "findings/b.toml": finding("b")})
    after = everything(reader, "HEAD")
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_only_the_last_commits_are_remembered(top: Path) -> None:
    counted = Counted(project=find_project(top))
    reader, tips = BranchReader(counted), [commit(top) for _ in range(MOST_KEPT + 1)]
    for tip in (*tips, tips[-1], tips[0]):
        reader.plan(tip)
    assert len(counted.asked) == len(tips) + 1


def test_a_plan_that_the_person_has_corrected_is_in_force_until_it_is_committed(top: Path) -> None:
    broken, project = commit(top, {"prd.json": '{"userStories": ['}), find_project(top)
    reader = BranchReader(project)
    for _ in range(2):
        with pytest.raises(PlanError):
            plan_in_force(project, reader, broken)
    (top / "prd.json").write_text(PLAN % "true")
    plan = plan_in_force(project, reader, broken)
    assert plan is not None
    assert plan.features[0].done
    with pytest.raises(PlanError):
        reader.plan(broken)
