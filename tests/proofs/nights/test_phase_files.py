"""Progress files as people know them: what agents left, also those that were cut off; a file
that was there; the file of a long phase."""

import json
import re
from pathlib import Path

import pytest

from nightlatch.model.models import Event, Kind
from nightlatch.record.phase_file import earlier, retold
from tests.proofs.nights.test_phases import ROLES, at_work, files, shop
from tests.stories.sample_project import Project

pytestmark = pytest.mark.sandbox
THERE = """# Progress: Number 1

**Status**: in_progress
**Started**: 2026-11-20 10:30

## Overview
It holds a number.

## Completed Phases
### Phase 1: Architecture ✅
- **Agent**: backend-architect
- **Key Decisions**:
  - The number stands alone, on one line
- **Files Created**:
  - docs/design.md

## Current Phase
### Phase 2: Implementation 🔄
- **Progress**: the file is there, the test is missing

## Pending Phases
- [ ] Phase 3: Testing

## Agent Outputs
### backend-architect
```json
{"status": "complete", "files_created": ["docs/design.md"]}
```

## Error Log
| Time | Agent | Error | Resolution |
|------|-------|-------|------------|
| 11:40 | backend-developer | the disk was full | more room |

## Notes
- ask Kim about the newline
"""
CUT = """if ! test -f n1.txt; then
echo 1 > n1.txt; nightlatch note decision "The number is written by hand" --why "there is only one"
printf '{"status": "in_progress", "summary": "half", "partial_output": "n1.txt is there; next: its test"}' > "$NIGHTLATCH_OUT/phase.json"
exit 7; fi
echo 'import unittest
class One(unittest.TestCase):
    def test_it(self): self.assertIn("1", open("n1.txt").read())' > tests/test_one.py
say complete built '["tests/test_one.py"]' '[]'"""


def outputs(text: str) -> list[dict[str, object]]:
    return [
        json.loads(block)
        for block in re.findall(
            r"```json\n(.*?)\n```", text.partition("## Agent Outputs")[2], re.DOTALL
        )
    ]


def there(
    folder: Path,
    data: bytes = THERE.encode(),
    name: str = "feature-US-001.md",
    implementation: str = CUT,
) -> Project:
    """A shop that had a progress file before this program, with the first of its phases done."""
    project = shop(folder, roles={**ROLES, "implementation": implementation})
    place = project.folder / "progress" / name
    place.parent.mkdir()
    place.write_bytes(data)
    project.commit("what I have")
    return project


def test_what_each_session_left_is_there_as_json_also_of_one_that_was_cut_off(
    tmp_path: Path,
) -> None:
    project = shop(tmp_path, roles={**ROLES, "implementation": CUT})
    for _ in range(3):
        project.run("run", "--once", code=None)
    text = files(project)["feature-US-001.md"]
    drawn, half, built = outputs(text)
    assert (drawn["status"], drawn["files_created"], drawn["key_decisions"]) == (
        "complete",
        ["docs/design.md"],
        ["one line, no more"],
    )
    assert (half["status"], half["outcome"], half["files_created"]) == (
        "in_progress",
        "failed",
        ["n1.txt"],
    )
    assert (half["partial_output"], half["key_decisions"]) == (
        "n1.txt is there; next: its test",
        ["The number is written by hand"],
    )
    assert (built["status"], built["files_created"]) == ("complete", ["tests/test_one.py"])
    phase = text.partition("### implementation")[2].partition("## Current Phase")[0]
    assert "- result: `built`\n- created: `n1.txt`\n- created: `tests/test_one.py`\n" in phase, (
        "the phase brought both"
    )
    assert "- key file: `n1.txt`\n" in text
    headings = re.findall(r"(?m)^## (.*)", text)
    assert headings[1:5] == [
        "Completed Phases",
        "Current Phase",
        "Pending Phases",
        "Context for Resume",
    ]
    assert headings[6:] == ["Agent Outputs", "Error Log", "Notes"]


def test_a_file_that_was_there_is_adopted_whole_and_told_to_the_first_agent(tmp_path: Path) -> None:
    project = there(tmp_path)
    brief = project.run("brief", "US-001").stdout
    said = [
        line for line in brief.splitlines() if line.startswith("- the progress file that was there")
    ]
    assert (
        "- the progress file that was there, Completed Phases, Phase 1: Architecture ✅: The number"
        " stands alone, on one line" in said
    )
    assert any("the disk was full | more room" in line for line in said)
    assert any('"files_created": ["docs/design.md"]' in line for line in said)
    assert not any(
        "Overview" in line or "Pending" in line or "```" in line or "Started" in line
        for line in said
    )
    assert "- [x] phase architecture\n" in brief
    told = project.run("run", "--once", code=None).stderr
    assert (
        "progress/feature-US-001.md was there before: its text is kept whole, at the end of the"
        " new one" in told
    )
    text = files(project)["feature-US-001.md"]
    assert list(files(project)) == ["feature-US-001.md"]
    assert THERE.strip() in text
    assert earlier(text.encode()) == THERE
    assert (
        "## Completed Phases\n\n### architecture\n\n- done before, as the progress file says that"
        " was here\n" in text
    )
    assert "edited by hand" not in text
    assert "The number stands alone" in project.run("brief", "US-001").stdout, (
        "also to every agent after it"
    )
    project.run("run")
    assert list(files(project)) == ["archived/feature-US-001.md"]
    assert THERE.strip() in files(project)["archived/feature-US-001.md"]


def test_what_a_person_edits_in_an_adopted_file_is_kept_and_what_was_there_stays_whole(
    tmp_path: Path,
) -> None:
    project, path = there(tmp_path), "progress/feature-US-001.md"
    project.run("run", "--once", code=None)
    project.write(
        path,
        (project.folder / path)
        .read_text()
        .replace("## Notes\n\n", "## Notes\n\nmind the gap\n", 1),
    )
    project.commit("a note of mine")
    project.run("run", "--once", code=None)
    assert [name for name in files(project) if "by-hand" in name] == [
        "archived/feature-US-001-by-hand.md"
    ]
    text = files(project)["feature-US-001.md"]
    assert earlier(text.encode()) == THERE
    assert [
        text.count(part)
        for part in ("- edited by hand: `mind the gap`", "edited by hand: ", THERE.strip())
    ] == [1, 1, 1]


def test_it_goes_to_the_archive_also_where_nothing_was_decided(tmp_path: Path) -> None:
    built = CUT.partition("exit 7; fi\n")[2]
    project = there(tmp_path, implementation=f"echo 1 > n1.txt; {built}")
    project.run("run")
    assert 'key_decisions": []' in files(project)["archived/feature-US-001.md"]
    assert earlier(files(project)["archived/feature-US-001.md"].encode()) == THERE


def test_one_that_begins_anew_gives_the_file_back(tmp_path: Path) -> None:
    project = there(tmp_path)
    project.run("run", "--once", code=None)
    project.run("retry", "US-001", "--fresh", "--now")
    assert files(project) == {"feature-US-001.md": THERE}


def test_a_file_of_another_name_is_left_alone_and_told_all_the_same(tmp_path: Path) -> None:
    project = there(tmp_path, name="number-US-001.md")
    assert (
        "Architecture ✅: The number stands alone, on one line"
        in project.run("brief", "US-001").stdout
    )
    project.run("run", "--once", code=None)
    assert files(project)["number-US-001.md"] == THERE
    assert THERE.strip() not in files(project)["feature-US-001.md"]


def test_bytes_that_are_no_text_are_kept_beside_it(tmp_path: Path) -> None:
    data = THERE.replace("✅", "").encode() + b"caf\xe9\n"
    project = there(tmp_path, data)
    project.run("run", "--once", code=None)
    assert (project.folder / "progress/archived/feature-US-001-by-hand.md").read_bytes() == data


def test_a_text_without_headings_is_told_as_it_is() -> None:
    assert retold("I began on Monday.\n\n---\n- the parser is next\n") == [
        "the progress file that was there: I began on Monday.",
        "the progress file that was there: the parser is next",
    ]
    assert (
        retold("\n".join(f"line {n}" for n in range(100)))[-1]
        == "the progress file that was there: 40 more lines"
    )


def test_the_file_of_a_long_phase_says_what_the_agent_has_done_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    with at_work(shop(tmp_path), monkeypatch) as (snapshots, started, place):
        for step in range(3):
            (started.workspace.tree / f"part{step}.txt").write_text("1")
            (started.workspace.out / "phase.json").write_text(
                json.dumps({"status": "in_progress", "summary": f"{step} of 3"})
            )
            with (place / "transcript.jsonl").open("a") as file:
                file.write(f"I turn to part {step}\n")
            snapshots.hear(Event(kind=Kind.TOOL_RESULT, text="x" * 9_000))
            snapshots.tick(1800.0 * step, 0.0)
            # a snapshot in between, which the next rendering knows
            snapshots.tick(1800.0 * step + 1790, 0.0)
            seen.append((place / "progress.md").read_text())
    current = [
        text.partition("## Current Phase")[2].partition("## Pending Phases")[0] for text in seen
    ]
    assert ["- changed so far: `part0.txt`\n" in text for text in current] == [False, True, False]
    assert "- changed so far: `part0.txt, part1.txt`\n" in current[2]
    assert [f"- says so far: `{step} of 3`\n" in text for step, text in enumerate(current)] == [
        True
    ] * 3
    assert [
        f"- last: `message: I turn to part {step}`\n" in text for step, text in enumerate(current)
    ] == [True] * 3
    assert all("- as of: `20" in text for text in current)
