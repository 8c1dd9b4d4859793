"""`nightlatch note`: at the desk by the person's word, exactly once; in a workspace a line for
the loop and nothing else."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.agents import note_cli
from nightlatch.cli.decide import carry_out
from nightlatch.journal import inbox_io
from nightlatch.project.project import find_project
from nightlatch.record.findings.findings import Author, State, read
from nightlatch.record.findings.notes import name_of
from tests.io.cli.cli_project import Project, story


@pytest.fixture
def desk(project: Project) -> Project:
    project.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "none")
    project.plan(story("US-001"), story("US-002"))
    project.commit(
        "start",
        **{
            "till.py": "def price(cents, count):\n    return cents * count\n",
            "slow.log": "412 ms\n",
        },
    )
    return project


def noted(project: Project, *args: str) -> str:
    told = project.nightlatch("note", *args)
    assert told.code == 0, told.err
    return told.out.partition(":")[0]


def test_the_person_says_any_state_and_it_is_committed_at_once(desk: Project) -> None:
    more = ("--cite", "till.py:2", "--feature", "US-001", "--file", "slow.log", "--next", "test it")
    name = noted(desk, "verified", "the price", "is a product", *more)
    found = read(desk.git("show", f"HEAD:findings/{name}.toml"), name)
    assert (found.state, found.origin.by, found.feature, found.claim) == (
        State.VERIFIED,
        Author.PERSON,
        "US-001",
        "the price is a product",
    )
    assert (
        found.grounds.cites[0].symbol,
        len(found.grounds.evidence[0].sha256),
        found.remarks.next,
    ) == (
        "price",
        64,
        "test it",
    )
    assert desk.git("log", "-1", "--format=%s") == f"note: {name} the price is a product"
    assert desk.git("status", "--porcelain") == ""
    assert not (desk.folder / "progress.txt").exists()


def test_a_decision_of_the_person_needs_no_confirmation(desk: Project) -> None:
    name = noted(
        desk,
        "decision",
        "prices are whole cents",
        "--choice",
        "int",
        "--why",
        "no rounding",
        "--alternatives",
        "Decimal",
    )
    found = read(desk.git("show", f"HEAD:findings/{name}.toml"), name)
    assert (found.state, found.kind, found.remarks.choice, found.remarks.alternatives) == (
        State.VERIFIED,
        "decision",
        "int",
        ("Decimal",),
    )


def test_a_note_waits_for_the_running_loop_and_is_carried_out_exactly_once(desk: Project) -> None:
    house = find_project(desk.folder)
    name = noted(desk, "open", "is it slow?")
    head = desk.git("rev-parse", "HEAD")
    left = inbox_io.leave(
        house, "note", "", json.dumps({"claim": "is it slow?"}), datetime.now(UTC)
    )
    again = inbox_io.folder(house) / "again.json"
    again.write_bytes(next(inbox_io.folder(house).glob(f"*{left.id}*")).read_bytes())
    desk.monkeypatch.chdir(desk.folder)
    carry_out(house)
    assert len(desk.git("ls-tree", "--name-only", "HEAD", "findings/").split()) == 2
    assert desk.git("rev-parse", "HEAD~1") == head
    assert list(inbox_io.waiting(house)) == []
    assert name


def test_where_there_is_no_sandbox_a_note_is_kept_for_the_next_run(desk: Project) -> None:
    desk.monkeypatch.setenv("NIGHTLATCH_WORKSPACE_SANDBOX", "bubblewrap")
    programs = desk.folder.parent / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "git")
    desk.monkeypatch.setenv("PATH", str(programs))
    told = desk.nightlatch("note", "open", "is it slow?")
    assert (told.code, "is recorded" in told.out) == (0, True)
    assert [said.verb for _, said in inbox_io.waiting(find_project(desk.folder))] == ["note"]


def test_a_contradiction_is_added_and_both_stay_readable(desk: Project) -> None:
    name = noted(desk, "verified", "the price is a product")
    before = desk.git("show", f"HEAD:findings/{name}.toml")
    assert noted(desk, "challenge", name, "--evidence", "grep -q + till.py", "it is a sum") == name
    after = desk.git("show", f"HEAD:findings/{name}.toml")
    assert after.startswith(before)
    shown = desk.nightlatch("note", "show", name).out
    assert "the price is a product" in shown
    assert "it is a sum" in shown


def test_a_person_says_what_a_finding_is_now(desk: Project) -> None:
    name = noted(desk, "open", "is it slow?")
    noted(desk, "challenge", name, "--state", "rejected", "--evidence", "true", "no: 3 ms")
    assert desk.nightlatch("note", "list", "--json").at("findings", 0, "state") == "rejected"


def test_what_is_known_is_listed_by_feature_and_state_and_stale_is_shown(desk: Project) -> None:
    first = noted(
        desk, "verified", "the price is a product", "--cite", "till.py:2", "--feature", "US-001"
    )
    noted(desk, "blocked", "no access to the \x1b[31mlog", "--feature", "US-002")
    listed = desk.nightlatch("note", "list").out.splitlines()
    assert f"{first} verified person US-001 the price is a product" in listed
    assert "\x1b" not in "".join(listed)
    assert [
        desk.nightlatch("note", "list", "--feature", "US-002", "--json").at("findings", 0, "state")
    ] == ["blocked"]
    desk.commit("sum", **{"till.py": "def price(cents, count):\n    return cents + count\n"})
    assert (
        desk.nightlatch("note", "list", "--state", "stale").out
        == f"{first} stale    person US-001 the price is a product\n"
    )
    changed = desk.git("rev-parse", "--short=9", "HEAD")
    assert desk.nightlatch("note", "show", first).out.endswith(
        f"# stale: till.py:2-2 has 100% of its lines changed by {changed}\n"
    )
    assert desk.nightlatch("note", "show", first, "--json").at("was") == "verified"


def test_a_file_that_is_no_finding_is_shown_and_stops_nothing(desk: Project) -> None:
    desk.commit("odd", **{"findings/N-odd00.toml": "what is this"})
    assert desk.nightlatch("note", "list").out.startswith(
        "N-odd00 open     loop   - findings/N-odd00.toml cannot be read: "
    )


@pytest.mark.parametrize(
    ("args", "says", "fix"),
    [
        (("show", "N-00000"), "finding 'N-00000' not found", "nightlatch note list"),
        (
            ("challenge", "N-00000", "no", "--evidence", "true"),
            "finding 'N-00000' not found",
            "nightlatch note list",
        ),
        (
            ("challenge", "N-00000", "no"),
            "a challenge needs evidence",
            "note challenge --help",
        ),
        (("open",), "the following arguments are required: text", "note open --help"),
        (("open", " "), "a text is empty or longer than 2000 characters", "note open --help"),
        (
            ("open", "x", "--reproduce", "x", "--fails", "11/10"),
            "--fails 11/10 is not FAILED/RUNS, such as 3/10",
            "open --help",
        ),
        (
            ("open", "x", "--state", "rejected"),
            "--state is only valid with `challenge`",
            "note open --help",
        ),
        (
            ("open", "x", "--fails", "1/10"),
            "--fails is only valid with --reproduce",
            "note open --help",
        ),
        (("open", "x", "--feature", "US-9"), "US-9", ""),
    ],
)
def test_what_cannot_be_said(desk: Project, args: tuple[str, ...], says: str, fix: str) -> None:
    head = desk.git("rev-parse", "HEAD")
    told = desk.nightlatch("note", *args)
    assert told.code == 2
    assert says in told.err
    assert fix in told.err
    assert desk.git("rev-parse", "HEAD") == head


def in_workspace(out: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """The program as agents have it: no package, no git, nothing but Python."""
    command = [sys.executable, "-I", "-S", note_cli.__file__, *args]
    return subprocess.run(
        command,
        env={"NIGHTLATCH_OUT": str(out)},
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )


def test_in_a_workspace_a_note_is_a_line_and_needs_nothing(tmp_path: Path) -> None:
    done = in_workspace(
        tmp_path,
        "note",
        "rejected",
        "the limiter causes it",
        "--reproduce",
        "./invite.sh",
        "--fails",
        "3 of 10",
        "--base",
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "notes.jsonl").open("a") as file:
        file.write('{"claim": "torn')
    assert (
        in_workspace(
            tmp_path, "note", "challenge", "N-7f3k2", "--evidence", "true", "no, the cache"
        ).returncode
        == 0
    )
    first, torn, second = (tmp_path / "notes.jsonl").read_text().splitlines()
    again = {"command": "./invite.sh", "fails": 3, "of": 10}
    assert json.loads(first) == {
        "claim": "the limiter causes it",
        "state": "rejected",
        "reproduction": again,
        "at": "base",
    }
    assert json.loads(second) == {
        "claim": "no, the cache",
        "challenge": "N-7f3k2",
        "evidence": ["true"],
    }
    assert torn == '{"claim": "torn'


@pytest.mark.parametrize(
    "args", [("note",), ("note", "open"), ("status",), ("note", "challenge", "N-7f3k2", "no")]
)
def test_in_a_workspace_what_makes_no_note_writes_nothing_and_says_why(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    done = in_workspace(tmp_path, *args)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert done.stderr.startswith("nightlatch: ")


def test_the_installed_program_too_only_writes_the_line_in_a_workspace(
    desk: Project, tmp_path: Path
) -> None:
    desk.monkeypatch.setenv("NIGHTLATCH_OUT", str(tmp_path))
    before = desk.files()
    assert desk.nightlatch("note", "verified", "it is so").code == 0
    assert (desk.files(), json.loads((tmp_path / "notes.jsonl").read_text())) == (
        before,
        {"claim": "it is so", "state": "verified"},
    )


def test_in_a_workspace_what_is_known_and_what_was_just_noted_are_listed_and_shown_by_id(
    desk: Project, tmp_path: Path
) -> None:
    noted(desk, "rejected", "the limiter causes it", "--feature", "US-001")
    (tmp_path / "out").mkdir()

    def called(*args: str) -> str:
        command = [sys.executable, "-I", "-S", note_cli.__file__, "note", *args]
        env = {
            "NIGHTLATCH_OUT": str(tmp_path / "out"),
            "NIGHTLATCH_SESSION": "r-1-s01",
            "NIGHTLATCH_FEATURE": "US-001",
        }
        return subprocess.run(
            command, env=env, cwd=desk.folder, capture_output=True, text=True, check=True
        ).stdout

    said = called("open", "who writes the row?", "--next", "read src/a.py")
    old, new = (line.split(maxsplit=4) for line in called("list").splitlines())
    assert (old[1], old[2:]) == ("rejected", ["person", "US-001", "the limiter causes it"])
    assert (new[1], new[4]) == ("open", "who writes the row?")
    assert said.startswith(f"noted {new[0]}; ")
    assert (
        called("list", "--state", "rejected")
        == f"{old[0]} rejected person US-001 the limiter causes it\n"
    )
    assert 'claim = "the limiter causes it"' in called("show", old[0])
    line = (tmp_path / "out/notes.jsonl").read_text().strip()
    assert called("show", new[0]).strip() == line
    assert name_of("r-1-s01", line) == new[0], "the loop gives it the same id"


def test_in_a_workspace_an_id_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = in_workspace(tmp_path, "note", "show", "N-7f3k2")
    assert (
        done.returncode,
        "finding 'N-7f3k2' not found: see nightlatch note list" in done.stderr,
    ) == (2, True)


def test_the_schema_of_a_note_is_printed(desk: Project) -> None:
    assert desk.nightlatch("schema", "note").at("title") == "nightlatch note"
    with pytest.raises(SystemExit):
        desk.nightlatch("note", "open", "--help")


def test_what_another_tool_wrote_about_a_feature_is_told_as_its_word(desk: Project) -> None:
    desk.commit(
        "an old log",
        **{
            "progress.txt": (
                "# Ralph Progress Log\n---\n## 2026-02-24 - US-001\n- the till is *slow*\n---\n"
            )
        },
    )
    wrote = (
        "another tool wrote, and nobody checked, under 2026-02-24 - US-001: - the till is *slow*"
    )
    assert f"- {wrote}\n" in desk.nightlatch("brief", "US-001").out
    assert f"- `{wrote}`\n" in desk.nightlatch("handoff", "US-001").out


def test_the_restart_note_is_printed_and_linted_from_the_record_and_from_a_file(
    desk: Project,
) -> None:
    noted(
        desk,
        "verified",
        "the price is a product",
        "--feature",
        "US-001",
        "--evidence",
        "grep -q cents till.py",
        "--cite",
        "till.py:2",
    )
    assert "no-next" in desk.nightlatch("note", "lint", "US-001").out
    noted(
        desk,
        "open",
        "is it slow?",
        "--feature",
        "US-001",
        "--reproduce",
        "./slow.sh",
        "--next",
        "Time price() in till.py",
    )
    told = desk.nightlatch("handoff", "US-001")
    assert "## Next action\n\n`Time price() in till.py`\n" in told.out
    assert desk.nightlatch("handoff", "US-001", "--json").at("text") == told.out
    assert desk.nightlatch("note", "lint", "US-001").out == "operational\n"
    desk.commit(
        "the price changes",
        **{
            "till.py": "def price(cents, count):\n    return 2 * cents * count\n",
            "note.md": told.out,
        },
    )
    linted = desk.nightlatch("note", "lint", "note.md", "--json")
    assert (linted.code, linted.at("flaws", 0, "rule")) == (1, "note.stale")
    assert "was verified; check again" in desk.nightlatch("handoff", "US-001").out
