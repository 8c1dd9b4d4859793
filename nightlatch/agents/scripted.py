"""The scripted agent: a program that does what a script says, for demos, tests and trials;
docs/agents.md lists its steps."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Step = Mapping[str, object]
Script = list[list[Step]] | dict[str, list[list[Step]]]
SHOWN = ("write", "append", "run", "delete", "sleep", "fork")


def emit(kind: str, text: str = "", **more: object) -> None:
    print(json.dumps({"kind": kind, "text": text, **more}), flush=True)


def write(step: Step) -> None:
    path = Path(str(step["write"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(step.get("text", "")), "utf-8")


def append(step: Step) -> None:
    with Path(str(step["append"])).open("a", encoding="utf-8") as file:
        file.write(str(step.get("text", "")))


def run(step: Step) -> None:
    """A shell command; a failing one does not end the session."""
    line = ["sh", "-c", str(step["run"])]
    done = subprocess.run(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    emit("thought", f"{done.stdout.decode('utf-8', 'replace')}exit {done.returncode}")


def note(step: Step) -> None:
    told = step["note"] if isinstance(step["note"], dict) else {"claim": step["note"]}
    with Path(os.environ["NIGHTLATCH_OUT"], "notes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


def ask(step: Step) -> None:
    Path(os.environ["NIGHTLATCH_OUT"], "blocked.md").write_text(f"{step['ask']}\n", "utf-8")


def hang(step: Step) -> None:
    """Silence for ever; with "stubborn" it also ignores being asked to end."""
    if step["hang"] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


def hang_after(step: Step) -> None:
    emit("result", "done", ok=True)
    hang({"hang": step["hang_after"]})


def fork(step: Step) -> None:
    """A daemon: forked twice, a session of its own, the agent's output held open."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execvp("sh", ["sh", "-c", str(step["fork"])])  # noqa: S606  # there is one: the step is a shell line


def limit(step: Step) -> None:
    """A limit's message, or the epoch second at which it ends; then the agent is over."""
    if isinstance(step["limit"], int):
        emit("limit", "usage", status="rejected", resets_at=step["limit"])
    emit(
        "result",
        str(step["limit"]) if isinstance(step["limit"], str) else "usage limit reached",
        ok=False,
        cls="limit",
    )
    sys.exit(1)


def crash(step: Step) -> None:
    """With an exit code, or by a signal's name such as "KILL"."""
    if isinstance(step["crash"], str):
        os.kill(os.getpid(), signal.Signals[f"SIG{step['crash']}"])
    os._exit(int(str(step["crash"])))


STEPS: Mapping[str, Callable[[Step], None]] = {
    "write": write,
    "append": append,
    "run": run,
    "delete": lambda step: Path(str(step["delete"])).unlink(missing_ok=True),
    "sleep": lambda step: time.sleep(float(str(step["sleep"]))),
    "say": lambda step: emit("message", str(step["say"])),
    "spend": lambda step: emit("usage", output=1, usd=step["spend"]),
    "note": note,
    "ask": ask,
    "hang": hang,
    "hang_after": hang_after,
    "fork": fork,
    "limit": limit,
    "crash": crash,
}


def steps_of(script: Script, feature: str, session: int, turn: int) -> list[Step]:
    """Return the list of this session, the last one repeating; an object has lists for each
    feature, or "*", counted by the feature's turn."""
    lists, number = (
        (script.get(feature, script.get("*", [])), turn)
        if isinstance(script, dict)
        else (script, session)
    )
    return lists[min(number, len(lists)) - 1] if lists else []


def follow(step: Step) -> None:
    """One step, shown as the tool call that it stands for."""
    verb = next((verb for verb in STEPS if verb in step), None)
    if verb is None:
        sys.exit(
            f"the script has a step with no verb: {json.dumps(step)}; use one of {', '.join(STEPS)}"
        )
    if verb in SHOWN:
        emit("tool_call", id=verb, tool=verb, args=dict(step))
    STEPS[verb](step)
    if verb in SHOWN:
        emit("tool_result", id=verb)


def main(environ: Mapping[str, str]) -> None:
    if "NIGHTLATCH_SCRIPT" not in environ:
        sys.exit("the scripted agent needs NIGHTLATCH_SCRIPT=FILE")
    # The brief: a loop that is not read from would fill the pipe and wait.
    sys.stdin.read()
    name = environ.get("NIGHTLATCH_SESSION", "scripted-s1")
    counted = re.search(r"-s(\d+)$", name)
    session = int(environ.get("NIGHTLATCH_SESSION_NUMBER") or (counted[1] if counted else 1))
    turn = int(environ.get("NIGHTLATCH_FEATURE_SESSION") or session)
    emit("session", id=name, model="scripted")
    script = json.loads(Path(environ["NIGHTLATCH_SCRIPT"]).read_text("utf-8"))
    for step in steps_of(script, environ.get("NIGHTLATCH_FEATURE", ""), session, turn):
        follow(step)
    emit("result", "done", ok=True)


if __name__ == "__main__":
    main(os.environ)
