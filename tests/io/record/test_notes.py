"""Findings in a real repository: read and judged by few processes, found again after renames,
merged without conflict."""

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.project.project import Project, find_project
from nightlatch.record.findings import staleness_io
from nightlatch.record.findings.findings import (
    Author,
    Cite,
    Evidence,
    Finding,
    Grounds,
    Origin,
    State,
    read,
    render,
)
from nightlatch.record.findings.staleness import Freshness
from nightlatch.run.notes_io import anchored, path_of
from tests.unit.record.sample_findings import with_keys

AT = datetime(2026, 11, 21, 6, 10, tzinfo=UTC)
CODE = (
    "def accept(user, invite):\n    if invite.used:\n        raise ValueError(invite)\n    return"
    " user\n"
)
FILLER = "".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(40))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A repository, and a git that counts how often it is started."""

    top: Path
    log: Path

    def git(self, *args: str, cwd: Path | None = None) -> str:
        return subprocess.run(
            ["git", *args], cwd=cwd or self.top, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            (self.top / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")
        return self.git("rev-parse", "HEAD")

    def project(self) -> Project:
        return find_project(self.top)

    def add(self, name: str, *cites: str, **more: object) -> Finding:
        """A finding about the tip, committed."""
        project, tip = self.project(), self.git("rev-parse", "HEAD")
        plain = Finding(id=name, claim=name, origin=Origin(by=Author.PERSON, at=AT))
        cited = tuple(Cite(path=path, lines=(1, 3)) for path in cites)
        made = with_keys(plain, cites=cited, **more)
        kept = anchored(project, tip, tip, made)
        self.commit(**{f"findings/{name}.toml": render(kept)})
        return kept

    def calls(self) -> list[str]:
        return (
            [line.split()[-1] for line in self.log.read_text().splitlines()]
            if self.log.exists()
            else []
        )


@pytest.fixture
def shop(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    counting = tmp_path / "bin/git"
    counting.parent.mkdir()
    log = tmp_path / "calls"
    count = (
        f"for word; do case $word in cat-file|diff-tree|ls-tree|log) echo $word >> {log};; esac;"
        " done"
    )
    counting.write_text(f'#!/bin/sh\n{count}\nexec {shutil.which("git")} "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counting.parent}:{os.environ['PATH']}")
    shop = Shop(top=repository, log=log)
    shop.commit(**{"prd.json": '{"userStories": []}', "src/invite.py": FILLER + CODE, "a.py": CODE})
    return shop


def stands(shop: Shop, *, blame: str = "") -> dict[str, Freshness]:
    project, tip = shop.project(), shop.git("rev-parse", "HEAD")
    found = project.findings(tip, {})
    standings = staleness_io.standings(project.repo, tip, found)
    guilty = {
        each.id: staleness_io.blamed(project.repo, tip, each, standings[each.id])
        for each in found
        if each.id == blame
    }
    return {**standings, **guilty}


def test_a_thousand_findings_are_read_and_judged_by_one_process(shop: Shop) -> None:
    first = shop.add("N-00000", "a.py")
    names = [f"N-{n:05}" for n in range(1, 1000)]
    shop.commit(**{f"findings/{name}.toml": render(replace(first, id=name)) for name in names})
    shop.log.unlink()
    assert len(stands(shop)) == 1000
    assert shop.calls() == ["cat-file"]


def test_what_was_read_of_one_commit_is_not_read_again_for_the_next(shop: Shop) -> None:
    shop.add("N-00001", "a.py")
    known: dict[str, Finding] = {}
    project = shop.project()
    project.findings("HEAD", known)
    [kept] = known.values()
    shop.add("N-00002", "a.py")
    assert project.findings("HEAD", known)[0] is kept


def test_renames_with_and_without_edits_are_found_once_for_all(shop: Shop) -> None:
    for n in range(4):
        shop.add(f"N-0000{n}", "a.py", "src/invite.py")
    shop.git("mv", "a.py", "b.py")
    shop.git("mv", "src/invite.py", "src/team.py")
    shop.commit(**{"src/team.py": (FILLER + CODE).replace("return 7\n", "return 70\n")})
    shop.log.unlink()
    found = stands(shop)
    assert {(each.fresh, each.orphaned) for each in found.values()} == {(True, False)}
    assert shop.calls().count("diff-tree") == 1
    assert shop.calls().count("cat-file") == 1


def test_a_stale_finding_names_the_commit_that_did_it(shop: Shop) -> None:
    shop.add("N-00001", "a.py")
    shop.commit(**{"a.py": CODE + "\n\ndef more():\n    pass\n"})
    guilty = shop.commit(**{"a.py": CODE.replace("invite.used", "not invite.used")})
    shop.commit(**{"a.py": CODE.replace("invite.used", "not invite.used") + "# end\n"})
    found = stands(shop, blame="N-00001")["N-00001"]
    assert (found.fresh, found.commit, round(found.share, 2)) == (False, guilty, 0.33)


def test_a_file_that_is_gone_orphans_its_finding_and_the_commit_is_named(shop: Shop) -> None:
    shop.add("N-00001", "a.py")
    (shop.top / "a.py").unlink()
    guilty = shop.commit(**{"src/invite.py": "pass\n"})
    found = stands(shop, blame="N-00001")["N-00001"]
    assert (found.fresh, found.orphaned, found.commit) == (False, True, guilty)


def test_an_evidence_file_that_changed_is_lost_evidence(shop: Shop) -> None:
    shop.commit(**{"slow.log": "412 ms\n"})
    shop.add("N-00001", evidence=(Evidence(file="slow.log"),))
    assert stands(shop)["N-00001"].fresh
    shop.commit(**{"slow.log": "9 ms\n"})
    assert stands(shop)["N-00001"].summary == "slow.log is another file now"


def test_a_stale_finding_is_fresh_again_once_an_event_cites_the_code_anew(shop: Shop) -> None:
    old = shop.add("N-00001", "a.py")
    shop.commit(**{"a.py": CODE.replace("invite.used", "not invite.used")})
    assert not stands(shop)["N-00001"].fresh
    new = shop.add("N-00002", "a.py")
    assert stands(shop)["N-00002"].fresh
    assert old.grounds.cites[0].syntax != new.grounds.cites[0].syntax


def test_two_branches_that_add_findings_merge_and_a_fresh_clone_has_them_all(
    shop: Shop, tmp_path: Path
) -> None:
    shared = shop.add("N-00000", "a.py")
    shop.git("checkout", "-q", "-b", "other")
    for n in range(1, 6):
        shop.add(f"N-1000{n}", "a.py")
    shop.git("checkout", "-q", "main")
    for n in range(1, 6):
        shop.add(f"N-2000{n}", "src/invite.py")
    shop.git("merge", "-q", "--no-edit", "other")
    clone = tmp_path / "clone"
    shop.git("clone", "-q", str(shop.top), str(clone), cwd=tmp_path)
    found = find_project(clone).findings("HEAD", {})
    assert len(found) == 11
    assert {each.id: each for each in found}["N-00000"] == shared
    assert stands(replace(shop, top=clone))["N-10001"].fresh


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "a\nb"])
def test_a_cite_that_leads_out_of_the_repository_is_kept_and_never_read(
    shop: Shop, name: str
) -> None:
    project = shop.project()
    assert path_of(project, name) == ""
    found = anchored(
        project,
        "HEAD",
        "HEAD",
        Finding(
            id="N-1",
            claim="x",
            origin=Origin(by=Author.AGENT, at=AT),
            grounds=Grounds(cites=(Cite(path=name, lines=(1, 2)),)),
        ),
    )
    assert (found.grounds.cites[0].path, found.grounds.cites[0].blob) == (name, "")


@pytest.mark.parametrize("spelled", ["./a.py", "src/../a.py", "{top}/a.py"])
def test_a_path_is_the_repositorys_however_it_was_spelled(shop: Shop, spelled: str) -> None:
    assert path_of(shop.project(), spelled.replace("{top}", str(shop.top))) == "a.py"


def test_states_survive_the_trip_through_the_repository(shop: Shop) -> None:
    wanted = shop.add("N-00001", "a.py", born=State.BLOCKED, next="ask for access to the log")
    assert read(shop.git("show", "HEAD:findings/N-00001.toml") + "\n", "f") == wanted
