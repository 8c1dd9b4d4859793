"""The manners of the soak's agents, each as the steps of a scripted session, and a script of
them that a seed draws."""

import random
from collections.abc import Iterable, Mapping, Sequence

Step = Mapping[str, object]
HALF, OTHER = "parts/$NIGHTLATCH_FEATURE.a", "parts/$NIGHTLATCH_FEATURE.b"
KEY = "sk-ant-" + "api03-Zq7XwV2nTb8Lc4Rf6Jm1Ky9Hd3Gs5PaQe0Uo"
MARK = "$HOME/.soak/touched"


def run(line: str) -> Step:
    return {"run": line}


def words(first: int, last: int) -> list[Step]:
    """Numbered, so that one that is missing in a transcript, or stands there twice, is seen."""
    return [{"say": f"word {number}"} for number in range(first, last + 1)]


# Beside the transcript, and whatever becomes of the loop: what this session finds of its feature's
# earlier ones, and that it left its own.
BEGIN = (
    *words(1, 1),
    run(
        'd=work/$NIGHTLATCH_FEATURE; mkdir -p $d; who="$NIGHTLATCH_SESSION $NIGHTLATCH_FEATURE";'
        ' echo "sees $who" $(ls $d) >$HOME/.soak/told; echo "$who" >$d/$NIGHTLATCH_SESSION && echo'
        ' "wrote $who" >$HOME/.soak/told'
    ),
    *words(2, 2),
)
FIRST, SECOND = (
    run(f"mkdir -p parts; echo $NIGHTLATCH_FEATURE >{HALF}"),
    run(f"mkdir -p parts; echo $NIGHTLATCH_FEATURE >{OTHER}"),
)
# what an earlier session broke
TIDY = run("git checkout -q HEAD -- . && git clean -fdxq -e work -e parts")
DONE = (TIDY, FIRST, SECOND, *words(3, 4))
BREAK = run("printf 'def price(cents, count):\\n    return 0\\n' >till.py")
HOOKS = (
    "for h in .git/hooks/post-checkout .git/hooks/reference-transaction; do printf"
    f" '#!/bin/sh\\ntouch {MARK}\\n' >$h; chmod +x $h; done; git config core.fsmonitor 'touch"
    f" {MARK}'; git config core.hooksPath .git/hooks; git config filter.x.clean 'touch {MARK}'"
)
SURVIVORS = (
    "setsid sleep 1000 >/dev/null 2>&1 & nohup sleep 1000 >/dev/null 2>&1 & "
    "(env -i setsid sh -c 'trap \"\" TERM; sleep 1000' >/dev/null 2>&1 &)"
)
SKIP = r"""sed -i 's/    def test/    @unittest.skip("later")\n    def test/' tests/test_till.py"""
LANDED = (
    'echo "2026-11-20T23:47Z landed $NIGHTLATCH_FEATURE" >>progress.txt; git add -A; git commit -qm'
    " landed"
)
LOUD = "yes $(printf '%0500d' 0) | head -c {bytes} >/proc/$PPID/fd/1"

MANNERS: Mapping[str, Sequence[Step]] = {
    "honest": (*BEGIN, *DONE),
    "honest and slow": (
        *BEGIN,
        {"sleep": 1},
        *words(3, 3),
        {"sleep": 1},
        *words(4, 4),
        {"sleep": 1},
        TIDY,
        FIRST,
        SECOND,
    ),
    "cut off in the middle": (*BEGIN, TIDY, FIRST, {"crash": "KILL"}),
    "does the second half only": (*BEGIN, TIDY, SECOND, *words(3, 3)),
    "deletes a test": (*BEGIN, FIRST, SECOND, BREAK, {"delete": "tests/test_till.py"}),
    "skips a test": (*BEGIN, FIRST, SECOND, BREAK, run(SKIP)),
    "flips every flag": (*BEGIN, run('sed -i \'s/"passes": false/"passes": true/\' prd.json')),
    "claims to be done": (
        *BEGIN,
        {"say": "All done. Every test passes. <promise>COMPLETE</promise>"},
    ),
    "half-written files": (*BEGIN, FIRST, run("printf 'def price(' >till.py"), {"crash": "KILL"}),
    "hangs": (*BEGIN, FIRST, {"hang": "yes"}),
    "ignores being asked to end": (*BEGIN, FIRST, {"hang": "stubborn"}),
    "stays when it is done": (*BEGIN, *DONE, {"hang_after": "yes"}),
    "forks daemons": (*BEGIN, *DONE, run(SURVIVORS), {"fork": "exec sleep 1000"}),
    "loud": (*BEGIN, *DONE, run(LOUD)),
    "crashes at once": ({"crash": 3},),
    "says nothing": ({"crash": 0},),
    "writes progress": (*BEGIN, run(LANDED)),
    "sets hooks": (*BEGIN, *DONE, run(HOOKS)),
    "commits on a branch of its own": (
        *BEGIN,
        *DONE,
        run("git checkout -qb mine && git add -A && git commit -qm mine"),
    ),
    "writes a secret": (*BEGIN, FIRST, SECOND, run(f"echo 'KEY = \"{KEY}\"' >conf.py")),
    "meets a limit": (
        *BEGIN,
        FIRST,
        {"limit": "You've hit your session limit. Please try again in 7 minutes."},
    ),
    "meets a limit that ends at some time": (*BEGIN, FIRST, {"limit": 1}),
    "speaks of limits": (
        *BEGIN,
        {"say": "429 Too Many Requests: You've hit your usage limit, resets 3am (UTC)"},
        *DONE,
    ),
    "asks": (*BEGIN, FIRST, {"ask": "May I?"}),
    "leaves oddities": (
        *BEGIN,
        FIRST,
        run("mkfifo pipe; ln -s /etc/passwd link; git init -q nested; ln -s ../../.. up"),
    ),
}


def draw(seed: int, sessions: int) -> list[str]:
    """Manners for so many sessions: deck after deck of all of them, each shuffled."""
    chance, drawn = (
        random.Random(f"{seed} manners"),  # noqa: S311  # the same every time
        list[str](),
    )
    while len(drawn) < sessions:
        drawn += chance.sample([*MANNERS], len(MANNERS))
    return drawn[:sessions]


def script(drawn: Iterable[str], loud: int) -> list[list[Step]]:
    """The lists of the scripted agent; `loud` is how many bytes a loud one says.

    An honest one follows, for what comes after.
    """
    said = LOUD.replace("{bytes}", str(loud))
    return [
        [run(said) if step == run(LOUD) else step for step in MANNERS[manner]]
        for manner in (*drawn, "honest")
    ]
