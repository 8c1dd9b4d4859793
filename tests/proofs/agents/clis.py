"""The agent CLIs of tests/proofs/agents/install.sh: where they are, and how each is pointed at a
scripted model server."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nightlatch.project.config.settings import AgentSettings

PACKAGES = {
    "claude": "@anthropic-ai/claude-code",
    "codex": "@openai/codex",
    "gemini": "@google/gemini-cli",
    "pi": "@earendil-works/pi-coding-agent",
}
NAMES = tuple(PACKAGES)
DUMMY = "dummy-not-a-key"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A clean environment for one CLI, and what [agents.NAME] has to say for it."""

    environ: Mapping[str, str]
    model: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> AgentSettings:
        return AgentSettings(model=self.model, args=self.args, env=self.env)


def folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of the installed programs, or None: installing takes a minute, so it is not
    done behind anybody's back."""
    cache = environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME', '')}/.cache"
    top = Path(environ.get("NIGHTLATCH_TEST_AGENTS") or f"{cache}/nightlatch-tests/agents")
    whole = (top / "complete").is_file() and (top / "complete").read_bytes() == (
        HERE / "package.json"
    ).read_bytes()
    return top / "node_modules" / ".bin" if whole else None


def agent_environment(name: str, url: str, home: Path, programs: Path, turns: int = 0) -> Setup:
    """Dummy keys, a home of its own with the CLI's configuration in it, few retries, loopback
    as its provider; `turns` is a turn limit."""
    path = f"{programs}:{os.defpath}:/usr/sbin:/sbin"
    base = {
        "HOME": str(home),
        "PATH": path,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CI": "1",
    }
    return SETUPS[name](url, home, base, turns)


def claude(url: str, _home: Path, base: Mapping[str, str], turns: int) -> Setup:
    keys = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": f"sk-ant-{DUMMY}",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    }
    return Setup(
        environ={**base, **keys},
        model="claude-sonnet-4-5",
        args=("--max-turns", str(turns)) if turns else (),
    )


def codex(url: str, home: Path, base: Mapping[str, str], _turns: int) -> Setup:
    provider = {
        "name": "scripted",
        "base_url": f"{url}/v1",
        "env_key": "OPENAI_API_KEY",
        "wire_api": "responses",
        "request_max_retries": 0,
        "stream_max_retries": 0,
    }
    lines = [
        'model_provider = "scripted"',
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
    ]
    lines += [
        "[model_providers.scripted]",
        *(f"{key} = {json.dumps(value)}" for key, value in provider.items()),
    ]
    write(home / ".codex/config.toml", "\n".join(lines))
    quiet = ("--disable", "plugins", "--disable", "apps")
    return Setup(environ={**base, "OPENAI_API_KEY": DUMMY}, model="gpt-5.1-codex", args=quiet)


def gemini(url: str, home: Path, base: Mapping[str, str], turns: int) -> Setup:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False, "maxAttempts": 1},
        "model": {"maxSessionTurns": turns or -1},
    }
    write(home / ".gemini/settings.json", json.dumps(settings))
    return Setup(
        environ={**base, "GEMINI_API_KEY": DUMMY, "GOOGLE_GEMINI_BASE_URL": url},
        model="gemini-2.5-flash",
    )


def pi(url: str, home: Path, base: Mapping[str, str], _turns: int) -> Setup:
    model = {
        "id": "m1",
        "name": "m1",
        "input": ["text"],
        "contextWindow": 128_000,
        "maxTokens": 8192,
        "cost": {"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 0},
    }
    provider = {
        "baseUrl": f"{url}/v1",
        "api": "openai-completions",
        "apiKey": "OPENAI_API_KEY",
        "models": [model],
    }
    write(home / ".pi/agent/models.json", json.dumps({"providers": {"scripted": provider}}))
    write(
        home / ".pi/agent/settings.json",
        json.dumps({"retry": {"maxRetries": 1, "baseDelayMs": 100}}),
    )
    return Setup(
        environ={**base, "OPENAI_API_KEY": DUMMY}, model="m1", args=("--provider", "scripted")
    )


SETUPS: Mapping[str, Callable[[str, Path, Mapping[str, str], int], Setup]] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "pi": pi,
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
