"""Makes docs/night.svg, a real night of the demo as a picture of a terminal: ./init.sh python
docs/record.py [--check]

Times, ids of runs and commits are left out, so that it is the same whenever and wherever it is
made; colours are the picture's own. With --check it makes nothing: it reads what a demo printed,
and says whether the picture still shows it.
"""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/night.svg"
COLUMNS = 96
COLOURS = {"landed": "bold green", "rejected": "bold red", "interrupted": "bold yellow"}
EVENT = re.compile(r"^\S+T\d\d:\d\d:\d\dZ (.*)$", re.MULTILINE)
END = re.compile(r"^== run \S+ end .*\n((?:    .*\n)+)", re.MULTILINE)
FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def lines(printed: str) -> list[str]:
    """What is shown of a run: its events, and the lines under which it ended."""
    end = END.findall(printed)[:1] or sys.exit("the demo did not come to its end")
    told = [*EVENT.findall(printed), "", *(line.strip() for line in end[0].splitlines())]
    return [re.sub(r"( r-\d{8}-\d{6}| [0-9a-f]{7}(?= \())", "", line) for line in told]


def picture(printed: str) -> str:
    console = Console(
        record=True, width=COLUMNS, file=StringIO(), force_terminal=True, legacy_windows=False
    )
    console.print(Text("$ python loop.py demo", style="bold"))
    for line in lines(printed):
        text = Text(line)
        text.stylize(COLOURS.get(line.partition(" ")[0], ""), 0, len(line.partition(" ")[0]))
        console.print(text)
    made = console.export_svg(
        title="a night in small", code_format=FONTS.sub("", CONSOLE_SVG_FORMAT)
    )
    return "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def demo() -> str:
    argv = [sys.executable, str(ROOT / "loop.py"), "demo"]
    return subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(picture(demo()), encoding="utf-8")
    elif PICTURE.read_text(encoding="utf-8") != picture(sys.stdin.read()):
        sys.exit(
            "docs/night.svg shows another night than the demo; make it anew: ./init.sh python"
            " docs/record.py"
        )
