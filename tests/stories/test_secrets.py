"""Keys in whatever an agent says, writes and names: none reaches the disk outside its
workspace, and none lands."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightlatch.agents import note_cli
from nightlatch.git.repo import Repo
from nightlatch.journal import inbox_io
from nightlatch.project.project import find_project
from nightlatch.redaction import patterns_io
from nightlatch.workspace import build
from nightlatch.workspace.scope import Rules
from nightlatch.workspace.workspace import Workspace
from tests.io.git.sample_repo import committed, git, workspace_of, write
from tests.stories.sample_project import Project, feature, make_project, writes
from tests.unit.redaction.made_up_keys import heart, made_up

KEYS = made_up()
VALUE = "value-of-the-shop-8842"
KEEPER = """import json, os, sys
from pathlib import Path
def say(kind, text, **more): print(json.dumps({"kind": kind, "text": text, **more}), flush=True)
sys.stdin.read()
keys, out = json.loads(Path(os.environ["KEYS"]).read_text()), Path(os.environ["NIGHTLATCH_OUT"])
say("session", "")
for n, key in enumerate(keys):
    half = len(key) // 2
    say("message", f"I found {key}, and in pieces: ")
    say("message", key[:half], part=True)
    say("message", key[half:], part=True)
    say("tool_call", key, id=str(n), tool="run", args={"command": f"curl -H {key}", key: 1})
    say("tool_result", f"line\\n{key}\\n", id=str(n))
    print(f"stray {key}")
    Path(f"conf{n}.txt").write_text(f"one\\ntwo {key} three\\n")
    if "/" not in key and len(key) < 200: Path(f"name-{key}").write_text("x")
Path("split.txt").write_text("".join(keys))
Path("n1.txt").write_text("1\\n")
note = {"claim": f"the key is {keys[9]}", "evidence": [{"command": f"test -n {keys[10]}"}, {"file": "proof.txt"}]}
(out / "notes.jsonl").write_text(json.dumps(note) + "\\n")
(out / "proof.txt").write_text(keys[11])
if os.environ.get("ASKS"): (out / "blocked.md").write_text(f"May I use {keys[3]} and {keys[-1]}?\\n")
say("result", f"done with {keys[4]}", ok=True)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    agent = (
        'agent = ["keeper"]\n[agents.keeper]\ncommand = ["python3", "keeper.py"]\nevents ='
        ' "jsonl"\n'
    )
    settings = (
        f'{agent}[workspace]\nenv = ["KEYS", "ASKS"]\nsandbox = "none"\n[limits]\nattempts = 1\n'
    )
    (tmp_path / "keys.json").write_text(json.dumps([*KEYS.values(), VALUE]))
    return make_project(tmp_path, [feature(1)], settings=settings, files={"keeper.py": KEEPER})


def kept(project: Project) -> Iterator[tuple[str, bytes]]:
    """Everything that lies on the disk when a run is over: state and cache folders, what is
    packed unpacked, every object of git."""
    for top in (project.folder / ".nightlatch", project.folder.parent / "cache"):
        for file in (file for file in top.rglob("*") if file.is_file()):
            data = file.read_bytes()
            yield (
                str(file),
                str(file).encode() + (gzip.decompress(data) if file.suffix == ".gz" else data),
            )
    for line in project.git("cat-file", "--batch-check", "--batch-all-objects").splitlines():
        oid, kind, _ = line.split()
        yield (
            f"git {kind} {oid}",
            project.git("cat-file", kind if kind != "tree" else "-p", oid).encode(
                errors="surrogateescape"
            ),
        )


def open_to_others(project: Project) -> list[str]:
    """What of the loop's own folder another user could enter or read: no folder, and no file of
    a session or of the journal, may be."""
    state = project.folder / ".nightlatch"
    folders = [state, *(place for place in state.rglob("*") if place.is_dir())]
    files = [
        *state.glob("journal*"),
        *(place for place in (state / "sessions").rglob("*") if place.is_file()),
    ]
    return [
        str(place.relative_to(project.folder))
        for place in (*folders, *files)
        if place.stat().st_mode & 0o077
    ]


def assert_nowhere(project: Project, *texts: str) -> None:
    seen = dict(kept(project))
    assert len(seen) > 40
    hearts = [heart(key).encode() for key in [*KEYS.values(), VALUE]]
    assert [(name, part) for name, data in seen.items() for part in hearts if part in data] == []
    assert [part for text in texts for part in hearts if part.decode() in text] == []


@pytest.mark.parametrize("asks", ["", "yes"])
def test_no_key_reaches_the_disk_and_none_lands(shop: Project, asks: str) -> None:
    env = {"KEYS": str(shop.folder.parent / "keys.json"), "ASKS": asks, "SHOP_TOKEN": VALUE}
    ran = shop.run("run", env=env, code=3)
    word, _, rule = next(each for each in shop.outcomes() if each[0] in ("rejected", "blocked"))
    assert (word, rule) == (("blocked", "agent.question") if asks else ("rejected", "scope.secret"))
    told = shop.git("show", "HEAD:progress.txt")
    assert "scope.secret" in told or asks
    assert asks or ("conf0.txt:2 aws-access-key" in told)
    assert "[hidden:" in told
    shop.run("brief", "US-001", env=env)
    assert_nowhere(shop, ran.stdout, ran.stderr, shop.git("log", "-p", "--all"))
    carried = shop.git("show", "refs/nightlatch/work/US-001:conf0.txt")
    assert open_to_others(shop) == []
    assert carried == "one\n[nightlatch kept this line out: aws-access-key]\n"


@pytest.mark.sandbox
def test_a_test_that_prints_a_key_leaves_it_nowhere(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    talks = (
        'printf "it says %s\\n" "$SHOP_TOKEN"; printf "%s" "$SHOP_TOKEN" >'
        ' "$NIGHTLATCH_REPORTS/a.txt"; test ! -f n1.txt'
    )
    project.write("checks/30-talks", f"#!/bin/sh\n{talks}\n", mode=0o755)
    project.write("loop.toml", '[workspace]\nenv = ["SHOP_TOKEN"]\n[limits]\nattempts = 1\n')
    project.commit("a check that talks")
    script = project.script([[writes(1)]])
    project.run(
        "run",
        "--agent",
        "scripted",
        env={"NIGHTLATCH_SCRIPT": str(script), "SHOP_TOKEN": VALUE},
        code=3,
    )
    assert project.outcomes()[0][2].startswith("check.")
    assert_nowhere(project)
    assert any(
        b"[hidden:value-of-SHOP_TOKEN]" in data for name, data in kept(project) if "/cache/" in name
    )


@pytest.mark.sandbox
def test_no_key_stands_in_the_message_of_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titles may be a planner's words; a note may have been left where nobody knew the key yet."""
    stories = [
        feature(1, title=f"Log in by {VALUE}"),
        feature(2, title=f"Pay by {VALUE}", verify=[]),
    ]
    project = make_project(tmp_path, stories, settings='[land]\nunproved = "hold"\n')
    monkeypatch.chdir(project.folder)
    note = json.dumps(note_cli.read(["open", f"is it {VALUE}?"]))
    inbox_io.leave(find_project(project.folder), "note", "", note, datetime.now(UTC))
    project.night([[writes(1)], [writes(2)]], code=3, env={"SHOP_TOKEN": VALUE})
    project.run("approve", "US-002", "--now", env={"SHOP_TOKEN": VALUE})
    told = project.git("log", "--all", "--format=%B")
    assert VALUE not in told
    for hidden in (
        "US-001 Log in by [hidden",
        "US-002 Pay by [hidden:value-of-SHOP_TOKEN] (approved)",
        "is it [hidden",
    ):
        assert hidden in told


def shop_with(tmp_path: Path, files: dict[str, str | bytes]) -> tuple[Repo, Workspace]:
    """A repository that holds these files, and a workspace at its commit."""
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    committed(folder, files)
    return workspace_of(folder, tmp_path)


def test_what_a_comment_allows_and_what_the_base_has_is_no_objection(tmp_path: Path) -> None:
    old, sample, real = KEYS["github"], KEYS["stripe"], "real-secret-4711"
    repo, space = shop_with(tmp_path, {"old.py": f"a\nKEY = '{old}'\n", "b.py": "b\n"})
    write(
        space.tree,
        {
            "moved.py": f"KEY = '{old}'\n",
            "old.py": f"KEY = '{old}'  # edited\n",
            "b.py": f"b = '{sample}'  # nightlatch: allow-secret, made up\n",
            "c.py": f"c = '{real}'  # nightlatch: allow-secret\n",
        },
    )
    made = build.build(repo, space, Rules(), hidden=patterns_io.guard({"APP_SECRET": real}))
    assert [(reason.rule, reason.detail) for reason in made.oddities] == [
        ("scope.secret", ("c.py:1 value-of-APP_SECRET",))
    ]
    assert repo.read(made.tree, "moved.py") == f"KEY = '{old}'\n".encode()
    assert (
        repo.read(made.tree, "b.py")
        == f"b = '{sample}'  # nightlatch: allow-secret, made up\n".encode()
    )
    assert repo.read(made.tree, "c.py") == b"[nightlatch kept this line out: value-of-APP_SECRET]\n"


def test_what_stands_in_the_place_of_a_refused_file_does_not_land_either(tmp_path: Path) -> None:
    """The next session finds it in its workspace: whoever leaves it there has not written the
    file."""
    repo, space = shop_with(tmp_path, {"a": "a\n"})
    write(
        space.tree,
        {"conf.py": f"KEY = '{KEYS['anthropic']}'; OTHER = '{KEYS['github']}'\n", "b.py": "b\n"},
    )
    first = build.build(repo, space, Rules(), hidden=patterns_io.guard({}))
    write(space.tree, {"conf.py": (repo.read(first.tree, "conf.py") or b"").decode()})
    again = build.build(repo, space, Rules(), hidden=patterns_io.guard({}))
    assert again.tree == first.tree
    assert (
        [(reason.rule, reason.detail) for reason in again.oddities]
        == [(reason.rule, reason.detail) for reason in first.oddities]
        != []
    )
    write(space.tree, {"conf.py": "KEY = os.environ['KEY']\n"})
    assert build.build(repo, space, Rules(), hidden=patterns_io.guard({})).oddities == ()


def test_a_line_with_a_secret_is_kept_out_and_the_rest_of_the_file_is_kept_line_by_line(
    tmp_path: Path,
) -> None:
    repo, space = shop_with(tmp_path, {"a": "a\n"})
    block, key = (
        next(value for value in KEYS.values() if value.startswith("-----")),
        KEYS["anthropic"],
    )
    joined = f"a\n{key} {block} {KEYS['github']}\nb\n"
    write(
        space.tree,
        {"conf.py": f"one\n{block}\nKEY = '{key}'\ntwo", "joined.py": joined, "all.txt": key},
    )
    made = build.build(repo, space, Rules(), hidden=patterns_io.guard({}))
    lines = (repo.read(made.tree, "conf.py") or b"").decode().split("\n")
    height = len(block.strip().splitlines())
    told = dict(
        reason.detail[n].split(" ") for reason in made.oddities for n in range(len(reason.detail))
    )
    assert told.keys() == {
        "all.txt:1",
        "conf.py:2",
        f"conf.py:{height + 2}",
        "joined.py:2",
        f"joined.py:{height + 1}",
    }
    assert lines[0] == "one"
    assert [n + 1 for n, line in enumerate(lines) if line.startswith("[nightlatch")] == [
        2,
        height + 2,
    ]
    assert lines[-1] == "two"
    parts = (repo.read(made.tree, "joined.py") or b"").decode().split("\n")
    assert (parts[0], parts[height + 1 :]) == ("a", ["b", ""])
    for name in ("conf.py", "joined.py", "all.txt"):
        kept = (repo.read(made.tree, name) or b"").decode()
        assert [value for value in (key, block, KEYS["github"]) if heart(value) in kept] == []


def test_a_secret_in_another_encoding_that_git_would_turn_into_plain_text_is_refused(
    tmp_path: Path,
) -> None:
    repo, space = shop_with(tmp_path, {".gitattributes": "*.u working-tree-encoding=UTF-16\n"})
    write(
        space.tree,
        {
            "key.u": f"a\n{KEYS['anthropic']}\n".encode("utf-16"),
            "word.u": "word\n".encode("utf-16"),
        },
    )
    made = build.build(repo, space, Rules(), hidden=patterns_io.guard({}))
    assert ("scope.secret", ("key.u:2 model-provider-key",)) in [
        (reason.rule, reason.detail) for reason in made.oddities
    ]
    assert [change.path for change in made.changes] == ["word.u"]
    assert repo.read(made.tree, "word.u") == b"word\n"
    assert KEYS["anthropic"] not in git(
        repo.top, "cat-file", "--batch-all-objects", "--batch", "--unordered"
    )


@pytest.mark.sandbox
def test_the_session_after_one_that_wrote_a_secret_is_told_the_line_and_mends_it(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    text = f"import os\n\nKEY = '{KEYS['anthropic']}'\n\n\ndef long_work():\n    return 42\n"
    mends = "sed -i \"s/^.nightlatch kept this line out.*$/KEY = os.environ['SHOP_KEY']/\" pay.py"
    project.night(
        [
            [{"write": "pay.py", "text": text}, writes(1)],
            [{"run": 'cat "$NIGHTLATCH_BRIEF" > seen.txt'}, {"run": mends}],
        ]
    )
    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("rejected", "scope.secret"),
        ("landed", ""),
    ]
    assert project.git("show", "HEAD:pay.py") == text.replace(
        f"'{KEYS['anthropic']}'", "os.environ['SHOP_KEY']"
    )
    brief = project.git("show", "HEAD:seen.txt")
    assert "pay.py:3 model-provider-key" in brief
    assert "A mark stands in the place of each line" in brief
    assert project.passing() == ["US-001"]


def test_a_key_far_inside_a_large_file_and_one_in_a_links_target(tmp_path: Path) -> None:
    repo, space = shop_with(tmp_path, {"a": "a\n"})
    key = KEYS["anthropic"]
    write(
        space.tree,
        {
            "big.bin": (
                b"\0\n" * 500_000
                + b"x" * (patterns_io.AT_ONCE - 10 - 500_000)
                + f" {key}\n".encode()
                + b"\n" * 2_000_000
            )
        },
    )
    (space.tree / "link").symlink_to(key)
    made = build.build(repo, space, Rules(), hidden=patterns_io.guard({}))
    assert [
        (reason.rule, reason.detail)
        for reason in made.oddities
        if reason.rule != "scope.large-file"
    ] == [
        ("scope.secret", ("big.bin:500001 model-provider-key", "link:1 model-provider-key")),
    ]
    assert [change.path for change in made.changes] == ["big.bin"]
    assert key not in git(repo.top, "cat-file", "--batch-all-objects", "--batch", "--unordered")
