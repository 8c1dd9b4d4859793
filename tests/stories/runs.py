"""Six nights to report on in the morning, each a real run: a good one, a bad one, an empty one,
one of refusals, one cut off, and one with a hang."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests import PATIENCE
from tests.stories.sample_project import Project, feature, make_project, writes

TEST = """import unittest

from till import price


class Count(unittest.TestCase):
    def test_none(self):
        self.assertEqual(price(40, 0), 0)
"""
NO_TESTS = {"delete": "tests/test_till.py"}
HELD = {"write": "checks/20-names", "text": "#!/bin/sh\nexit 0\n"}
RED = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4YWMDAAMQAUEiFmcFAAAAAElFTkSuQmCC"
GREEN = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGPQ6IkCAAHuAQ8HNwo9AAAAAElFTkSuQmCC"
)
SHOT = f"""#!/bin/sh
test -e n1.txt && shot={GREEN} || shot={RED}
echo $shot | base64 -d > "$NIGHTLATCH_REPORTS/till.png"
"""
SCRIPTED = 'agent = ["scripted"]\n[limits]\nattempts = 2\n'


def good(folder: Path) -> Project:
    """Two land, one of them after a refusal; one lands unproved, one is held, and one asks what
    another feature waits for."""
    stories = [
        feature(1, title="Search ignores accents (e = é)"),
        feature(2, title="Invoices round half-even per line"),
        feature(3, title="Dark mode follows the system", verify=[]),
        feature(4, title="A check of names", mayChange=["checks/**"]),
        feature(5, title="Export a statement as PDF"),
        feature(6, title="Email the statement", dependsOn=["US-005"]),
    ]
    note = {
        "note": {
            "claim": "price() takes cents, never euros",
            "kind": "pattern",
            "cites": ["till.py:4-5"],
        }
    }
    big = {"write": "rates.txt", "text": "7\n" * 420}
    nights = {
        "US-001": [[{"spend": 3.41}, writes(1), NO_TESTS], [{"spend": 1.96}, writes(1), note]],
        "US-002": [
            [{"spend": 2.75}, writes(2), {"write": "tests/test_count.py", "text": TEST}, big]
        ],
        "US-003": [[{"spend": 1.67}, writes(3)]],
        "US-004": [[{"spend": 0.5}, writes(4), HELD]],
        "US-005": [
            [{"spend": 0.88}, {"ask": "Which PDF library may I add: reportlab or weasyprint?"}]
        ],
    }
    project = make_project(
        folder, stories, files={"checks/30-shot": SHOT}, settings='[judge]\nwhen = "never"\n'
    )
    (project.folder / "checks/30-shot").chmod(0o755)
    project.commit("the check may run")
    night(project, nights, "--budget", "40", code=3)
    return project


def bad(folder: Path) -> Project:
    """The agent fails the same way three times, nothing lands, and the job summary cannot be
    written, which ends nothing."""
    project = make_project(folder, [feature(1), feature(2)])
    (folder / "summary.md").mkdir()
    night(project, [[{"say": "Invalid key"}, {"crash": 1}]], code=4)
    return project


def empty(folder: Path) -> Project:
    """Everything passes already."""
    project = make_project(folder, [feature(1, passes=True)], files={"n1.txt": "1\n"})
    night(project, [[]])
    return project


def refused(folder: Path) -> Project:
    """Every attempt is refused, until both features are worn out."""
    project = make_project(folder, [feature(1), feature(2)], settings="[limits]\nattempts = 2\n")
    night(
        project,
        {
            "US-001": [[{"spend": 1.25}, writes(2)]],
            "US-002": [[{"say": "done, everything passes"}]],
        },
        code=3,
    )
    return project


def resumed(folder: Path) -> Project:
    """The loop is killed while the agent works; the next run finishes that session and goes on."""
    project = make_project(folder, [feature(1), feature(2)], settings=SCRIPTED)
    script = project.script([[{"spend": 1.0}, writes(1)], [{"spend": 2.0}, writes(2)]])
    own = Project(folder=project.folder, env={**project.env, "NIGHTLATCH_SCRIPT": str(script)})
    own.killed("before agent.ended", folder / "points")
    own.run("run")
    return own


def hung(folder: Path) -> Project:
    """An agent hangs, the next one finishes its work."""
    project = make_project(folder, [feature(1)], settings='[limits]\nidle = "2s"\n')
    night(project, [[writes(2), {"hang": True}], [{"spend": 2.0}, writes(1)]])
    return project


def night(project: Project, script: object, *args: str, code: int = 0) -> None:
    env = {
        "NIGHTLATCH_SCRIPT": str(project.script(script)),
        "GITHUB_STEP_SUMMARY": str(project.folder.parent / "summary.md"),
    }
    process = project.start("run", "--agent", "scripted", *args, env=env)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, f"{out}\n{err}"


NIGHTS: Mapping[str, Callable[[Path], Project]] = {
    "good": good,
    "bad": bad,
    "empty": empty,
    "refused": refused,
    "resumed": resumed,
    "hung": hung,
}
