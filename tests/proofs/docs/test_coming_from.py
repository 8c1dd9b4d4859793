"""docs/coming-from.md: each plan that it shows is read, said and written back as it says, in a
night of the real program."""

import difflib
import json
import re
from pathlib import Path

import pytest

from nightlatch.plan import file
from tests.proofs.docs.pages import Part, chapters
from tests.stories.fixtures import lay, project_at
from tests.stories.sample_project import TESTS, TILL

PAGE = {
    title: {part.lead: part for part in parts}
    for title, parts in chapters("coming-from.md").items()
}
PLANS = {title: parts for title, parts in PAGE.items() if "The plan" in parts}
TENTH = TESTS.replace("test_three_apples", "test_the_tenth_is_free").replace(
    "price(40, 3), 120", "price(40, 10), 360"
)
LOG = (
    "# Ralph Progress Log\nStarted: ter 24 fev 2026\n---\n\n## Codebase Patterns\n- money is in"
    " cents\n\n---\n"
)
WORK = [
    {"write": "till.py", "text": TILL.replace("count\n", "(count - count // 10)\n")},
    {"write": "tests/test_tenth.py", "text": TENTH},
]


def block(part: Part, language: str) -> list[str]:
    return [
        line
        for text in re.findall(rf"^```{language}\n(.*?)^```$", part.text, re.MULTILINE | re.DOTALL)
        for line in text.splitlines()
    ]


def test_the_page_has_plans() -> None:
    assert len(PLANS) == 5


@pytest.mark.parametrize("title", PLANS)
def test_the_reading_is_said_as_the_page_says(title: str) -> None:
    ((name, text),) = PLANS[title]["The plan"].files.items()
    assert list(file.read(text.encode(), name).readings) == block(
        PLANS[title]["What is said of the reading"], "text"
    )


@pytest.mark.sandbox
@pytest.mark.parametrize("title", PLANS)
def test_a_landing_changes_what_the_page_shows(title: str, tmp_path: Path) -> None:
    ((name, text),) = PLANS[title]["The plan"].files.items()
    project = project_at(tmp_path / "shop", tmp_path)
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    files = {
        "till.py": TILL,
        "tests/__init__.py": "",
        "tests/test_till.py": TESTS,
        name: text,
        "progress.txt": LOG,
    }
    lay(
        project.folder,
        (
            files
            if name in file.USUAL_PLACES
            else {**files, "loop.toml": f"plan = {json.dumps(name)}\n"}
        ),
    )
    project.commit("a small shop")
    project.run("init", "--commit")
    if name == "feature_list.json":  # doctor runs the suite, so once is enough
        assert (
            block(PLANS[title]["What is said of the reading"], "text")[0]
            in project.run("doctor", code=None).stdout
        )
    ((feature, *_),) = [(f.id, f) for f in file.read(text.encode(), name).features if not f.done]
    assert "money is in cents" in project.run("brief", feature).stdout
    project.night([WORK])
    assert [word for word, *_ in project.outcomes()] == ["landed"]
    assert project.git("show", "HEAD:progress.txt").startswith(LOG)
    changed = difflib.unified_diff(
        text.splitlines(), project.git("show", f"HEAD:{name}").splitlines(), lineterm="", n=0
    )
    assert [line for line in changed if not line.startswith(("---", "+++", "@@"))] == block(
        PLANS[title]["What a landing writes"], "diff"
    )
    assert project.git("symbolic-ref", "--short", "HEAD").strip() == (
        json.loads(text)["branchName"] if "branchName" in text else "main"
    )
