"""The settings, as one table of keys: each field names its form, its default and what it is
for, and everything else follows."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from nightlatch.errors import ConfigError
from nightlatch.project.config import types
from nightlatch.project.config.types import SettingType
from nightlatch.project.protected import PUT_BACK

NOT_SETTINGS = (
    *(
        "CACHE",
        "SCRIPT",
        "SESSION",
        "SESSION_NUMBER",
        "FEATURE",
        "FEATURE_SESSION",
        "TITLE",
        "COMMIT",
        "OUTCOME",
        "BRIEF",
        "OUT",
        "BASE",
    ),
    "REPORTS",
)
AGENTS = """\
# [agents.claude]                  # any shipped agent may be adjusted: args, model, env
# args = []
# model = ""
# env = { NAME = "value" }
# [agents.mine]                    # and any command is an agent
# command = ["./my-agent.sh"]      # argv; the brief comes on standard input
# events = "text"                  # text, jsonl, or the name of a shipped dialect
# tty = false                      # true: run in a pseudo-terminal
# home = []                        # files and folders of $HOME that it gets a private copy of
"""
SUITE = """\
# [[checks.suite]]                 # suites are found by themselves; this adds or corrects one
# name = ""                        # what it is called; empty: as it is found
# folder = "web"                   # where its command runs
# command = "npm test"             # empty: not run; what its test files declare is protected
# report = ""                      # JUnit XML that it leaves, such as "build/junit/*.xml"
"""
Path: TypeAlias = tuple[str, ...]


def key(kind: SettingType, default: object, says: str) -> Any:
    """Return a field of a table of settings; a default of None stands for "as the agent's own file
    says"."""
    about = {"kind": kind, "says": says}
    if kind is types.PAIRS:
        return field(default_factory=dict, metadata=about)
    return field(default=None if default is None else kind.read(default), metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """The settings of one agent: changes to a shipped one, or a command of the person's own."""

    command: tuple[str, ...] = key(
        types.TEXTS, [], "argv of a command of your own; the brief comes on standard input"
    )
    args: tuple[str, ...] = key(types.TEXTS, [], "arguments added to a shipped agent's own")
    model: str = key(types.TEXT, "", "the model asked for; empty: the agent's own default")
    env: Mapping[str, str] = key(types.PAIRS, {}, "variables set for this agent")
    events: str = key(
        types.TEXT,
        "",
        "text, jsonl, or the name of a shipped dialect; empty: as shipped, text for a command",
    )
    tty: bool | None = key(types.FLAG, None, "true: run in a pseudo-terminal")
    home: tuple[str, ...] = key(
        types.TEXTS, [], "files and folders of $HOME that it gets a private copy of"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits that end a session, a feature and a run.

    Spans are seconds, 0 for none; `disk` is bytes.
    """

    sessions: int = key(types.count(1), 100, "a run")
    attempts: int = key(types.count(1), 3, "a feature")
    continues: int = key(
        types.count(1), 6, "sessions in a row on one feature that only carry work on"
    )
    session: float = key(
        types.SPAN, "45m", "wall time of one agent; doctor says when the suite needs more"
    )
    idle: float = key(types.SPAN, "10m", "silence of one agent, while no tool call is open")
    tool: float = key(types.SPAN, "40m", "one tool call")
    check: float = key(types.SPAN, "30m", "one check, one run of the tests, one verify command")
    budget: float = key(
        types.MONEY, 0.0, "dollars a run, as agents report them; 0: no limit, and doctor says so"
    )
    budget_day: float = key(types.MONEY, 0.0, "dollars a UTC day; 0: no limit")
    until: str = key(types.CLOCK_OR_NONE, "", '"07:00": the next such local time')
    tokens: int = key(types.count(), 0, "tokens a run, as agents report them; 0: no limit")
    wall: float = key(types.SPAN_OR_NONE, "", "wall time of a run; empty: no limit")
    budget_hour: float = key(types.MONEY, 0.0, "dollars an hour; 0: no limit")
    disk: int = key(types.SIZE, "2GB", "free space under which no session starts")
    faults: int = key(types.count(1), 3, "the same fault this often in a row stops the run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protect:
    """The files that no agent may change."""

    paths: tuple[str, ...] = key(types.TEXTS, PUT_BACK, "put back to the base in every candidate")


# The back ends, each the module of that name in nightlatch/sandbox.
SANDBOXES = ("bubblewrap", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The files and resources of a session. `memory` and `tmp` are bytes."""

    sandbox: str = key(
        types.choice("auto", *SANDBOXES),
        "auto",
        "auto never means none: init tries it and writes what it found",
    )
    share: tuple[str, ...] = key(
        types.TEXTS, [], "folders of the project seen read-only in every workspace"
    )
    copy: tuple[str, ...] = key(
        types.TEXTS,
        [],
        'untracked files that agents and checks need, such as ".env.test" or "**/.env*"',
    )
    see: tuple[str, ...] = key(types.TEXTS, [], "caches of $HOME seen read-only")
    env: tuple[str, ...] = key(types.TEXTS, [], "names of variables passed through")
    memory: int = key(types.SIZE_OR_NONE, "", "limits inside the sandbox; empty: none")
    processes: int = key(types.count(), 0, "processes inside the sandbox; 0: no limit")
    tmp: int = key(types.SIZE, "1GB", "size of /tmp inside the sandbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The settings for testing candidates."""

    tests: str = key(
        types.TEXT,
        "",
        "the command that the loop runs for ids; empty: detected at start. checks/10-tests is that"
        " same run",
    )
    suite: tuple[Mapping[str, str], ...] = key(
        types.SUITES, [], "[[checks.suite]]: one suite that is added, or corrected, each"
    )
    quick: str = key(types.TEXT, "", "a faster one that the brief recommends")
    network: bool = key(types.FLAG, False, "false: own loopback only; true: the host's")
    reach: tuple[str, ...] = key(
        types.REACH,
        [],
        'what checks reach of this machine without the network, such as ["127.0.0.1:5432",'
        ' "/var/run/docker.sock"]',
    )
    held_back: str = key(
        types.TEXT, "", "a folder outside the repository with checks that no agent may see"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """The settings for landing safe work."""

    unproved: str = key(
        types.choice("land", "hold"), "land", "land (flag stays false, a person says done) or hold"
    )
    weak_verify: str = key(
        types.choice("enough", "unproved"),
        "enough",
        "a verify of yours that notices no fault: enough (done, and said), or unproved",
    )
    sign: bool = key(types.FLAG, False, "sign the loop's commits as git is configured to")
    after: str = key(
        types.TEXT,
        "",
        "the person's own command after a landing, told $NIGHTLATCH_FEATURE and _COMMIT, such as a"
        " push",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The settings of the judge."""

    agent: str = key(types.TEXT, "", "empty: the same shipped CLI, a fresh context")
    model: str = key(types.TEXT, "", "the model asked for; empty: the agent's own default")
    when: str = key(
        types.choice("unproved", "always", "never"),
        "unproved",
        "unproved: features without a valid verify; always; never",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """The settings of notifications."""

    command: str = key(types.TEXT, "", "your own command; JSON on its standard input")
    webhook: str = key(types.TEXT, "", "an address that gets the same JSON")
    ping: str = key(types.TEXT, "", "a dead-man address")
    question: bool = key(types.FLAG, False, "may a notification carry the question")
    urls: tuple[str, ...] = key(types.TEXTS, [], "with the notify extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings, and for each where it came from: "default", "loop.toml", "pyproject.toml",
    "env" or "flag"."""

    plan: str = key(types.TEXT, "", "empty: found at the usual places")
    done_words: tuple[str, ...] = key(
        types.TEXTS, [], 'words of the plan that say done besides the known ones, such as "livré"'
    )
    progress: str = key(types.TEXT, "progress.txt", "what happened, for people and agents")
    phase_progress: str = key(
        types.TEXT, "progress", "folder of the phases' progress files, such as .claude/progress"
    )
    agent: tuple[str, ...] = key(
        types.TEXTS,
        ["claude"],
        "in this order; the next one takes over at a limit. doctor says who is billed",
    )
    agents: Mapping[str, AgentSettings] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    protect: Protect = field(default_factory=Protect)
    workspace: Workspace = field(default_factory=Workspace)
    checks: Checks = field(default_factory=Checks)
    land: Land = field(default_factory=Land)
    judge: Judge = field(default_factory=Judge)
    notify: Notify = field(default_factory=Notify)
    origins: Mapping[str, str] = field(default_factory=dict)


TABLES: Mapping[str, type] = {
    table.__name__.lower(): table
    for table in (Limits, Protect, Workspace, Checks, Land, Judge, Notify)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """One value as somebody gave it, and where."""

    path: Path
    value: object
    origin: str
    place: str


def keys_of(table: type) -> Mapping[str, Field[object]]:
    return {known.name: known for known in fields(table) if "kind" in known.metadata}


def kind_of(known: Field[object]) -> SettingType:
    return cast("SettingType", known.metadata["kind"])


def default_of(known: Field[object]) -> object:
    return kind_of(known).write(known.default if known.default is not MISSING else {})


def known_keys() -> Mapping[Path, Field[object]]:
    """Return every key but those of agents, by its path."""
    keys: dict[Path, Field[object]] = {(name,): known for name, known in keys_of(Config).items()}
    return keys | {
        (table, name): known
        for table, kind in TABLES.items()
        for name, known in keys_of(kind).items()
    }


def load(
    toml_text: str | None,
    pyproject_text: str | None,
    env: Mapping[str, str],
    flags: Mapping[str, object],
) -> Config:
    """Return the settings: flags (by dotted key, None for not given) override the environment,
    which overrides the file, which overrides the defaults."""
    values: dict[Path, object] = {}
    origins = {".".join(path): "default" for path in known_keys()}
    named = (
        _Given(path=tuple(name.split(".")), value=value, origin="flag", place="command line")
        for name, value in flags.items()
    )
    for given in (
        *_file(toml_text, pyproject_text),
        *_environment(env),
        *(flag for flag in named if flag.value is not None),
    ):
        values[given.path] = _read(given)
        origins[".".join(given.path)] = given.origin
    agents = {path[1] for path in values if path[0] == "agents"}
    tables = {name: kind(**_below(values, (name,))) for name, kind in TABLES.items()}
    own = {name: AgentSettings(**_below(values, ("agents", name))) for name in sorted(agents)}
    top = {path[0]: value for path, value in values.items() if len(path) == 1}
    return Config(**cast("Any", top), **cast("Any", tables), agents=own, origins=origins)


def items(config: Config) -> Iterator[tuple[str, object, str]]:
    """Yield every key with its value as loop.toml would say it, and its origin."""
    for dotted, origin in config.origins.items():
        above, _, name = dotted.rpartition(".")
        agent = above.removeprefix("agents.")
        holder = config.agents[agent] if agent != above else getattr(config, above, config)
        yield dotted, kind_of(keys_of(type(holder))[name]).write(getattr(holder, name)), origin


def _below(values: Mapping[Path, object], table: Path) -> dict[str, Any]:
    return {path[-1]: value for path, value in values.items() if path[:-1] == table}


def _file(toml_text: str | None, pyproject_text: str | None) -> tuple[_Given, ...]:
    """Return what the one file with settings says; two of them are an error."""
    table = _section(pyproject_text)
    if toml_text is None:
        return tuple(_flat(table or {}, "pyproject.toml", pyproject_text or "", "tool.nightlatch."))
    if table is not None:
        raise ConfigError(
            "there are settings in loop.toml and in [tool.nightlatch] of pyproject.toml",
            place="pyproject.toml",
            fix="move the table [tool.nightlatch] to loop.toml and delete it here",
        )
    return tuple(_flat(_toml(toml_text, "loop.toml"), "loop.toml", toml_text, ""))


def _section(pyproject_text: str | None) -> Mapping[str, object] | None:
    """[tool.nightlatch], if there is one; a pyproject.toml that does not speak of nightlatch
    may be as broken as it likes."""
    if not pyproject_text or "nightlatch" not in pyproject_text:
        return None
    tools = _toml(pyproject_text, "pyproject.toml").get("tool")
    table = tools.get("nightlatch") if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else None


def _toml(text: str, name: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        found = re.search(r" \(at line (\d+), column (\d+)\)", said)
        place = f"{name}:{found[1]}:{found[2]}" if found else name
        raise ConfigError(
            f"this is not TOML: {said.split(' (at ')[0]}", place=place, fix=f"correct {place}"
        ) from error


def _flat(
    table: Mapping[str, object], origin: str, text: str, prefix: str, above: Path = ()
) -> Iterator[_Given]:
    for name, value in table.items():
        path = (*above, name)
        if isinstance(value, dict) and (
            name in TABLES
            if len(path) == 1 and name != "agents"
            else path[0] == "agents" and len(path) < 3
        ):
            yield from _flat(value, origin, text, prefix, path)
        else:
            yield _Given(
                path=path,
                value=value,
                origin=origin,
                place=_line_of(origin, text, prefix + ".".join(path)),
            )


def _line_of(name: str, text: str, dotted: str) -> str:
    """Return the file with the line of a key or a table in it, as near as can be told without
    parsing."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = header[1].replace('"', "")
            here = table
        elif found := re.match(r"\s*([\w.\"-]+)\s*=", line):
            here = f"{table}.{found[1]}".strip(".").replace('"', "")
        else:
            continue
        if here == dotted:
            return f"{name}:{number}"
    return name


def _environment(env: Mapping[str, str]) -> Iterator[_Given]:
    names = {"_".join(path).upper(): path for path in known_keys()}
    for variable, text in sorted(env.items()):
        name = variable.removeprefix("NIGHTLATCH_")
        if name == variable or name in NOT_SETTINGS:
            continue
        path = names.get(name) or _agent_variable(name)
        if path is None:
            near = get_close_matches(name, names, 1)
            fix = f"did you mean NIGHTLATCH_{near[0]}?" if near else f"unset {variable}"
            raise ConfigError(f"{variable} is not a setting", place="environment", fix=fix)
        yield _Given(path=path, value=text, origin="env", place=variable)


def _agent_variable(name: str) -> Path | None:
    """Return the path of AGENTS_MINI_SWE_AGENT_MODEL: names of agents have dashes where variables
    have underscores."""
    for known in keys_of(AgentSettings):
        agent = name.removeprefix("AGENTS_").removesuffix(f"_{known.upper()}")
        if name == f"AGENTS_{agent}_{known.upper()}":
            return "agents", agent.lower().replace("_", "-"), known
    return None


def _read(given: _Given) -> object:
    """Return the checked value of a key that exists."""
    agent = given.path[0] == "agents" and len(given.path) == 3
    known = keys_of(AgentSettings).get(given.path[2]) if agent else known_keys().get(given.path)
    if known is None:
        raise _unknown(given)
    kind, dotted = kind_of(known), ".".join(given.path)
    try:
        spoken = isinstance(given.value, str) and given.origin in ("env", "flag")
        return kind.read(kind.words(cast("str", given.value)) if spoken else given.value)
    except ValueError as error:
        problem = f"{dotted} must be {kind.form}, not {json.dumps(given.value, default=str)}"
        fix = f"correct it, or remove it to use the default, {json.dumps(default_of(known))}"
        if kind is types.TEXTS and isinstance(given.value, str):
            fix = f"write {given.path[-1]} = {json.dumps([given.value])}"
        raise ConfigError(problem, place=given.place, fix=fix) from error


def _unknown(given: _Given) -> ConfigError:
    dotted = ".".join(given.path)
    if dotted in TABLES or (given.path[0] == "agents" and len(given.path) < 3):
        fix = f"write [{dotted}] and its keys below it"
        if dotted == "agents":
            fix = "write agent = [...] to choose agents, or [agents.NAME] to adjust one"
        return ConfigError(f"{dotted} is a table of settings", place=given.place, fix=fix)
    known = [".".join(path) for path in known_keys()]
    if given.path[0] == "agents":
        known = [".".join((*given.path[:2], name)) for name in keys_of(AgentSettings)]
    elsewhere = [name for name in known if name.endswith(f".{given.path[-1]}")]
    near = get_close_matches(dotted, [*known, *TABLES], 1) or elsewhere
    return ConfigError(
        f"{dotted} is not a setting",
        place=given.place,
        fix=f"did you mean {near[0]}?" if near else "nightlatch config lists every key",
    )


def default_toml(**found: object) -> str:
    """loop.toml as init writes it: every key with its comment; `found` holds values by dotted
    key, such as "limits.session"."""
    parts = [_lines((), found), AGENTS]
    parts += [f"[{table}]\n{_lines((table,), found)}" for table in TABLES]
    return "\n".join(parts)


def _lines(table: Path, found: Mapping[str, object]) -> str:
    told = ""
    for name, known in keys_of(TABLES[table[0]] if table else Config).items():
        line = f"{name} = {_toml_value(found.get('.'.join((*table, name)), default_of(known)))}"
        says = known.metadata["says"]
        if kind_of(known) is types.SUITES:
            told += SUITE
            continue
        told += (
            f"{line:34} # {says}\n"
            if len(line) < 100 and "\n" not in line
            else f"# {says}\n{line}\n"
        )
    return told


def _toml_value(value: object) -> str:
    """Return a value as TOML, which JSON is but for one control character; long lists take a line
    per item."""
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple) and len(text) > 80:
        return "".join(("[\n", *(f"  {_toml_value(part)},\n" for part in value), "]"))
    return text


def reference() -> str:
    """Return every key as the tables of docs/configuration.md."""
    tables = {
        "top of the file": Config,
        **{f"[{name}]": table for name, table in TABLES.items()},
        "[agents.NAME]": AgentSettings,
    }
    told = ""
    for name, table in tables.items():
        purpose = " ".join((table.__doc__ or "").split())
        told += (
            f"\n### {name}\n\n{purpose}\n\n| key | default | form |"
            " what it is for |\n|---|---|---|---|\n"
        )
        for known in keys_of(table).values():
            told += (
                f"| `{known.name}` | `{json.dumps(default_of(known))}` | {kind_of(known).form} |"
                f" {known.metadata['says']} |\n"
            )
    return told
