"""A feature worked on in phases by different roles: each step's progress file, killed and
resumed, blocked and answered, put away."""

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightlatch.loop.session import provision
from nightlatch.loop.setup import entered
from nightlatch.loop.snapshots import Snapshots
from nightlatch.model.models import Event, Kind
from nightlatch.record.phases import PhaseRecord, worked
from nightlatch.run.context import Options, Started
from nightlatch.scheduler.policy import Choice
from tests import PATIENCE
from tests.stories.sample_project import Project, feature, make_project

pytestmark = pytest.mark.sandbox
GOLDEN = Path(__file__).with_name("progress_files")
FULL = ("architecture", "implementation", "testing", "docs", "review")
MINIMAL = ("architecture", "implementation", "testing", "review")
STORM = (FULL, range(2, 44, 3)) if os.environ.get("NIGHTLATCH_FULL") else (MINIMAL, range(5, 44, 6))
SAY = """say() { printf '{"status": "%s", "summary": "%s", "files_created": %s, "key_decisions": %s}' "$@" > "$NIGHTLATCH_OUT/phase.json"; }
test "$1" = "$NIGHTLATCH_PHASE" || exit 9
"""
ROLES = {
    "architecture": (
        """mkdir -p docs; echo "n1.txt, one line" > docs/design.md
say complete drawn '["docs/design.md"]' '["one line, no more"]'"""
    ),
    "implementation": (
        """if ! grep -q yes "$NIGHTLATCH_BRIEF"; then
echo "May it end in a newline?" > "$NIGHTLATCH_OUT/blocked.md"; exit 0; fi
echo 1 > n1.txt
echo 'import unittest
class One(unittest.TestCase):
    def test_it(self): self.assertEqual(open("n1.txt").read(), "1")' > tests/test_one.py
say complete built '["n1.txt"]' '[]'"""
    ),
    "testing": (
        """rm -f tests/sed??????  # what a sed that was killed leaves
sed -i 's/"1")/"1\\\\n")/' tests/test_one.py; say complete "the test was wrong" '[]' '[]'"""
    ),
    "docs": (
        """mkdir -p docs; echo "n1.txt holds 1" > docs/n1.md; say complete told '["docs/n1.md"]' '[]'"""
    ),
    "review": """say complete "n1.txt holds 1, with a test" '[]' '[]'""",
}


def shop(
    folder: Path,
    names: Sequence[str] = FULL,
    *,
    place: str = "progress",
    roles: Mapping[str, str] | None = None,
) -> Project:
    """A shop whose one feature has these phases, each with an agent of its own: a shell script."""
    scripts = {name: (roles or ROLES).get(name, "say complete done [] []") for name in names}
    text = (
        SAY
        + 'case "$1" in\n'
        + "".join(f"{name}) {script};;\n" for name, script in scripts.items())
        + "esac\n"
    )
    agents = "".join(f'[agents.{name}]\ncommand = ["./role.sh", "{name}"]\n' for name in names)
    settings = f'phase_progress = "{place}"\nagent = ["{names[0]}"]\n{agents}'
    story = feature(
        1,
        phases=[
            {"name": name, "agent": name, "dependsOn": list(names[:n][-1:])}
            for n, name in enumerate(names)
        ],
    )
    project = make_project(
        folder, [story], settings=settings, files={"role.sh": f"#!/bin/sh\n{text}"}
    )
    (project.folder / "role.sh").chmod(0o755)
    project.commit("the roles may run")
    return project


def sessions(project: Project) -> list[PhaseRecord]:
    return [session for entry in project.entries() if (session := worked(entry))]


def files(project: Project, folder: str = "progress") -> dict[str, str]:
    """What the branch has in the folder of progress files; the checkout has the same."""
    names = project.git("ls-tree", "-r", "--name-only", "HEAD", folder).splitlines()
    texts = {name.removeprefix(f"{folder}/"): project.git("show", f"HEAD:{name}") for name in names}
    assert {name: (project.folder / folder / name).read_text() for name in texts} == texts
    return texts


def normal(text: str) -> str:
    """Without what differs from night to night: times, runs and the digest over them."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", "TIME", text)
    return re.sub(r"r-\d{8}-\d{6}-s", "s", re.sub(r"[0-9a-f]{12} -->", "DIGEST -->", text))


def assert_golden(name: str, text: str) -> None:
    """GOLDEN=write renews the golden files: look at their diff before you commit it."""
    path = GOLDEN / f"{name}.md"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(normal(text), encoding="utf-8")
    assert normal(text) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("form", "names", "place"),
    [("full", FULL, "progress"), ("minimal", MINIMAL, ".claude/progress")],
)
def test_the_file_at_each_step_of_a_story_with_everything_in_it(
    tmp_path: Path, form: str, names: Sequence[str], place: str
) -> None:
    project, path = shop(tmp_path, names, place=place), "feature-US-001.md"
    told = [project.run("run", "--once", code=None).stderr]
    assert_golden(f"{form}-1-architecture", files(project, place)[path])
    told.append(project.run("run", "--once", code=None).stderr)
    assert_golden(f"{form}-2-blocked", files(project, place)[path])
    project.run("answer", "US-001", "yes", "--now")
    assert_golden(f"{form}-3-answered", files(project, place)[path])
    told.append(project.run("run", "--once", code=None).stderr)
    assert_golden(f"{form}-4-error-pending", files(project, place)[path])
    told.append(project.run("run", "--once", code=None).stderr)
    assert_golden(f"{form}-5-error-resolved", files(project, place)[path])
    told.append(project.run("run").stderr)
    assert list(files(project, place)) == [f"archived/{path}"]
    assert_golden(f"{form}-6-archived", files(project, place)[f"archived/{path}"])
    assert "resume" not in told[0]
    resumed = [
        next(line.split("resume      ")[1] for line in text.splitlines() if " resume " in line)
        for text in told[1:]
    ]
    assert resumed == [
        (
            f"US-001 at phase implementation: 1 of {len(names)} complete, 0 errors pending;"
            f" {place}/{path}"
        ),
        (
            f"US-001 at phase implementation: 1 of {len(names)} complete, 0 errors pending;"
            f" {place}/{path}"
        ),
        f"US-001 at phase testing: 2 of {len(names)} complete, 1 errors pending; {place}/{path}",
        f"US-001 at phase {names[3]}: 3 of {len(names)} complete, 0 errors pending; {place}/{path}",
    ]
    assert project.passing() == ["US-001"]
    assert [(one.phase, one.agent, one.word) for one in sessions(project)] == [
        ("architecture", "architecture", "advanced"),
        ("implementation", "implementation", "blocked"),
        ("implementation", "implementation", "advanced"),
        ("testing", "testing", "advanced"),
        *([("docs", "docs", "advanced")] if form == "full" else []),
        ("review", "review", "landed"),
    ]
    assert project.git("status", "--porcelain") == ""


def test_the_next_agent_is_told_what_the_others_left(tmp_path: Path) -> None:
    project = shop(tmp_path)
    project.run("run", "--once")
    brief = project.run("brief", "US-001").stdout
    assert brief.startswith("You build what has been decided.")
    assert "## Your phase: implementation" in brief
    assert "- architecture, decided: one line, no more\n" in brief
    assert "- [x] phase architecture\n- [ ] phase implementation\n" in brief
    assert "No command proves this feature yet" not in brief
    assert "# US-001: Number 1" in brief


EAGER = {**ROLES, "implementation": ROLES["implementation"].split("fi\n", 1)[1]}


def test_killed_between_and_inside_phases_it_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """NIGHTLATCH_FULL has one phase more and is killed at more points."""
    phases, kills = STORM
    (tmp_path / "calm").mkdir()
    (tmp_path / "storm").mkdir()
    calm, storm = (shop(tmp_path / name, phases, roles=EAGER) for name in ("calm", "storm"))
    calm.run("run")
    codes = [storm.killed(at, tmp_path / "points") for at in kills]
    assert codes.count(-signal.SIGKILL) > len(kills) / 2
    points = set((tmp_path / "points").read_text().splitlines())
    assert {"after agent.started", "before publish.started", "after session.ended"} <= points
    storm.run("run")
    assert storm.landings() == calm.landings()
    assert storm.passing() == ["US-001"]
    complete = [one.phase for one in sessions(storm) if one.complete]
    assert complete == list(phases)
    assert len({one.session for one in sessions(storm)}) == len(sessions(storm))
    assert list(files(storm)) == ["archived/feature-US-001.md"]
    assert sorted(
        set(re.findall(r"^### (\w+)$", files(storm)["archived/feature-US-001.md"], re.MULTILINE))
    ) == sorted(phases)
    assert storm.git("status", "--porcelain") == ""
    assert storm.git("for-each-ref", "refs/nightlatch/work") == ""


def test_a_phase_that_leaves_no_artifact_is_tried_again_and_wears_out(tmp_path: Path) -> None:
    project = shop(tmp_path, roles={"architecture": "echo x > x.txt"})
    project.run("run", code=3)
    assert project.outcomes() == [("rejected", "US-001", "phase.open")] * 3
    assert "it left no artifact" in project.git("show", "HEAD:progress.txt")
    assert "Status: in_progress" in files(project)["feature-US-001.md"]


def test_names_of_files_that_no_git_would_take_complete_nothing_and_stop_nothing(
    tmp_path: Path,
) -> None:
    names = json.dumps(
        [
            "./x.txt",
            "docs",
            "../../etc/passwd",
            "a\nb",
            "\udcff",
            "\0",
            "/etc/passwd",
            "x.txt:y",
            "x.tx",
        ]
    )
    role = f"mkdir docs; echo x | tee docs/a > x.txt; say complete done '{names}' []"
    project = shop(tmp_path, roles={"architecture": role}, place="./.claude//progress/")
    project.run("run", "--once")
    (entry,) = project.entries()
    says = "phase.json names files that are not there: ../../etc/passwd, a b, \\xdcff and 4 more"
    assert (entry.rule, entry.details[0]) == (
        "phase.open",
        f"the phase architecture is not complete: {says}",
    )
    assert list(files(project, ".claude/progress")) == ["feature-US-001.md"]


def test_a_phase_never_lands_even_when_its_work_already_proves_the_feature(tmp_path: Path) -> None:
    project = shop(
        tmp_path,
        ("architecture", "review"),
        roles={"architecture": "echo 1 > n1.txt; say complete done [] []"},
    )
    project.run("run", "--once")
    assert project.outcomes() == [("advanced", "US-001", "phase.complete")]
    assert not (project.folder / "n1.txt").exists()
    project.run("run", "--once")
    assert project.passing() == ["US-001"]
    assert files(project) == {}  # nothing was decided, and the landing holds the rest


def test_a_test_that_an_early_phase_takes_away_comes_back_and_is_in_the_error_log(
    tmp_path: Path,
) -> None:
    project = shop(
        tmp_path,
        roles={
            **EAGER,
            "architecture": "rm tests/test_till.py; echo x > x; say complete drawn [] []",
        },
    )
    project.run("run", "--once")
    log = files(project)["feature-US-001.md"].partition("## Error Log")[2]
    assert re.search(r"ratchet\.test-removed\S* .*in architecture", log)
    project.run("run")
    assert project.passing() == ["US-001"]
    assert (project.folder / "tests/test_till.py").exists()


def test_single_phase_work_has_its_prompt_and_no_file(tmp_path: Path) -> None:
    project = shop(
        tmp_path,
        ("review",),
        roles={"review": "sleep 0; test -f n1.txt || { echo 1 > n1.txt; exit 1; }"},
    )
    project.run("run", "--once", code=None)
    assert project.run("brief", "US-001").stdout.startswith("You review the work")
    project.run("run")
    assert project.passing() == ["US-001"]
    assert files(project) == {}


def test_what_a_person_writes_into_the_file_is_never_lost(tmp_path: Path) -> None:
    project, path = shop(tmp_path, roles=EAGER), "progress/feature-US-001.md"
    project.run("run", "--once")
    edited = (
        (project.folder / path)
        .read_text()
        .replace("## Steps", "mind the cache, <b>please</b>\n\n## Steps")
    )
    project.write(path, edited)
    project.commit("a note of mine")
    told = project.run("run", "--once").stderr
    assert (
        f"{path} was edited by hand; it is kept as progress/archived/feature-US-001-by-hand.md"
        in told
    )
    assert files(project)["archived/feature-US-001-by-hand.md"] == edited
    assert (
        "- edited by hand: `mind the cache, <b>please</b>`" in files(project)["feature-US-001.md"]
    )
    assert (
        "- the person wrote: mind the cache, <b>please</b>" in project.run("brief", "US-001").stdout
    )
    project.write(path, "all mine now\n")
    told = project.run("run", "--once").stderr
    # not committed: it stays, and sync brings ours later
    assert (project.folder / path).read_text() == "all mine now\n"
    assert "could not be moved in your checkout; later: python loop.py sync" in told


def test_a_file_that_a_person_had_says_where_to_start_and_is_kept(tmp_path: Path) -> None:
    project = shop(tmp_path, roles=EAGER)
    mine = (
        "Status: in_progress\n## Completed phases\n- Architecture\n## Current phase\n-"
        " implementation\n## Pending phases\n- testing\n"
    )
    project.write("progress/search-US-001.md", mine)
    project.write("progress/ideas.md", "Status: in_progress\n## Completed\n- nothing\n")
    project.commit("what I have")
    told = project.run("run", "--once").stderr
    assert "US-001 at phase implementation: 1 of 5 complete" in told
    assert "progress/ideas.md is unfinished, and belongs to no feature that is left" in told
    assert [one.phase for one in sessions(project)] == ["implementation"]
    assert files(project)["search-US-001.md"] == mine
    project.run("run")
    assert [one.phase for one in sessions(project)] == [
        "implementation",
        "testing",
        "docs",
        "review",
    ]
    assert project.passing() == ["US-001"]
    warned = project.run("doctor", "--json", code=None).stdout
    for name in ("ideas", "search-US-001"):
        assert f"progress/{name}.md: its feature is done, gone or without phases" in warned


def test_an_edit_of_the_plan_in_mid_work_is_followed(tmp_path: Path) -> None:
    project = shop(tmp_path, roles=EAGER)
    project.run("run", "--once")
    plan = json.loads((project.folder / "prd.json").read_text())
    story = plan["userStories"][0]
    story["acceptanceCriteria"] = ["n1.txt holds 1 and a newline"]
    story["phases"][1]["name"] = "implementation, by two"
    story["phases"][2]["dependsOn"] = ["implementation, by two"]
    project.write("prd.json", json.dumps(plan))
    told = project.run("run", "--once").stderr
    assert "phase implementation, by two by implementation" in told
    edit = next(
        commit
        for commit in project.git("log", "--format=%H %s").splitlines()
        if "plan: US-001 edited" in commit
    ).split()[0]
    text = project.git("show", f"{edit}:progress/feature-US-001.md")
    assert "- `n1.txt holds 1 and a newline`\n" in text
    assert "### architecture\n" in text
    assert "## Current Phase\n\n### implementation, by two\n" in text


def test_a_fresh_start_goes_back_to_the_last_complete_phase_and_a_persons_to_the_first(
    tmp_path: Path,
) -> None:
    stuck = "test ! -f junk.txt || echo junk > more.txt; echo junk > junk.txt"
    project = shop(tmp_path, roles={**ROLES, "implementation": stuck})
    project.run("run", code=3)
    tree = project.git("ls-tree", "-r", "--name-only", "refs/nightlatch/work/US-001").split()
    assert {"docs/design.md", "junk.txt"} <= set(tree)
    assert "more.txt" not in tree
    project.run("retry", "US-001", "--fresh", "--now")
    assert files(project) == {}
    told = project.run("run", "--once").stderr
    assert "phase architecture by architecture" in told


def test_an_agent_that_a_phase_names_and_nobody_has_is_told_at_the_start(tmp_path: Path) -> None:
    project = shop(tmp_path)
    plan = (project.folder / "prd.json").read_text().replace('"agent": "docs"', '"agent": "dosc"')
    project.write("prd.json", plan)
    project.commit("a slip")
    done = project.run("run", code=2)
    assert "unknown agent 'dosc'" in done.stderr
    assert "did you mean docs?" in done.stderr
    assert "unknown agent 'dosc'" in project.run("doctor", code=1).stdout


def test_a_phase_json_that_says_blocked_asks(tmp_path: Path) -> None:
    role = """printf '{"status": "blocked", "summary": "s", "blockers": ["Which index?"]}' > "$NIGHTLATCH_OUT/phase.json\""""
    project = shop(tmp_path, roles={"architecture": role})
    project.run("run", code=3)
    assert project.outcomes() == [("blocked", "US-001", "agent.question")]
    assert "- blocker: `blocked: Which index?`" in files(project)["feature-US-001.md"]


def test_a_long_phase_is_rendered_beside_its_transcript(tmp_path: Path) -> None:
    project = shop(
        tmp_path,
        roles={
            "architecture": (
                'while ! test -f "$NIGHTLATCH_OUT/go"; do sleep 0.2; done; say complete drawn [] []'
            )
        },
    )
    process = project.start("run", "--once")
    place = project.folder / ".nightlatch/sessions"
    while not (found := list(place.glob("*/progress.md"))):
        assert process.poll() is None
    text = found[0].read_text()
    assert "## Current Phase\n\n### architecture\n\n- agent: `architecture`\n- started: 20" in text
    for out in tmp_path.glob("cache/*/ws/*/out"):
        (out / "go").touch()
    process.communicate(timeout=PATIENCE)
    assert files(project)["feature-US-001.md"] != text


@contextmanager
def at_work(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Snapshots, Started, Path]]:
    """The first session of a project, begun: what is taken of it while it works, and its folder
    in the state."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("NIGHTLATCH_CACHE", project.env["NIGHTLATCH_CACHE"])
    with entered(Options()) as context:
        plan = context.plan(context.tip())
        assert plan
        started = provision(context, Choice(feature=plan.features[0], rule="it is the first"))
        place = project.folder / ".nightlatch/sessions" / started.id
        place.mkdir()
        yield Snapshots(context=context, started=started), started, place


def test_a_long_phase_is_rendered_anew_every_half_hour_with_the_agents_own_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    with at_work(shop(tmp_path), monkeypatch) as (snapshots, _, place):
        for elapsed in (0.0, 1799.0, 1800.0, 3599.0, 3600.0):
            snapshots.hear(
                Event(kind=Kind.TODO, data={"items": ((f"draw <b>{elapsed:.0f}</b>", False),)})
            )
            snapshots.tick(elapsed, 0.0)
            seen += re.findall(
                r"own list, in its words: `(.*)`", (place / "progress.md").read_text()
            )
    assert seen == [f"[ ] draw <b>{elapsed}</b>" for elapsed in (0, 0, 1800, 1800, 3600)]
