"""A whole night on a small sample project, with the built-in scripted agent: no account, no
network, no test runner."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from nightlatch import data
from nightlatch.errors import SandboxError
from nightlatch.sandbox.find import find_sandbox
from nightlatch.util import outside
from nightlatch.util.command_name import install_command, loop_command


@click.command()
@click.option(
    "--keep", is_flag=True, help="Leave the sample project where it is, to look around in."
)
@click.pass_obj
def command(obj: object, *, keep: bool) -> None:  # noqa: ARG001  # every command is handed the program
    """Work a night through on a sample project, in under a minute.

    The agent is a script that misbehaves the way agents do: it works honestly, deletes a test,
    claims to be done without doing anything, and hangs.

    \b
    Example: python loop.py demo --keep
    """
    folder = Path(tempfile.mkdtemp(prefix="nightlatch-demo-"))
    try:
        play(folder)
        if keep:
            click.echo(
                f"\nThe sample project is in {folder / 'shop'}: look at it with git log, and delete"
                f" {folder} when you are done."
            )
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def play(folder: Path) -> None:
    project = folder / "shop"
    sample = json.loads(data.text("shipped", "demo.json"))
    for name, lines in sample["files"].items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("\n".join(lines) + "\n")
    (folder / "script.json").write_text(json.dumps(sample["script"]))
    env = environment(folder)
    for args in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-q", "-m", "a small shop"],
    ):
        subprocess.run(["git", *args], cwd=project, env=env, check=True)
    say(
        "The sample project has three features to build, one test that passes, and an agent that is"
        " not always honest."
    )
    nightlatch(project, env, "init", "--commit", quiet=True)
    nightlatch(project, env, "run", "--agent", "scripted")
    say("progress.txt, as you would read it in the morning:")
    click.echo((project / "progress.txt").read_text().rstrip())
    say(
        "What landed and what was refused, the loop decided by what it saw itself. What the agent"
        " said counted for nothing."
    )
    if install := install_command():
        click.echo(f"Next, so that nightlatch is a command:\n\n    {install}\n")
    click.echo(
        "Then, in a repository of your own:\n\n    nightlatch init --commit\n    nightlatch"
        f" doctor\n    {loop_command()}"
    )


def environment(folder: Path) -> dict[str, str]:
    """Return a home of its own, a fixed person, and no sandbox where the machine has none."""
    home = folder / "home"
    home.mkdir()
    kept = {
        name: value
        for name, value in outside.environment().items()
        # The person's own settings must not decide what the demo shows.
        if not name.startswith(("GIT_", "NIGHTLATCH_"))
    }
    person = {"NAME": "You", "EMAIL": "you@example.org"}
    own = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in person.items()
    }
    own |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    own |= {"NIGHTLATCH_SCRIPT": str(folder / "script.json"), "NIGHTLATCH_LIMITS_IDLE": "2s"}
    try:
        find_sandbox("auto")
    except SandboxError:
        say(
            "There is no sandbox on this machine. The demo's agent is only a script, so it goes on"
            " without; a real run would stop here."
        )
        own["NIGHTLATCH_WORKSPACE_SANDBOX"] = "none"
    return kept | own


def nightlatch(project: Path, env: dict[str, str], *args: str, quiet: bool = False) -> None:
    """The program itself, as a person would start it."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nightlatch", *args],
        cwd=project,
        env={**env, "PYTHONPATH": str(data.ABOVE)},
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    # 3: the night is over, and something waits for a person, as the story has it.
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)


def say(text: str) -> None:
    click.echo(f"\n{text}\n")
