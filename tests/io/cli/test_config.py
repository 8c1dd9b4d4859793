"""config, schema, import and help: what they print, and where."""

import json
import tomllib
from pathlib import Path

import pytest

from nightlatch.cli import main
from nightlatch.cli.help import TOPICS
from nightlatch.plan import file
from nightlatch.project.config.settings import items, load


@pytest.fixture
def project(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository


def test_config_prints_every_setting_as_toml(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[limits]\nattempts = 5\n[agents.mine]\ncommand = ["./a b"]\nenv = { NAME = "a\\"b" }\n'
    (project / "loop.toml").write_text(text)
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    assert list(items(load(printed, None, {}, {}))) != []
    again = {name: value for name, value, _ in items(load(printed, None, {}, {}))}
    assert again == {name: value for name, value, _ in items(load(text, None, {}, {}))}
    assert tomllib.loads(printed)["agents"]["mine"]["env"] == {"NAME": 'a"b'}


def test_config_says_where_each_setting_comes_from(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "loop.toml").write_text("[limits]\nattempts = 5\nsessions = 6\n")
    monkeypatch.setenv("NIGHTLATCH_LIMITS_SESSIONS", "7")
    assert main(["config", "--show-origin"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {
        "limits.attempts = 5  # loop.toml",
        "limits.sessions = 7  # env",
        'limits.idle = "10m"  # default',
    } <= set(lines)
    assert main(["config", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "nightlatch/config/1"
    assert told["settings"]["limits.sessions"] == {"value": 7, "origin": "env"}


def test_a_wrong_setting_is_an_error_and_not_a_list(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "loop.toml").write_text("[limits]\natempts = 5\n")
    assert main(["config", "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "nightlatch/error/1"
    assert told["fix"] == "did you mean limits.attempts?"


def test_schema_prints_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "plan"]) == 0
    assert (
        json.loads(capsys.readouterr().out)["$schema"]
        == "https://json-schema.org/draft/2020-12/schema"
    )


def test_import_prints_a_canonical_plan_and_leaves_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "tasks.json"
    old.write_text(
        '{"tasks": [{"id": 1, "name": "one", "status": "done"}, {"id": 2, "name": "two", "status":'
        ' "pending"}]}'
    )
    before = old.read_bytes()
    assert main(["import", str(old)]) == 0
    shown = capsys.readouterr()
    read = file.read(shown.out.encode(), "prd.json")
    assert [(f.id, f.title, f.done) for f in read.features] == [
        ("1", "one", True),
        ("2", "two", False),
    ]
    assert old.read_bytes() == before
    assert shown.err.splitlines() == list(file.read(before, str(old)).readings)


def test_import_of_what_is_not_there_or_not_json_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(tmp_path / "no.json")]) == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{,}")
    assert main(["import", str(tmp_path / "bad.json")]) == 2
    assert "bad.json:1:2" in capsys.readouterr().err


def test_help_lists_its_topics_and_each_has_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    assert capsys.readouterr().out.split() == list(TOPICS)
    for topic in TOPICS:
        assert main(["help", topic]) == 0
        text = capsys.readouterr().out
        assert len(text.splitlines()) > 5
        assert max(map(len, text.splitlines())) < 120 or topic == "config"


def test_help_on_exit_codes_knows_every_code_that_an_error_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["help", "exit-codes"])
    text = capsys.readouterr().out
    assert [code for code in (0, 1, 2, 3, 4, 5, 70, 75, 130) if f"\n  {code} " not in text] == []


def test_an_unknown_topic_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "cooking"]) == 2
    assert "exit-codes" in capsys.readouterr().err
