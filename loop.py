#!/usr/bin/env python3
"""The loop, from top to bottom: what happens in a night.

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
    from nightlatch.cli import main
    from nightlatch.edge import night
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


def run(options: "night.Options") -> int:
    """One run: decide, work, record, until there is a reason to stop. Returns the exit code."""
    with night.opened(options) as site:
        while True:
            night.settle(site, conclude)
            match night.decide(site):
                case night.Stop() as stop:
                    return night.close(site, stop)
                case night.Wait() as wait:
                    night.wait(site, wait)
                case night.Choice() as choice:
                    night.record(site, session(site, choice))


def session(site: "night.Site", choice: "night.Choice") -> "night.SessionEnded":
    """Start one fresh agent on one feature, in a workspace that is thrown away afterwards."""
    started = night.provision(site, choice)
    if needless := night.already_green(site, started):
        return needless
    brief = night.brief(site, started)
    end = night.work(site, started, brief)
    return conclude(site, started, end)


def conclude(
    site: "night.Site", started: "night.Started", end: "night.AgentEnd"
) -> "night.SessionEnded":
    """Land what is proved: the verdict compares the workspace with the base, not with a claim."""
    candidate = night.collect(site, started)
    verdict = night.examine(site, started, candidate, end)
    while verdict.outcome in night.LANDS:
        if landed := night.land(site, started, candidate, verdict, end):
            return landed
        candidate, verdict = night.again(site, started, candidate, verdict, end)
    return night.carry(site, started, candidate, verdict, end)


if __name__ == "__main__":
    sys.exit(main(loop=run))
