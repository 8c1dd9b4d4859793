"""The morning after six real nights, in every view, beside the files in report_files; to write
those again:

NIGHTLATCH_GOLDEN=1 ./init.sh pytest tests/stories/test_report.py
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import ROOT
from tests.stories.runs import NIGHTS
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox
WRITE = bool(os.environ.get("NIGHTLATCH_GOLDEN"))
FILES = Path(__file__).with_name("report_files")
VIEWS = {"txt": (), "md": ("--md",), "json": ("--json",)}
CHANGING = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(\+00:00|Z)?": "TIME",
    r"(\d{4}-)?(\d\d-\d\d )?\b\d\d:\d\d\b": "TIME",
    r"\(\d+m\)|\b\d+ min\b|(?<=    )\d+m(?= )": "MINUTES",
    r'"minutes": \d+': '"minutes": N',
    r"(?<=<td>TIME</td><td>)\d+": "N",
    r"(<td>US-\d+</td>(?:<td>\d+</td>){4}<td>)\d+": r"\1N",
    r' (x|y|x1|x2|y1|y2|width)="[\d.]+%?"': r' \1="N"',
    r"N-[0-9a-z]{7}": "N-FINDING",
    r"<style>.*?</style>": "<style></style>",
    r"sha256-[^']+'": "sha256-...'",
}
TWELVE = {
    1: "What landed?",
    2: "Is the branch green?",
    3: "Why did it stop, and when?",
    4: "What needs me?",
    5: "What do I type?",
    6: "What do I read first, and why that?",
    7: "How many features pass?",
    8: "How much was refused?",
    9: "What did it cost?",
    10: "What of that did not land?",
    11: "What is not pushed?",
    12: "What is next?",
}


def normal(project: Project, text: str) -> str:
    """The same for every run: commits of the branch and runs by their number, no times, no
    measures."""
    for n, commit in enumerate(project.git("rev-list", "--reverse", "HEAD").split()):
        text = re.sub(rf"\b{commit[:7]}({commit[7:9]})?({commit[9:]})?\b", f"COMMIT{n}", text)
    for n, run in enumerate(dict.fromkeys(re.findall(r"r-\d{8}-\d{6}", text))):
        text = text.replace(run, f"RUN{n}")
    for pattern, instead in CHANGING.items():
        text = re.sub(pattern, instead, text, flags=re.DOTALL)
    return text


def seen(project: Project) -> tuple[str, str, list[tuple[str, int]]]:
    """All that a report may not change."""
    kept = sorted(
        (str(file), file.stat().st_mtime_ns) for file in (project.folder / ".nightlatch").rglob("*")
    )
    return project.git("for-each-ref"), project.git("status", "--porcelain", "--ignored"), kept


def in_every_view(project: Project) -> dict[str, str]:
    before = seen(project)
    told = {view: project.run("report", *args).stdout for view, args in VIEWS.items()}
    project.run("report", "--html", "../page.html")
    assert seen(project) == before
    return {**told, "html": (project.folder.parent / "page.html").read_text()}


@pytest.mark.parametrize("name", NIGHTS)
def test_a_night_is_told_alike_in_every_view(tmp_path: Path, name: str) -> None:
    project = NIGHTS[name](tmp_path)
    told = {view: normal(project, text) for view, text in in_every_view(project).items()}
    told["progress"] = (
        normal(project, "".join(f"{line}\n" for line in tail(project))) if name != "empty" else ""
    )
    for view, text in told.items():
        if WRITE:
            FILES.mkdir(exist_ok=True)
            (FILES / f"{name}.{view}").write_text(text)
        assert text == (FILES / f"{name}.{view}").read_text(), view
    if name == "good":
        says_the_same_everywhere(project)


def tail(project: Project) -> list[str]:
    """What `tail -8 progress.txt` shows."""
    return project.git("show", "HEAD:progress.txt").splitlines()[-8:]


def says_the_same_everywhere(project: Project) -> None:
    """The end of progress.txt, the job summary, another clone and the JSON are one answer."""
    told = json.loads(project.run("report", "--json").stdout)
    shown = "\n".join(tail(project))
    assert shown.startswith(f"== run {told['run']['id']} end ")
    assert (
        f"landed={len(told['landed'])} unproved={len(told['unproved'])}"
        f" rejected={len(told['rejected'])} " in shown
    )
    assert f"cost=${told['cost']['usd']:.2f} not-landed=${told['cost']['not_landed']:.2f} " in shown
    for each in told["decide"]:
        assert each["command"].replace("nightlatch", "python loop.py") in shown
    assert (project.folder.parent / "summary.md").read_text().startswith(f"## {told['verdict']}\n")
    subprocess.run(
        ["git", "clone", "-q", str(project.folder), "clone"], cwd=project.folder.parent, check=True
    )
    clone = Project(folder=project.folder.parent / "clone", env=project.env)
    elsewhere = json.loads(clone.run("report", "--json").stdout)
    assert elsewhere["missing"] == [
        "this machine has no journal: agents, models and exact times are unknown"
    ]
    for key in ("verdict", "cost", "decide", "next", "features"):
        theirs = json.loads(json.dumps(elsewhere[key]).replace("clone", "shop"))
        assert theirs == told[key], key
    assert [row["commit"] for row in elsewhere["landed"]] == [
        row["commit"] for row in told["landed"]
    ]
    assert not (clone.folder / ".nightlatch").exists()


COMMAND = re.compile(
    r"(?:python loop\.py|nightlatch) (?:approve|refuse|answer|retry|skip|done|hold) ([\w-]+)"
)


def test_every_printed_command_names_a_feature_and_means_it_after_another_was_carried_out(
    tmp_path: Path,
) -> None:
    """The numbers of one page never move: what is decided first changes nothing about the
    second."""
    stories = [feature(n, title=f"Story {n}", verify=[]) for n in (1, 2, 3)]
    project = make_project(tmp_path, stories, settings='[judge]\nwhen = "never"\n')
    script = project.script(
        {"US-001": [[writes(1)]], **{f"US-{n:03}": [[{"ask": f"Which {n}?"}]] for n in (2, 3)}}
    )
    ran = project.run("run", "--agent", "scripted", code=3, env={"NIGHTLATCH_SCRIPT": str(script)})
    views = {view: project.run("report", *args).stdout for view, args in VIEWS.items()}
    project.run("report", "--html", "../page.html")
    page = (tmp_path / "page.html").read_text()
    texts = {
        **views,
        "page": page,
        "run": ran.stdout,
        "progress": "\n".join(tail(project)),
        "status": project.run("status").stdout,
    }
    for where, text in texts.items():
        assert set(COMMAND.findall(text)) == {"US-001", "US-002", "US-003"}, where
    project.run("approve", "US-001", "--now")
    project.run("answer", "2", "the first")
    told = project.run("report").stdout
    assert [line.split()[1] for line in told.splitlines() if line.startswith("DECIDE ")] == ["3"]
    decided = re.findall(r"^DECIDED (\S+) .*   (.+)$", told, re.MULTILINE)
    assert decided == [("US-001", "approve: carried out"), ("US-002", "answer: waits for the run")]
    shown = project.run("status").stdout
    assert re.findall(r"^DECIDE  (.*?) Story", shown, re.MULTILINE) == ["3 US-003"]
    assert "decided US-002 answer: waits for the run\n" in shown


def test_a_run_that_ended_before_any_session_is_reported_with_its_fault(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path, [feature(1, verify=[])], files={"checks/20-ours": "#!/bin/sh\nexit 1\n"}
    )
    (project.folder / "checks/20-ours").chmod(0o755)
    project.commit("a check that is red")
    project.run("run", "--agent", "scripted", code=5)
    told = json.loads(project.run("report", "--json").stdout)
    assert told["verdict"] == "The branch itself is red. Nothing landed."
    assert (told["run"]["ended"], told["run"]["stop"]) == (
        "red",
        "the branch itself is red: checks/20-ours",
    )
    assert told["fix"] == "repair the branch, or accept these failures: nightlatch run --accept-red"


def test_the_twelve_questions_stand_in_the_docs_with_both_places() -> None:
    rows = re.findall(
        r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
        (ROOT / "docs/report.md").read_text(),
        re.MULTILINE,
    )
    assert {int(n): question for n, question, _, _ in rows} == TWELVE
    page, end = (FILES / "good.html").read_text(), (FILES / "good.progress").read_text()
    answered = {
        int(n) for numbers in re.findall(r'data-q="([\d ]+)"', page) for n in numbers.split()
    }
    assert answered == set(TWELVE)
    for n, _, _, place in rows:
        assert re.search(re.escape(place.strip("` ")).replace(r"\.\.\.", ".+"), end), n
