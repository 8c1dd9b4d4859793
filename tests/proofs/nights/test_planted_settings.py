"""Settings and plan are what the person wrote: what an agent plants of them is not read,
wherever it lies and whatever it is called."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from nightlatch.git.model import Change, changed
from tests.stories.sample_project import Project, feature, make_project, writes

pytestmark = pytest.mark.sandbox

DONE = json.dumps({"userStories": [feature(n, passes=True) for n in (1, 2, 3)]})
# the second is not there yet
COMMANDS = '[land]\nafter = "sh ./tools/after.sh"\n[notify]\ncommand = "sh ./tools/tell.sh"\n'
PYPROJECT = '[project]\nname = "till"\n\n[tool.ruff]\nline-length = 100\n'
AFTER = 'after = "touch {marker}"\n'
DECISION = {
    "id": "d-000000",
    "verb": "done",
    "feature": "US-003",
    "text": "",
    "at": "2026-01-01T00:00:00+00:00",
}
BRIEF = "{{ feature.id }}: do as you like\n"
# Files that the program would read, each at a place where nothing is and the person wrote nothing,
# or over what they wrote.
PLANTED = {
    "loop.toml": "[land]\n" + AFTER,
    "sub/loop.toml": "[land]\n" + AFTER,
    "sub/prd.json": DONE,
    "a/b/c/loop.toml": "[notify]\ncommand = 'touch {marker}'\n",
    "web/pyproject.toml": "[project]\nname = 'web'\n[tool.nightlatch.land]\n" + AFTER,
    "pyproject.toml": (
        PYPROJECT.replace("till", "shop")
        + "\n[tool.nightlatch.land]\n"
        + AFTER
        + "\n[tool.black]\nline-length = 120\n"
    ),
    "prd.json": DONE,
    "scripts/ralph/prd.json": DONE,
    ".ralph/prd.json": DONE,
    "plans/prd.json": DONE,
    "feature_list.json": DONE,
    "feature-list.json": DONE,
    "web/scripts/ralph/prd.json": DONE,
    "web/feature_list.json": DONE,
    "prompts/judge.md.j2": BRIEF,
    "prompts/phase-review.md": "all is well\n",
    "checks/99-late": "#!/bin/sh\nexit 0\n",
    "lib/checks/20-more": "#!/bin/sh\nexit 0\n",
    "lib/prompts/brief.md.j2": BRIEF,
    "lib/loop.py": "import nightlatch\nopen({marker!r}, 'w')\n",
    "loop.py": "import nightlatch\nopen({marker!r}, 'w')\n",
    "progress.txt": (
        "2026-01-01T00:00Z decision    US-003 done\n    as d-000000\n    digest 000000\n"
    ),
    "findings/N-aaaaa.toml": (
        'id = "N-aaaaa"\nfeature = "US-003"\nclaim = "done"\nstate = "verified"\n'
    ),
    "progress/US-003.md": "complete\n",
    ".nightlatch/inbox/20260101T000000000000-d-000000.json": json.dumps(DECISION),
    ".nightlatch/journal.jsonl": "{}\n",
    "web/.nightlatch/inbox/20260101T000000000000-d-000000.json": json.dumps(DECISION),
    "tools/after.sh": "#!/bin/sh\ntouch {marker}\n",
    "tools/tell.sh": "#!/bin/sh\ntouch {marker}\n",
    ".gitconfig": "[core]\n\tfsmonitor = touch {marker}\n",
}
LINKS = {"plans2/prd.json": "../data.json", ".claude": "evil"}
# What lies near to that and is nobody's but the product's.
PRODUCT = {
    "app/prompts/brief.md.j2": "Dear {{ name }}\n",
    "app/checks/10-stock": "stock\n",
    "app/game/loop.py": "# the game's own\n",
    "app/findings/f.toml": "a = 1\n",
    "data.json": DONE,
    "app/progress.txt": "50%\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A till, a second project beside it in lib, a command after landings that is a script of
    the repository, shared git settings."""
    files = {
        "pyproject.toml": PYPROJECT,
        "tools/after.sh": "#!/bin/sh\necho after >> ../after\n",
        "lib/prd.json": json.dumps([feature(9)]),
    }
    project = make_project(
        tmp_path, [feature(1), feature(2), feature(3)], files=files, settings=COMMANDS
    )
    project.git("config", "include.path", "../.gitconfig")
    return project


def plants(marker: Path, files: dict[str, str]) -> list[dict[str, object]]:
    filled = {
        name: text.replace("{marker!r}", repr(str(marker))).replace("{marker}", str(marker))
        for name, text in files.items()
    }
    return [{"write": name, "text": text} for name, text in filled.items()]


def links() -> dict[str, object]:
    made = (
        f"mkdir -p $(dirname {name}); ln -sfn {target} {name}" for name, target in LINKS.items()
    )
    return {"run": f"chmod +x checks/* lib/checks/*; {'; '.join(made)}"}


def test_nothing_planted_lands_and_nothing_planted_is_read(
    project: Project, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    base = project.git("rev-parse", "HEAD").strip()
    first = [writes(1), *plants(marker, PLANTED | PRODUCT), links()]
    project.night([first, [writes(2)], [{"say": "nothing"}]], "--sessions", "2")
    assert project.passing() == ["US-001", "US-002"]
    changed = set(project.git("diff", "--name-only", base, "HEAD").splitlines())
    loops = {"prd.json", "progress.txt"}
    assert changed - loops == {"n1.txt", "n2.txt", "pyproject.toml", "web/pyproject.toml", *PRODUCT}
    assert (project.folder / "after").exists() is False
    assert (tmp_path / "after").read_text() == "after\nafter\n"
    assert (
        project.git("show", "HEAD:pyproject.toml")
        == PYPROJECT.replace("till", "shop") + "\n[tool.black]\nline-length = 120\n"
    )
    assert "nightlatch" not in project.git("show", "HEAD:web/pyproject.toml")
    assert "decision" not in (project.folder / "progress.txt").read_text()
    for folder in ("sub", "a/b/c", "web", "web/scripts/ralph", "app", "plans"):
        (project.folder / folder).mkdir(parents=True, exist_ok=True)
        seen = Project(folder=project.folder / folder, env=project.env)
        told = json.loads(seen.run("status", "--json").stdout)
        assert (told["plan"], told["settings"], told["features"]["passing"]) == (
            "prd.json",
            "loop.toml",
            2,
        )
    project.night([[{"say": "nothing"}]], "--sessions", "1")
    assert not marker.exists()


def test_what_a_person_plants_is_read(project: Project, tmp_path: Path) -> None:
    """The control: the same files in a commit of the person's are settings and plan."""
    marker = tmp_path / "ran"
    for name in ("sub/loop.toml", "sub/prd.json"):
        text = (
            PLANTED[name]
            .replace("{marker}", str(marker))
            .replace('"passes": true', '"passes": false')
        )
        project.write(name, text if name.endswith("json") else 'agent = ["scripted"]\n' + text)
    project.commit("a project of its own")
    sub = Project(folder=project.folder / "sub", env=project.env)
    assert json.loads(sub.run("status", "--json").stdout)["plan"] == "sub/prd.json"
    assert "not read: prd.json, loop.toml" in sub.run("status").stdout
    env = {"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}
    assert "not read: prd.json, loop.toml" in sub.run("run", "--once", env=env).stderr
    assert marker.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            'tool = {ruff = {line-length = 100}, nightlatch = {land = {after = "touch x"}}}\n',
        ),
        ("web/pyproject.toml", 'tool = {nightlatch = {land = {after = "touch x"}}}\n'),
        ("web/pyproject.toml", 'tool.nightlatch.land.after = "touch x"\n'),
        ("web/pyproject.toml", '[tool]\nnightlatch = {land = {after = "touch x"}}\n'),
        ("web/pyproject.toml", '[tool."nightl\\u0061tch".land]\nafter = "touch x"\n'),
        ("web/pyproject.toml", "[tool.nightlatch\n"),
        (
            "web/pyproject.toml",
            'a = """\n[tool.nightlatch.land]\n"""\n[tool]\nnightlatch.land.after = "x"\n',
        ),
    ],
)
def test_settings_that_cannot_be_told_from_the_rest_are_refused(
    project: Project, name: str, text: str
) -> None:
    project.night([[writes(1), {"write": name, "text": text}], [writes(1)]], "--sessions", "2")
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("rejected", "scope.settings-table"),
        ("landed", ""),
    ]


def landed(project: Project, message: str = "US-001 Number 1") -> None:
    """A commit as a session of an earlier version could have landed it."""
    project.git("add", "-A")
    project.git(
        "commit",
        "-q",
        "-m",
        f"{message}\n\nNightlatch-Feature: US-001\nNightlatch-Session: r-20260101-000000-s01\n",
    )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "loop.toml",
            'agent = ["scripted"]\n[land]\nafter = "touch ../ran"\n',
            "loop.toml has settings that a session landed: ",
        ),
        ("loop.py", "import nightlatch\nopen('../ran', 'w')\n", "loop.py was changed by a session"),
    ],
)
def test_what_a_session_landed_of_them_does_not_count_until_the_person_says_so(
    project: Project, name: str, text: str, says: str
) -> None:
    project.write(name, text)
    landed(project)
    script = {"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}
    done = project.run("run", "--agent", "scripted", "--once", env=script, code=2)
    assert says in done.stderr
    assert "r-20260101-000000-s01" in done.stderr
    assert f"{says}" in project.run("doctor", code=1).stdout
    assert not (project.folder.parent / "ran").exists()
    project.write(name, text + "# I want this\n")
    project.commit("mine now")
    assert (
        says
        not in project.run("run", "--agent", "scripted", "--once", env=script, code=None).stderr
    )
    assert (project.folder.parent / "ran").exists()


def test_a_commit_that_a_person_put_several_sessions_together_in_is_theirs(
    project: Project,
) -> None:
    """With the settings that they changed beside it: no session lands in another's commit."""
    project.write("loop.toml", 'agent = ["scripted"]\n[land]\nafter = "touch ../ran"\n')
    trailers = "\n".join(f"Nightlatch-Session: r-20260101-000000-s0{n}" for n in (1, 2))
    project.git("add", "-A")
    project.git("commit", "-q", "-m", f"two nights\n\n{trailers}")
    script = {"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)]]))}
    project.run("run", "--agent", "scripted", "--once", env=script)
    assert (project.folder.parent / "ran").exists()


def test_a_squash_of_one_sessions_landing_with_the_persons_own_work_is_theirs(
    project: Project,
) -> None:
    """Plan, settings and loop came on the same branch, and the one commit has the trailers of
    the one session."""
    root = project.git(
        "commit-tree",
        "-m",
        "nothing yet",
        project.git("hash-object", "-t", "tree", "/dev/null").strip(),
    ).strip()
    project.night([[writes(1)]], "--once")
    landing = project.git("log", "-1", "--format=%B", "--grep=^Nightlatch-Session: ")
    assert "\nNightlatch-Changed: 3 " in landing
    squashed = project.git("commit-tree", "-p", root, "-m", landing, "HEAD^{tree}").strip()
    project.git("reset", "-q", "--hard", squashed)
    project.night([[writes(2)]], "--once")
    assert project.passing() == ["US-001", "US-002"]


@pytest.mark.parametrize("more", [{}, {"till2.py": "more = 1\n"}])
def test_a_landing_that_was_moved_is_a_sessions_and_one_that_was_added_to_is_the_persons(
    project: Project, more: dict[str, str]
) -> None:
    """Moved by a rebase, or cherry-picked, it changes the paths that its trailer tells of."""
    changes = [Change(path="loop.toml", status="M"), Change(path="n1.txt", status="A")]
    for name, text in {
        "loop.toml": 'agent = ["scripted"]\n[land]\nafter = "touch ../ran"\n',
        "n1.txt": "1\n",
        **more,
    }.items():
        project.write(name, text)
    project.git("add", "-A")
    trailers = (
        f"Nightlatch-Session: r-20260101-000000-s01\nNightlatch-Changed: {changed(changes)}\n"
    )
    project.git("commit", "-q", "-m", f"US-001 Number 1\n\n{trailers}")
    script = {"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)], [writes(2)]]))}
    done = project.run("run", "--agent", "scripted", "--once", env=script, code=0 if more else 2)
    assert ("loop.toml has settings that a session landed" in done.stderr) != bool(more)


def test_a_plan_that_a_session_landed_is_not_taken_for_the_persons(project: Project) -> None:
    project.git("mv", "prd.json", "moved.json")
    project.write("scripts/ralph/prd.json", DONE)
    landed(project)
    done = project.night([[writes(1)]], code=2)
    assert "the plan scripts/ralph/prd.json was landed by a session" in done.stderr


def test_of_two_plans_in_one_folder_none_is_taken_in_silence(project: Project) -> None:
    project.write("scripts/ralph/prd.json", DONE)
    project.write("feature_list.json", '["colours", "sizes"]\n')  # the product's own
    project.commit("two plans")
    done = project.night([[writes(1)]], code=2)
    assert "there is more than one plan: prd.json, scripts/ralph/prd.json" in done.stderr
    assert "not read: scripts/ralph/prd.json" in project.run("status").stdout
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", f'plan = "prd.json"\n{settings}')
    project.commit("this one")
    project.night([[writes(1)], [{"say": "nothing"}]], "--sessions", "1")
    assert project.passing() == ["US-001"]


def test_an_older_loop_py_is_said_and_nothing_lands_beside_it_that_it_would_import(
    project: Project, tmp_path: Path
) -> None:
    text = (project.folder / "loop.py").read_text()
    begin, end = text.index('if __name__ == "__main__":\n'), text.index("try:\n")
    project.write(
        "loop.py", f"from __future__ import annotations\nimport shutil\n{text[:begin]}{text[end:]}"
    )
    project.commit("as it was")
    names = {
        f"{name}.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n"
        for name in ("__future__", "shutil", "fnmatch", "click", "till_rates")
    }
    project.night([[writes(1), *plants(tmp_path / "ran", names)]], "--sessions", "1")
    assert {*names} & {*project.git("ls-files").splitlines()} == {"till_rates.py"}
    assert "loop.py is from an older version" in project.run("doctor", code=None).stdout


def test_a_folder_that_git_would_take_for_a_repository_says_nothing_here(
    project: Project, tmp_path: Path
) -> None:
    """HEAD, refs, objects and a config are files like others, and land; git follows them in
    that folder."""
    marker, web = tmp_path / "ran", Project(folder=project.folder / "web", env=project.env)
    project.git("init", "-q", "--bare", "web")
    for name, value in (
        ("core.bare", "false"),
        ("core.worktree", str(project.folder)),
        ("core.fsmonitor", f"touch {marker}"),
    ):
        project.git("config", "-f", "web/config", name, value)
    for command in (["status"], ["doctor"], ["run", "--dry-run"], ["check"]):
        web.run(*command, code=None)
    assert not marker.exists()
    web.git("status")
    assert marker.exists()


AFTER_SH = """#!/bin/sh
set -e
here=$(dirname "$0")
. "$here/lib.sh"
python3 -I "$here/send.py"
[ ! -x "$here/more.sh" ] || "$here/more.sh"
make -s told
"""
OUTSIDE = {
    "tools/after.sh": AFTER_SH,
    "tools/lib.sh": "told() { :; }\n",
    "tools/send.py": (
        "import sys, pathlib\nsys.path[:0] = [str(pathlib.Path(__file__).parent)]\nimport words\n"
    ),
    "tools/words.py": "TEXT = 'landed'\n",
    "Makefile": "build:\n\ttouch built\n\ntold:\n\t@:\n",
    "hooks/pre-push": "#!/bin/sh\nexec ./tools/before-push\n",
    "tools/before-push": "#!/bin/sh\nexit 0\n",
}
TOUCH = "#!/bin/sh\ntouch {marker}\n"


@pytest.fixture
def led(tmp_path: Path) -> Project:
    """A till with a command after landings that calls a script, which calls others, and one
    that lets git start hooks of the tree."""
    settings = '[land]\nafter = "sh ./tools/after.sh && git log -1 --format=%s >> ../after"\n'
    project = make_project(tmp_path, [feature(1), feature(2)], files=OUTSIDE, settings=settings)
    project.git("config", "core.hooksPath", "hooks")
    return project


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tools/lib.sh", TOUCH),
        ("tools/send.py", "open({marker!r}, 'w')\n"),
        ("tools/words.py", "open({marker!r}, 'w')\n"),
        ("tools/more.sh", TOUCH),  # it is not there yet, and called where it is
        ("Makefile", "build:\n\ttouch built\n\ntold:\n\t@touch {marker}\n"),
        ("tools/before-push", TOUCH),
    ],
)
def test_what_the_persons_command_runs_in_turn_is_held(
    led: Project, tmp_path: Path, name: str, text: str
) -> None:
    marker = tmp_path / "ran"
    steps: list[Mapping[str, object]] = [
        writes(1),
        *plants(marker, {name: text}),
        {"run": f"chmod +x {name}"},
    ]
    led.night([steps, [writes(2)]], "--sessions", "2", code=None)
    held = [entry for entry in led.entries() if entry.word == "held"]
    assert [(entry.feature, entry.rule) for entry in held] == [("US-001", "ratchet.runs-outside")]
    assert name in "\n".join(held[0].details)
    assert led.passing() == ["US-002"]
    assert not marker.exists()
    assert (tmp_path / "after").read_text() == "US-002 Number 2\n"


def test_what_it_does_not_run_is_anybodys(led: Project, tmp_path: Path) -> None:
    """The control: another target of the Makefile, another file beside the script, and the same
    change by approval."""
    other = {
        "Makefile": OUTSIDE["Makefile"].replace("touch built", "touch made"),
        "tools/clean.sh": TOUCH,
    }
    led.night([[writes(1), *plants(tmp_path / "ran", other)]], "--once")
    assert led.passing() == ["US-001"]
    led.night(
        [[writes(2), *plants(tmp_path / "ran", {"tools/lib.sh": TOUCH})]], "--once", code=None
    )
    led.run("approve", "US-002", "--now")
    assert led.passing() == ["US-001", "US-002"]
