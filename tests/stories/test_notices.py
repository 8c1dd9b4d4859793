"""Notices arrive for every event, hold no agent's words, and no receiver, whatever it does,
fails or delays a run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from nightlatch.notify.delivery import http, tried
from tests import PATIENCE, ROOT
from tests.stories.receiver import Receiver, receiver
from tests.stories.sample_project import Project, Steps, feature, make_project, writes

PROSE = "Which of the two? token=abc123"
ASKS: Steps = [{"ask": PROSE}]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with receiver() as own:
        yield own


def project(folder: Path, settings: str, *stories: dict[str, object]) -> Project:
    return make_project(folder, stories or (feature(1),), settings=settings)


@pytest.mark.sandbox
def test_a_night_is_told_event_by_event_without_a_word_of_an_agent(
    tmp_path: Path, there: Receiver
) -> None:
    command = "cat >> ../told.jsonl; echo >> ../told.jsonl"
    settings = (
        f'[notify]\nwebhook = "{there.url("hook")}"\nping = "{there.url("ping")}"\ncommand ='
        f' "{command}"\n'
    )
    night = project(tmp_path, settings, feature(1), feature(2))
    night.night([ASKS, [writes(2)]], code=3)
    told = there.until("run-ended")
    hooks = [body for manner, body in told if manner == "hook"]
    assert [body["event"] for body in hooks] == ["needs-you", "run-ended"]
    assert [manner for manner, _ in told].count("ping") >= 3
    assert hooks[0]["text"] == "shop: US-001 waits for you: nightlatch status"
    ended = "shop: the run ended: 1 landed, 1 blocked; 1/2 pass; exit code 3"
    assert (hooks[1]["text"], hooks[1]["content"], hooks[1]["exit"]) == (ended, ended, 3)
    assert hooks[1]["counts"] == {
        "landed": 1,
        "unproved": 0,
        "rejected": 0,
        "held": 0,
        "blocked": 1,
    }
    assert "abc123" not in json.dumps(hooks)
    own = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert [one["event"] for one in own] == ["needs-you", "run-ended"]


@pytest.mark.sandbox
def test_the_question_is_told_where_the_person_allows_it(tmp_path: Path, there: Receiver) -> None:
    night = project(tmp_path, f'[notify]\nwebhook = "{there.url("hook")}"\nquestion = true\n')
    night.night([ASKS], code=3)
    assert (
        there.next()[1]["text"] == f"shop: US-001 waits for you: nightlatch status; US-001: {PROSE}"
    )


@pytest.mark.sandbox
def test_a_run_that_stays_says_at_once_what_waits_and_only_once(
    tmp_path: Path, there: Receiver
) -> None:
    night = project(tmp_path, f'[notify]\nwebhook = "{there.url("hook")}"\n', feature(1, verify=[]))
    running = night.start(
        "run",
        "--agent",
        "scripted",
        "--stay",
        env={"NIGHTLATCH_SCRIPT": str(night.script([[writes(1)]]))},
    )
    asked = there.next()[1]
    assert (asked["event"], asked["features"]) == ("needs-you", ["US-001"])
    night.run("stop")
    running.communicate(timeout=PATIENCE)
    assert [body["event"] for _, body in there.until("run-ended")] == ["run-ended"]


@pytest.mark.sandbox
def test_a_fault_and_a_red_branch_are_told_before_the_end_of_the_run(
    tmp_path: Path, there: Receiver
) -> None:
    night = project(
        tmp_path,
        f'[limits]\nfaults = 1\n[notify]\nwebhook = "{there.url("hook")}"\n',
        feature(1, verify=[]),
    )
    night.night([[{"crash": "my key is abc123"}]], code=4)
    told = [body for _, body in there.until("run-ended")]
    assert [(body["event"], body["exit"]) for body in told] == [("fault", 4), ("run-ended", 4)]
    assert told[0]["text"] == "shop: the run stopped because of a fault: agent.fault"
    night.write("checks/20-lint", "#!/bin/sh\necho abc123; exit 1\n", mode=0o755)
    night.commit("red")
    night.night([[]], code=5)
    told += [body for _, body in there.until("run-ended")]
    assert [(body["event"], body["exit"]) for body in told[2:]] == [
        ("branch-red", 5),
        ("run-ended", 5),
    ]
    assert told[2]["text"] == "shop: The branch itself fails its own tests or checks. The run stops"
    assert "abc123" not in json.dumps(told)


@pytest.mark.sandbox
def test_a_run_does_not_wait_for_receivers_and_the_next_one_says_what_did_not_arrive(
    tmp_path: Path, there: Receiver
) -> None:
    settings = f'[notify]\nwebhook = "{there.url("slow")}"\nping = "{there.url("nonsense")}"\n'
    night = project(tmp_path, settings)
    night.night([[writes(1)]])
    assert night.passing() == ["US-001"]
    assert there.until("run-ended")[-1][0] == "slow"
    assert not there.answers.is_set()
    log = night.folder / ".nightlatch/notify.jsonl"
    while not log.read_bytes().endswith(b"\n"):
        assert log.exists()
    said = night.run("run").stderr
    assert "notify      ping: invalid URL or malformed response\n" in said
    assert "s3cret" not in said


def settings_of(night: Project, **channels: object) -> None:
    night.write(
        "loop.toml",
        "[notify]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in channels.items()),
    )


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A repository alone: a test of the channels needs no plan."""
    own = Project(folder=tmp_path / "shop")
    own.folder.mkdir()
    own.git("init", "-q")
    return own


def test_the_test_notice_says_of_every_channel_what_came_of_it(
    bare: Project, there: Receiver
) -> None:
    settings_of(
        bare, command="cat > ../told.json", webhook=there.url("hook"), ping=there.url("ping")
    )
    told = bare.run("doctor", "--notify").stdout
    assert (
        told
        == "ok    notify: command: it exited with 0\nok    notify: webhook: it answered 204\nok   "
        " notify: ping: it answered 204\nnothing would stop the night\n"
    )
    assert json.loads((bare.folder.parent / "told.json").read_text())["event"] == "test"


@pytest.mark.parametrize(
    ("manner", "says"),
    [
        ("broken", "it answered 500"),
        ("redirect", "it answered 302"),
        ("nonsense", "invalid URL or malformed response"),
    ],
)
def test_a_receiver_that_did_not_take_it_is_told_without_its_address(
    bare: Project, there: Receiver, manner: str, says: str
) -> None:
    settings_of(bare, webhook=there.url(manner), command="exit 3")
    told = bare.run("doctor", "--notify", code=1).stdout
    assert (
        f"FAIL  notify: webhook: {says}\n      fix: correct notify.webhook in loop.toml\n" in told
    )
    assert "FAIL  notify: command: it exited with 3\n" in told
    assert "s3cret" not in told
    assert there.came.qsize() == 1


def test_a_receiver_that_is_down_an_address_that_is_none_and_nobody_to_tell(bare: Project) -> None:
    assert "warn  notify: no notifications are set up\n" in bare.run("doctor", "--notify").stdout
    settings_of(bare, webhook="http://127.0.0.1:1/s3cret", ping="file:///etc/passwd")
    told = bare.run("doctor", "--notify", code=1).stdout
    assert "FAIL  notify: webhook: Connection refused\n" in told
    assert "FAIL  notify: ping: not an http(s) URL\n" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("manner", ["slow", "drip"])
def test_a_receiver_that_answers_too_late_or_a_byte_at_a_time_is_given_up(
    there: Receiver, manner: str
) -> None:
    code = (
        "import sys, json; from functools import partial; from nightlatch.notify.delivery import http,"
        " tried;print(json.dumps(tried('webhook', partial(http, sys.argv[1], b'{}'), 0.3)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, there.url(manner)], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == {
        "channel": "webhook",
        "ok": False,
        "says": "it did not answer within 0 s",
    }
    assert not there.answers.is_set()


def test_what_nobody_expected_of_a_channel_is_told_by_its_kind_alone() -> None:
    assert (
        tried("webhook", partial(http, "http://[s3cret"), 5)["says"]
        == "invalid URL or malformed response"
    )
    assert tried("urls", partial(divmod, 1, 0), 5) == {
        "channel": "urls",
        "ok": False,
        "says": "ZeroDivisionError",
    }


APPRISE = """
class Apprise:
    def __init__(self):
        self.known = []
    def add(self, url):
        self.known += [url] if url.startswith("json://") else []
        return url.startswith("json://")
    def notify(self, title, body):
        open("../told.txt", "w").write(body)
        return "down" not in self.known[0]
"""


@pytest.mark.parametrize(
    ("urls", "says"),
    [
        (["json://a", "json://b"], "ok    notify: urls: 2 took it\n"),
        (["json://down"], "FAIL  notify: urls: a service rejected the notification\n"),
        (
            ["json://a", "s3cret"],
            "FAIL  notify: urls: apprise does not recognise 1 of 2 URLs\n",
        ),
    ],
)
def test_with_the_extra_apprise_tells_its_services(
    bare: Project, urls: list[str], says: str
) -> None:
    (bare.folder.parent / "apprise.py").write_text(APPRISE)
    settings_of(bare, urls=urls)
    own = Project(folder=bare.folder, env={"PYTHONPATH": f"{bare.folder.parent}:{ROOT}"})
    told = own.run("doctor", "--notify", code=None).stdout
    assert says in told
    assert "s3cret" not in told


def test_without_the_extra_it_says_how_to_install_it(bare: Project) -> None:
    (bare.folder.parent / "apprise.py").write_text("raise ImportError")
    settings_of(bare, urls=["json://localhost"])
    own = Project(folder=bare.folder, env={"PYTHONPATH": f"{bare.folder.parent}:{ROOT}"})
    told = own.run("doctor", "--notify", code=1).stdout
    assert (
        "FAIL  notify: urls: the notify extra is not installed; fix: pip install"
        " 'nightlatch[notify]'\n" in told
    )
