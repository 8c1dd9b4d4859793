"""What runs outside every sandbox, as the person: found, started and fed from nowhere that an
agent's work lands in."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightlatch import data
from nightlatch.safepath import (
    GIVEN,
    LISTS,
    given_environment,
    is_inside,
    is_safe,
    project_tops,
    safe_part,
)

LOADER = ("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "GCONV_PATH", "LOCPATH")
# Variables with one place each.
PLACES = (
    *(
        "BASH_ENV",
        "ENV",
        "ZDOTDIR",
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "PYTHONSTARTUP",
        "PYTHONPYCACHEPREFIX",
    ),
    *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"),
    *(
        "LOCPATH",
        "GIT_TEMPLATE_DIR",
        "GIT_DIR",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GEM_HOME",
        "COMPOSER_HOME",
    ),
    *("NPM_CONFIG_PREFIX", "npm_config_prefix", "NPM_CONFIG_USERCONFIG", "npm_config_userconfig"),
)
# Variables with options or a command, in which a word may name a file that is loaded or run.
COMMANDS = (
    *(
        "NODE_OPTIONS",
        "RUBYOPT",
        "PERL5OPT",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
    ),
    *(
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "SUDO_ASKPASS",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_EDITOR",
        "GIT_SEQUENCE_EDITOR",
    ),
    *(
        "GIT_PROXY_COMMAND",
        "PAGER",
        "LESSOPEN",
        "LESSCLOSE",
        "EDITOR",
        "VISUAL",
        "BROWSER",
        "SHELL",
    ),
    *("NPM_CONFIG_SCRIPT_SHELL", "npm_config_script_shell"),
    *(
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "PERL5DB",
        "PYTHONBREAKPOINT",
        "PROMPT_COMMAND",
    ),
)
PATH_IN_WORDS = re.compile(
    r"[^\s:=,;'\"]*/[^\s:=,;'\"]*|(?:(?<=-[A-Za-z])|(?<![\w.]))\.{1,2}(?![\w.])"
)
NOWHERE = "/"
START = "import sys; root, module, *sys.path = sys.argv[1:]; sys.argv[1:] = []\n"
START += "from importlib.util import module_from_spec, spec_from_file_location as spec\n"
START += "known = spec('nightlatch', root + '/__init__.py', submodule_search_locations=[root])\n"
START += (
    "sys.modules['nightlatch'] = made = module_from_spec(known); known.loader.exec_module(made)\n"
)
START += "from importlib import import_module; import_module(module).main()"


def environment(given: Mapping[str, str] | None = None, *tops: Path) -> dict[str, str]:
    """Return the person's environment without variables that would lead a program into the project,
    or into the folder it is started in."""
    roots, env = (
        [*project_tops(), *map(os.path.realpath, tops)],
        dict(os.environ if given is None else given),
    )
    for name in env.keys() & {*LISTS, *PLACES}:
        env[name] = safe_part(name, env[name], roots)
    for name in env.keys() & set(COMMANDS):
        if not all(is_safe(place, roots) for place in places_in(env[name])):
            del env[name]
    return {
        name: value
        for name, value in env.items()
        if (value or name not in (*LISTS, *PLACES)) and not name.startswith(GIVEN)
    }


def set_aside() -> dict[str, str]:
    """Return the variables that were removed from the environment at the start, for use in
    sandboxes: a detached run gets them too."""
    return {name: value for name, value in os.environ.items() if name.startswith(GIVEN)}


def places_in(words: str) -> list[str]:
    """Return the paths that options or a command name; a value joined to its option is read without
    the option's letter (-r./a, -I/b)."""
    found = [re.sub(r"^-+[A-Za-z]?(?=[./])", "", word) for word in PATH_IN_WORDS.findall(words)]
    found += re.findall(r"(?<![\w-])-I\s*([\w.-]+)(?![\w/.-])", words)  # a folder without a slash
    return [os.path.expanduser(place) for place in found if place]  # noqa: PTH111  # a Path would lose the dot of ./a


def in_project(place: str, top: Path) -> str | None:
    """Return the folder of the repository that a path leads to, "." for its top; None for a path
    outside."""
    real, root = os.path.realpath(place), os.path.realpath(top)
    return os.path.relpath(real, root) if is_inside(real, root) else None


def search_folders(top: Path) -> tuple[str, ...]:
    """Return the folders of the repository that are on the person's PATH."""
    places = given_environment().get("PATH", "").split(":")
    found = (in_project(place, top) for place in places if Path(place).is_absolute())
    return tuple(dict.fromkeys(inside for inside in found if inside is not None))


def search_path(*tops: Path) -> str:
    """Return PATH without empty and relative entries and folders of the project; the loop's own
    programs are found on it."""
    return (
        environment({"PATH": os.environ.get("PATH", os.defpath)}, *tops).get("PATH") or os.defpath
    )


def program(name: str) -> str | None:
    """Return the absolute path of the program of that name, never one in the project."""
    return shutil.which(name, path=search_path())


def asked(argv: Sequence[str], timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a program of this machine outside every project, and return the completed process.

    Raises as subprocess does.
    """
    return subprocess.run(
        argv,
        env=environment(),
        cwd=NOWHERE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
        process_group=0,
    )


def own_python(module: str) -> list[str]:
    """Return the words that start `main()` of one of this program's modules: by this Python, with
    the modules of this process."""
    return [sys.executable, "-I", "-S", "-c", START, str(data.PACKAGE), module, *sys.path]
