"""`import`: reads a plan of any dialect and prints it in the canonical one."""

from pathlib import Path

import click

from nightlatch.plan import file as planfile
from nightlatch.util.text import CONTROL, plain


@click.command(epilog="Example: nightlatch import .taskmaster/tasks/tasks.json > prd.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Print FILE, a plan of any dialect, as a canonical prd.json.

    The file stays as it is. Anything that had to be interpreted is listed on standard error. You
    need not import a plan to use it: every dialect is read, and written back, in place.
    """
    plan = planfile.read(file.read_bytes(), str(file))
    for reading in plan.readings:
        click.echo(plain(reading), err=True)
    escaped = CONTROL.sub(
        lambda m: m[0] if m[0] == "\n" else f"\\u{ord(m[0]):04x}", planfile.canonical(plan)
    )
    click.echo(escaped, nl=False)
