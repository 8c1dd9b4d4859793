"""Pythons for the projects of tests: what happens to be installed beside pytest takes longer to
load than pytest itself."""

import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

PYTEST = ("iniconfig", "packaging", "pluggy", "pygments", "pytest")
PROGRAM = "#!{}\nimport sys\n\nimport pytest\n\nsys.exit(pytest.main())\n"


def make_python(folder: Path, packages: tuple[str, ...] = ()) -> Path:
    """A new environment with the standard library and these packages of this one, as links.

    Returns the folder of its programs.
    """
    venv.create(folder, symlinks=True)
    (modules,) = folder.glob("lib/python*/site-packages")
    for package in map(distribution, packages):
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            (modules / name).symlink_to(str(package.locate_file(name)))
    return folder / "bin"


def make_pytest(folder: Path) -> Path:
    """The same with pytest, its program and no plugin."""
    programs = make_python(folder, PYTEST)
    (programs / "pytest").write_text(PROGRAM.format(programs / Path(sys.executable).name))
    (programs / "pytest").chmod(0o755)
    return programs
