"""What runs outside every sandbox, as the person: found, started and fed from nowhere that an agent's work lands in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightlatch.safepath import is_safe, project_tops

# Variables with a list of places where programs, libraries and modules are looked for, and with one such place.
LISTS = {
    "PATH": ":",
    "LD_LIBRARY_PATH": ":;",
    "LD_PRELOAD": ": ",
    "LD_AUDIT": ":",
    "GCONV_PATH": ":",
    "PYTHONPATH": ":",
    "PERL5LIB": ":",
    "RUBYLIB": ":",
    "NODE_PATH": ":",
}
LOADER = ("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "GCONV_PATH", "LOCPATH")
PLACES = ("BASH_ENV", "ENV", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "OPENSSL_CONF", "OPENSSL_MODULES", "LOCPATH")
NOWHERE = "/"
START = "import sys; root, module, *sys.path = sys.argv[1:]; sys.argv[1:] = []\n"
START += "from importlib.util import module_from_spec, spec_from_file_location as spec\n"
START += "known = spec('nightlatch', root + '/__init__.py', submodule_search_locations=[root])\n"
START += "sys.modules['nightlatch'] = made = module_from_spec(known); known.loader.exec_module(made)\n"
START += "from importlib import import_module; import_module(module).main()"


def environment(given: Mapping[str, str] | None = None, *tops: Path) -> dict[str, str]:
    """The person's environment without what would lead a program into the project, or into whatever folder it is started in."""
    roots, env = [*project_tops(), *map(os.path.realpath, tops)], dict(os.environ if given is None else given)
    for name, between in LISTS.items():
        if name in env:
            env[name] = between[0].join(place for place in split(env[name], between) if is_safe(place, roots) or is_library(name, place))
    for name in PLACES:
        if name in env and not is_safe(env[name], roots):
            del env[name]
    return {name: value for name, value in env.items() if value or name not in LISTS}


def split(value: str, between: str) -> list[str]:
    for mark in between[1:]:
        value = value.replace(mark, between[0])
    return value.split(between[0])


def is_library(name: str, place: str) -> bool:
    """A library without a slash is looked for in the system's folders, and in those of LD_LIBRARY_PATH."""
    return name in ("LD_PRELOAD", "LD_AUDIT") and bool(place) and "/" not in place


def search_path(*tops: Path) -> str:
    """PATH without empty and relative entries and folders of the project; the loop's own programs are found on it."""
    return environment({"PATH": os.environ.get("PATH", os.defpath)}, *tops).get("PATH") or os.defpath


def program(name: str) -> str | None:
    """The program of that name that is not the project's, as an absolute path."""
    return shutil.which(name, path=search_path())


def asked(argv: Sequence[str], timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """What a program of the machine comes to, started where nothing of any project lies. Raises as subprocess does."""
    return subprocess.run(
        argv, env=environment(), cwd=NOWHERE, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
        process_group=0,
    )  # fmt: skip


def own_python(module: str) -> list[str]:
    """The words that start `main()` of one of this program's modules: by this Python alone, with the modules that this process has."""
    root = str(Path(__file__).resolve().parents[1])
    return [sys.executable, "-I", "-S", "-c", START, root, module, *sys.path]
