#!/usr/bin/env python3
"""The loop, from top to bottom: what happens in a loop.

It is yours: read it, change it, commit it.

python loop.py          work through the plan until nothing is left to run
python loop.py --help   everything else: init, doctor, status, log, answer, approve, ...
"""

import os
import sys

if __name__ == "__main__":
    # Agents' work lands beside this file, where Python looks first: outside every sandbox, as you.
    HERE = os.path.dirname(os.path.realpath(__file__)) + "/"

    def is_outside(place: str) -> bool:
        return bool(place) and not f"{os.path.realpath(place)}/".startswith(HERE)

    OWN = f"{sys.prefix}/"
    sys.path[:-1] = [at for at in sys.path[:-1] if is_outside(at) or f"{at}/".startswith(OWN)]

try:
    from nightlatch import loop
    from nightlatch.cli import main
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    import shutil

    # pipx and uv install the same program, with a Python that has the package
    known = [*os.environ.get("PATH", "").split(":"), os.path.expanduser("~/.local/bin")]
    elsewhere = ":".join(filter(is_outside, known))
    if installed := shutil.which("nightlatch", path=elsewhere):
        os.execv(installed, [installed, *sys.argv[1:]])
    fix = "pipx install . in a clone of nightlatch"
    sys.exit(f"loop.py: this Python has no {missing.name}; fix: {fix}")


def run(options: "loop.Options") -> int:
    """One run: decide, work, record, until there is a reason to stop. Returns the exit code."""
    with loop.opened(options) as context:
        while True:
            loop.settle(context, conclude)
            match loop.decide(context):
                case loop.Stop() as stop:
                    return loop.close(context, stop)
                case loop.Wait() as wait:
                    loop.wait(context, wait)
                case loop.Choice() as choice:
                    loop.record(context, session(context, choice))


def session(context: "loop.RunContext", choice: "loop.Choice") -> "loop.SessionEnded":
    """Start one fresh agent on one feature, in a workspace that is thrown away afterwards."""
    started = loop.provision(context, choice)
    if needless := loop.already_green(context, started):
        return needless
    brief = loop.brief(context, started)
    end = loop.work(context, started, brief)
    return conclude(context, started, end)


def conclude(
    context: "loop.RunContext", started: "loop.Started", end: "loop.AgentEnd"
) -> "loop.SessionEnded":
    """Land what is proved: the verdict compares the workspace with the base, not with a claim."""
    candidate = loop.collect(context, started)
    verdict = loop.examine(context, started, candidate, end)
    while verdict.outcome in loop.LANDS:
        if landed := loop.land(context, started, candidate, verdict, end):
            return landed
        candidate, verdict = loop.again(context, started, candidate, verdict, end)
    return loop.carry(context, started, candidate, verdict, end)


if __name__ == "__main__":
    sys.exit(main(loop=run))
