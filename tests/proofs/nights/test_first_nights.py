"""What a stranger's first nights meet: keys that are locked, logins that expire, limits that
are lifted, files that never come in."""

import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests import PATIENCE
from tests.stories.sample_project import feature, make_project, writes

pytestmark = pytest.mark.sandbox


def test_a_key_that_nobody_unlocks_ends_the_night_with_its_work_kept(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a pass phrase", "-f", str(key)], check=True
    )
    project = make_project(tmp_path, [feature(1)])
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", settings.replace("sign = false", "sign = true"))
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", f"{key}.pub")):
        project.git("config", name, value)
    project.commit("sign")
    assert "FAIL  sign: commits cannot be signed" in project.run("doctor", code=None).stdout

    ended = project.night([[writes(1)]], code=4)

    assert "commits cannot be signed: " in ended.stderr
    assert "set sign = false under [land]" in ended.stderr
    assert "refs/nightlatch/work/US-001" in project.git("for-each-ref", "--format=%(refname)")
    project.write("loop.toml", settings)
    project.commit("no signing")
    project.night([[]])
    assert project.passing() == ["US-001"]
    assert len(project.landings()) == 1


def test_another_agent_goes_on_where_one_needs_a_login(tmp_path: Path) -> None:
    settings = 'agent = ["mine", "scripted"]\n[agents.mine]\ncommand = ["./agent.sh"]\n'
    project = make_project(tmp_path, [feature(1), feature(2)], settings=settings)
    project.agent("echo 'Invalid API key, please log in again'\nexit 1")
    project.commit("an agent without a login")
    told = project.run(
        "run", env={"NIGHTLATCH_SCRIPT": str(project.script([[writes(1)], [writes(2)]]))}
    ).stderr
    assert "mine is not logged in; fix: see its account; scripted goes on meanwhile" in told
    assert project.passing() == ["US-001", "US-002"]
    assert [rule for word, _, rule in project.outcomes() if word == "failed"] == ["agent.login"]


def test_a_person_who_knows_better_lifts_a_usage_limit(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    limited = {"limit": 4_000_000_000}
    project.night([[limited]], code=75, env={"NIGHTLATCH_LIMITS_WALL": "1h"})
    assert "tries every agent again" in project.run("resume").stdout
    assert "lifted by you" in project.night([[writes(1)]]).stderr
    assert project.passing() == ["US-001"]


def test_a_run_that_waits_for_a_limit_goes_on_when_it_is_lifted(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    script = project.script([[{"limit": 4_000_000_000}], [writes(1)]])
    process = project.start("run", "--agent", "scripted", env={"NIGHTLATCH_SCRIPT": str(script)})
    assert process.stderr is not None
    for line in process.stderr:
        if "to go on at once: nightlatch resume" in line:
            break
    project.run("resume")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert project.passing() == ["US-001"]


def test_a_file_of_secrets_that_nothing_ignores_never_comes_in(tmp_path: Path) -> None:
    project = make_project(tmp_path, [feature(1)])
    names = (".env", "app/.env.local", ".env.test.local", ".env.example")
    steps: list[Mapping[str, object]] = [
        writes(1),
        *({"write": name, "text": "MODE=dev\n"} for name in names),
    ]
    project.night([steps])
    landed = project.git("ls-tree", "-r", "--name-only", "HEAD").split()
    assert [name for name in landed if ".env" in name] == [".env.example"]


def test_the_command_after_a_landing_is_told_what_landed(tmp_path: Path) -> None:
    told = tmp_path / "told"
    project = make_project(tmp_path, [feature(1)])
    settings = (project.folder / "loop.toml").read_text()
    project.write(
        "loop.toml",
        settings.replace('after = ""', f"after = 'env | grep ^NIGHTLATCH_ | sort > {told}'"),
    )
    project.commit("after")
    project.night([[writes(1)]])
    said = dict(line.split("=", 1) for line in told.read_text().splitlines())
    assert (said["NIGHTLATCH_FEATURE"], said["NIGHTLATCH_TITLE"], said["NIGHTLATCH_OUTCOME"]) == (
        "US-001",
        "Number 1",
        "landed",
    )
    assert (
        project.git("log", "-1", "--format=%s", said["NIGHTLATCH_COMMIT"]).strip()
        == "US-001 Number 1"
    )
    assert said["NIGHTLATCH_SESSION"].endswith("-s01")


SERVES = "#!/bin/sh\nexec python3 -m http.server 0 --bind 127.0.0.1\n"


def test_an_init_sh_that_becomes_a_server_is_named_with_what_to_write_instead(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)], files={"init.sh": SERVES})
    (project.folder / "init.sh").chmod(0o755)
    project.commit("a server")
    told = project.run("doctor", code=None).stdout
    assert "init.sh started a server, which listens on port " in told
    assert "put ` &` behind what starts the server" in told


def test_files_that_git_does_not_have_and_tests_need_are_named_and_copied_by_patterns(
    tmp_path: Path,
) -> None:
    opens = "open('.env').close(), open('app/.env.local').close()"
    needs = (
        "import unittest\n\n\nclass Env(unittest.TestCase):\n    def test_env(self):\n       "
        f" {opens}\n"
    )
    project = make_project(
        tmp_path, [feature(1)], files={"tests/test_env.py": needs, ".gitignore": ".env*\n"}
    )
    project.write(".env", "A=1\n")
    project.write("app/.env.local", "B=1\n")
    told = project.run("doctor", code=None).stdout
    says = (
        "skipped or failing here, not with the files that git does not have (.env, app/.env.local):"
        " tests/test_env.py::Env::test_env"
    )
    assert says in told
    assert 'copy = [".env", "app/.env.local"]' in told
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", settings.replace("copy = []", 'copy = ["**/.env*"]'))
    project.commit("copy")
    project.night([[writes(1)]])
    assert project.passing() == ["US-001"]
    assert "green, 2 pass" in project.git("show", "HEAD:progress.txt")


def test_a_question_in_an_agents_last_words_is_asked_in_the_morning_and_paid_for_once(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, [feature(1)])
    asks = (
        "I have looked. Before I begin: should totals be rounded half up or half even? Please tell"
        " me and I will go on."
    )
    project.night([[{"say": asks}]], code=3)
    assert project.outcomes() == [("blocked", "US-001", "agent.question")]
    assert "half even?" in project.run("status").stdout
    project.run("answer", "US-001", "half even")
    project.night([[{"say": "Shall I do more?"}, writes(1)]])
    assert project.passing() == ["US-001"]


def test_a_story_about_protected_files_is_said_in_the_evening_and_asks_at_once(
    tmp_path: Path,
) -> None:
    story = feature(1, title="The clerk is polite", verify="grep -q Please prompts/system.md")
    project = make_project(tmp_path, [story], files={"prompts/system.md": "You are a clerk.\n"})
    steps = [{"write": "prompts/system.md", "text": "Please. You are a clerk.\n"}]
    assert (
        "US-001 names prompts/system.md, which is protected"
        in project.run("doctor", code=None).stdout
    )

    project.night([steps], code=3)

    assert project.outcomes() == [("blocked", "US-001", "agent.question")]
    assert "may it change prompts/system.md?" in project.run("status").stdout
    project.write(
        "prd.json",
        (project.folder / "prd.json")
        .read_text()
        .replace('"passes"', '"mayChange": ["prompts/system.md"], "passes"'),
    )
    project.run("retry", "US-001")
    project.night([steps], code=3)
    assert project.outcomes()[-1][0] == "held"


DATABASE = """import socket, unittest


class Database(unittest.TestCase):
    def test_ready(self):
        with socket.create_connection(("127.0.0.1", {port}), 20) as call:
            self.assertEqual(call.recv(6), b"ready\\n")
"""


def test_tests_that_need_a_database_of_this_machine_guard_the_night_where_it_is_opened(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        port = server.getsockname()[1]
        settings, files = (
            f'[checks]\nreach = ["127.0.0.1:{port}"]\n',
            {"tests/test_db.py": DATABASE.format(port=port)},
        )
        project = make_project(tmp_path, [feature(1)], files=files, settings=settings)
        project.night([[writes(1)]])
        server.shutdown(socket.SHUT_RDWR)
    assert project.passing() == ["US-001"]
    assert "green, 2 pass, 0 fail" in project.git("show", "HEAD:progress.txt")


def test_a_way_that_cannot_be_opened_ends_the_run_with_what_to_do(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, [feature(1)], settings='[checks]\nreach = ["127.0.0.1:5432"]\n'
    )
    deep = tmp_path / ("a" * 120)  # a socket's path has 107 characters at most
    deep.mkdir()
    ended = project.night([[writes(1)]], code=4, env={"TMPDIR": str(deep)})
    assert "what checks.reach names cannot be opened: " in ended.stderr
    assert "path too long" in ended.stderr
    assert "try it with TMPDIR=/tmp, or set checks.network = true" in ended.stderr


def serve(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            call = server.accept()[0]
            with call:
                call.sendall(b"ready\n")


SKIPS = """import pathlib
import unittest


class Model(unittest.TestCase):
    def test_always(self):
        pass

    @unittest.skipUnless(pathlib.Path("data/model.txt").exists(), "no model here")
    def test_model(self):
        self.assertEqual(pathlib.Path("data/model.txt").read_text(), "weights")
"""


def test_tests_that_are_skipped_in_a_fresh_checkout_and_not_in_the_persons_are_named(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path,
        [feature(1)],
        files={"tests/test_model.py": SKIPS, ".gitignore": "data/\nbuild/\n"},
    )
    project.write("data/model.txt", "weights")
    project.write("build/model.txt", "made again by any build")
    told = project.run("doctor", code=None).stdout
    assert (
        "skipped or failing here, not with the files that git does not have (data):"
        " tests/test_model.py::Model::test_model" in told
    )
    settings = (project.folder / "loop.toml").read_text()
    project.write("loop.toml", settings.replace("copy = []", 'copy = ["data"]'))
    assert "skipped or failing here" not in project.run("doctor", code=None).stdout


def test_a_test_that_is_skipped_everywhere_is_nobodys_fault(tmp_path: Path) -> None:
    skips = SKIPS.replace('pathlib.Path("data/model.txt").exists()', "False")
    project = make_project(
        tmp_path, [feature(1)], files={"tests/test_model.py": skips, ".gitignore": "data/\n"}
    )
    project.write("data/model.txt", "weights")
    assert "skipped or failing here" not in project.run("doctor", code=None).stdout
