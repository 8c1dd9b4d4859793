"""Settings: where each came from, and one sentence with a place for everything that is not one."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from nightlatch.errors import ConfigError
from nightlatch.project.config import settings as config
from nightlatch.project.config.settings import Config, default_toml, items, load
from tests import ROOT

DOCS = ROOT / "docs" / "configuration.md"


def settings(
    text: str = "", env: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Config:
    return load(text, None, env or {}, flags or {})


def refusal(
    text: str = "", env: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings(text, env, flags)
    assert caught.value.exit == 2
    assert caught.value.fix
    return caught.value


def test_without_any_file_everything_has_its_default() -> None:
    plain = load(None, None, {}, {})
    assert plain.limits.session == 45 * 60
    assert plain.limits.disk == 2 * 10**9
    assert plain.agent == ("claude",)
    assert plain.protect.paths[0] == "checks/**"
    assert set(plain.origins.values()) == {"default"}


def test_the_file_that_init_writes_says_exactly_the_defaults() -> None:
    written = load(default_toml(), None, {}, {})
    assert replace(written, origins={}) == replace(load(None, None, {}, {}), origins={})
    # tables follow, or none
    assert {name for name, origin in written.origins.items() if origin != "loop.toml"} == {
        "checks.suite"
    }


def test_every_key_that_init_writes_has_a_comment() -> None:
    lines = default_toml().splitlines()
    keys = [number for number, line in enumerate(lines) if " = " in line.split("#")[0]]
    assert len(keys) == len(config.known_keys()) - 1  # [[checks.suite]] is a table
    assert all("#" in lines[number] or lines[number - 1].startswith("# ") for number in keys)


def test_the_commented_suite_is_valid_once_the_comment_signs_are_gone() -> None:
    [suite] = load(
        "[checks]\n" + re.sub("^# ", "", config.SUITE, flags=re.MULTILINE), None, {}, {}
    ).checks.suite
    assert suite == {"name": "", "folder": "web", "command": "npm test", "report": ""}


@pytest.mark.parametrize(
    "wrong",
    [
        '[[checks.suite]]\ncommands = "x"\n',
        "[[checks.suite]]\nfolder = 1\n",
        '[checks]\nsuite = "web"\n',
    ],
)
def test_a_suite_with_another_key_or_form_is_an_error_with_its_place(wrong: str) -> None:
    assert "checks.suite must be tables" in refusal(wrong).problem


def test_what_init_found_stands_in_the_file() -> None:
    text = default_toml(
        **{
            "limits.session": "90m",
            "agent": ["codex", "pi"],
            "checks.tests": 'pytest -k "a\x7f"',
            "workspace.sandbox": "none",
        }
    )
    found = load(text, None, {}, {})
    assert (found.limits.session, found.agent, found.workspace.sandbox) == (
        5400,
        ("codex", "pi"),
        "none",
    )
    assert found.checks.tests == 'pytest -k "a\x7f"'


def test_the_commented_agents_are_valid_once_the_comment_signs_are_gone() -> None:
    agents = load(re.sub("^# ", "", config.AGENTS, flags=re.MULTILINE), None, {}, {}).agents
    assert agents["mine"].command == ("./my-agent.sh",)
    assert agents["mine"].tty is False
    assert agents["claude"].env == {"NAME": "value"}
    assert agents["claude"].tty is None


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default() -> None:
    text = "[limits]\nattempts = 4\nsessions = 5\ncontinues = 7\n"
    env = {"NIGHTLATCH_LIMITS_ATTEMPTS": "8", "NIGHTLATCH_LIMITS_SESSIONS": "9"}
    mixed = settings(text, env, {"limits.attempts": 2, "limits.budget": None})
    assert (
        mixed.limits.attempts,
        mixed.limits.sessions,
        mixed.limits.continues,
        mixed.limits.faults,
    ) == (2, 9, 7, 3)
    names = ("attempts", "sessions", "continues", "faults", "budget")
    assert [mixed.origins[f"limits.{name}"] for name in names] == [
        "flag",
        "env",
        "loop.toml",
        "default",
        "default",
    ]


def test_pyproject_may_hold_the_settings_instead() -> None:
    held = load(
        None,
        "[tool.nightlatch]\nplan = 'plans/prd.json'\n[tool.nightlatch.limits]\nattempts = 5\n",
        {},
        {},
    )
    assert (held.plan, held.limits.attempts, held.origins["limits.attempts"]) == (
        "plans/prd.json",
        5,
        "pyproject.toml",
    )


def test_a_pyproject_that_does_not_speak_of_nightlatch_may_be_broken() -> None:
    assert load("", "= broken", {}, {}).plan == ""
    assert load("", "[project]\nname = 'nightlatch-user'\n", {}, {}).plan == ""


def test_settings_in_two_files_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"loop\.toml and in \[tool\.nightlatch\]"):
        load("", "[tool.nightlatch]\n", {}, {})


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("[limits]\n\nattmpts = 3", "loop.toml:3", "did you mean limits.attempts?"),
        ("attempts = 3", "loop.toml:1", "did you mean limits.attempts?"),
        ("[limts]\nattempts = 3", "loop.toml:1", "did you mean limits?"),
        ("limits.attmpts = 3", "loop.toml:1", "did you mean limits.attempts?"),
        ("[agents.claude]\nmodle = 'x'", "loop.toml:2", "did you mean agents.claude.model?"),
        ("zzz = 1", "loop.toml:1", "nightlatch config lists every key"),
        ("limits = 3", "loop.toml:1", "write [limits] and its keys below it"),
        (
            "agents = 3",
            "loop.toml:1",
            "write agent = [...] to choose agents, or [agents.NAME] to adjust one",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_line_and_its_likely_name(
    text: str, place: str, fix: str
) -> None:
    error = refusal(text)
    assert (error.place, error.fix) == (place, fix)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("[limits]\nsession = 45", "a duration"),
        ("[limits]\nsession = '45'", "a duration"),
        ("[limits]\nsession = ''", "a duration"),
        ("[limits]\nwall = 'long'", "a duration"),
        ("[limits]\ndisk = '2000'", "a size"),
        ("[limits]\nuntil = '25:00'", "a time of day"),
        ("[limits]\nattempts = true", "a whole number from 1 up"),
        ("[limits]\nattempts = 0", "a whole number from 1 up"),
        ("[limits]\nbudget = -1", "a number of dollars"),
        ("[limits]\nbudget = nan", "a number of dollars"),
        ("[land]\nsign = 1", "true or false"),
        ("[land]\nunproved = 'maybe'", '"land" or "hold"'),
        ("[workspace]\nsandbox = 'nome'", '"auto" or "bubblewrap" or "none"'),
        ("\nagent = 'claude'", "a list of strings"),
        ("\nagent = [1]", "a list of strings"),
        ("\nplan = 2026-11-20", "a text"),
        ("[agents.x]\nenv = { A = 1 }", "a table of strings"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_with_its_line_and_the_form(
    text: str, form: str
) -> None:
    error = refusal(text)
    assert f"must be {form}" in error.problem
    assert error.place == "loop.toml:2"


def test_what_is_not_toml_is_refused_with_line_and_column() -> None:
    assert refusal("plan = ''\nx = = 3").place == "loop.toml:2:5"


def test_a_byte_order_mark_and_crlf_are_no_hindrance() -> None:
    assert settings("\ufeffplan = 'p.json'\r\n[limits]\r\nattempts = 2\r\n").limits.attempts == 2


def test_the_environment_speaks_in_the_forms_of_the_file() -> None:
    env = {
        "NIGHTLATCH_AGENT": "codex, claude",
        "NIGHTLATCH_LIMITS_SESSION": "1h30m",
        "NIGHTLATCH_LIMITS_BUDGET": "12.5",
        "NIGHTLATCH_LAND_SIGN": "yes",
        "NIGHTLATCH_WORKSPACE_TMP": "2GiB",
        "NIGHTLATCH_AGENTS_MINI_SWE_AGENT_MODEL": "small",
    }
    spoken = settings(env=env)
    assert (spoken.agent, spoken.limits.session, spoken.limits.budget, spoken.land.sign) == (
        ("codex", "claude"),
        5400,
        12.5,
        True,
    )
    assert (spoken.workspace.tmp, spoken.agents["mini-swe-agent"].model) == (2 * 2**30, "small")


@pytest.mark.parametrize("name", config.NOT_SETTINGS)
def test_what_the_loop_tells_its_agents_is_no_setting(name: str) -> None:
    assert settings(env={f"NIGHTLATCH_{name}": "x", "HOME": "/home/ada"}) == settings()


def test_a_variable_that_is_no_setting_is_refused_with_its_likely_name() -> None:
    assert (
        refusal(env={"NIGHTLATCH_LIMIT_ATTEMPTS": "3"}).fix
        == "did you mean NIGHTLATCH_LIMITS_ATTEMPTS?"
    )
    assert refusal(env={"NIGHTLATCH_Q": "3"}).fix == "unset NIGHTLATCH_Q"
    assert (
        refusal(env={"NIGHTLATCH_LIMITS_ATTEMPTS": "three"}).place == "NIGHTLATCH_LIMITS_ATTEMPTS"
    )
    assert (
        refusal(env={"NIGHTLATCH_LAND_SIGN": "perhaps"}).problem
        == 'land.sign must be true or false, not "perhaps"'
    )


def test_a_flag_of_the_wrong_form_names_the_command_line() -> None:
    assert refusal(flags={"limits.until": "soon"}).place == "command line"
    assert settings(flags={"limits.until": "7:05", "agent": ("scripted",)}).limits.until == "07:05"


def test_every_key_is_listed_as_the_file_would_say_it() -> None:
    listed = {
        key: (value, origin)
        for key, value, origin in items(
            settings("[agents.'a.b']\nmodel = 'm'\n[limits]\nidle = '90s'")
        )
    }
    assert listed["limits.idle"] == ("1m30s", "loop.toml")
    assert listed["limits.wall"] == ("", "default")
    assert listed["agents.a.b.model"] == ("m", "loop.toml")
    assert listed["agent"] == (["claude"], "default")
    assert len(listed) == len(config.known_keys()) + 1


def test_no_two_keys_share_a_variable() -> None:
    names = ["_".join(path).upper() for path in config.known_keys()]
    assert len(set(names)) == len(names)
    assert not set(names) & set(config.NOT_SETTINGS)


def test_the_page_on_configuration_is_the_table_of_keys() -> None:
    assert config.reference() in DOCS.read_text()


def test_the_file_that_init_writes_is_toml_of_plain_tables() -> None:
    assert list(tomllib.loads(default_toml())) == [
        "plan",
        "done_words",
        "progress",
        "phase_progress",
        "agent",
        *config.TABLES,
    ]
