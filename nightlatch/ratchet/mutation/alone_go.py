"""Go's tests called one by one: packages with their test files as plain code, and a program
that calls the functions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname

from nightlatch.ratchet.mutation.alone import Work
from nightlatch.suite.results import function_of

MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)
PACKAGE = re.compile(r"^package\s+(\w+)", re.MULTILINE)
FRAMEWORK = re.compile(r"^(\s*(?:import\s+)?)\"testing\"", re.MULTILINE)
OWN_PART = re.compile(r'part "(.+)/\w+/part"')
TEST = re.compile(r"^func (Test\w*)\(\w+ \*testing\.T\)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One package's test files of one kind: those that belong to it, or those that use it from
    outside."""

    folder: str
    imported: str
    functions: Mapping[str, str]
    files: Mapping[str, str]


def go_work(
    name: str, ids: Iterable[str], module: str, texts: Mapping[str, str], source: str
) -> Work | None:
    """Return what is needed to call these ids.

    `texts` are the test files of the suite's folder, `module` is the text of go.mod, `source` is
    what stands for the framework.

    None where nothing can be called: a program's own package cannot be taken in by another one.
    """
    names, said = tuple(ids), MODULE.search(module)
    if not said:
        return None
    top = said[1]
    folders = sorted({folder_of(top, one.split("::", 1)[0]) for one in names if "::" in one})
    parts = [part for folder in folders for part in _parts(name, top, folder, texts)]
    if not parts:
        return None
    files = {path: text for part in parts for path, text in part.files.items()}
    files[f"{name}/part/part.go"] = source
    called = [part for part in parts if part.functions]
    for n, part in enumerate(called):
        files |= _programs(name, top, n, part)
    return Work(how="go", name=name, ids=names, files=files, given=str(len(called)))


def folder_of(top: str, package: str) -> str:
    """Return the folder of a package as its module's folder names it."""
    return package.removeprefix(top).strip("/")


def _parts(name: str, top: str, folder: str, texts: Mapping[str, str]) -> Iterator[Part]:
    """Yield the test files of a folder by their package, as plain code with plain names."""
    own = {
        path: text
        for path, text in texts.items()
        if dirname(path) == folder and path.endswith("_test.go")
    }
    kinds: dict[str, dict[str, str]] = {}
    for path, text in own.items():
        said = PACKAGE.search(text)
        kinds.setdefault(said[1] if said else "", {})[path] = text
    for package, files in kinds.items():
        outside = package.endswith("_test")
        # A program cannot be imported: its tests cannot be called from another one.
        if package in ("", "main"):
            continue
        # Tests from outside are a package of their own, and need a folder of their own.
        place = f"{folder}/{name}x".lstrip("/") if outside else folder
        functions: dict[str, str] = {}
        laid = {}
        for n, (_, text) in enumerate(sorted(files.items())):
            # The framework is replaced under its own name, so that the tests stay as they are.
            plain = FRAMEWORK.sub(rf'\1testing "{top}/{name}/part"', text)
            for test in TEST.findall(text):
                functions[test] = f"Part{len(functions)}"
                plain = re.sub(rf"\b{test}\b", functions[test], plain)
            laid[f"{place}/part_{n}.go".lstrip("/")] = (
                PACKAGE.sub("package part", plain, count=1) if outside else plain
            )
        imported = f"{top}/{place}".rstrip("/")
        yield Part(folder=folder, imported=imported, functions=functions, files=laid)


def _programs(name: str, top: str, number: int, part: Part) -> dict[str, str]:
    """Return the program that calls a part's functions, and a test that does so inside of the
    framework."""
    package = f"{top}/{part.folder}".rstrip("/")
    ones = "\n".join(
        f'\t{{Name: "{package}::{test}", Folder: "{part.folder}", Function: own.{plain}}},'
        for test, plain in part.functions.items()
    )
    head = (
        f'package main\n\nimport (\n\t"os"\n\n\town "{part.imported}"\n\tpart'
        f' "{top}/{name}/part"\n)\n\n'
    )
    program = (
        f"{head}var every = []part.One{{\n{ones}\n}}\n\nfunc main() {{ part.Write(every,"
        " os.Args[1]) }\n"
    )
    tests = "\n".join(
        f"func TestPart{n}(t *testing.T) {{\n"
        '\there, _ := os.Getwd()\n\tdefer os.Chdir(here)\n\tos.Chdir("../..")\n'
        f'\tif every[{n}].Call() != "passed" {{\n\t\tt.Fail()\n\t}}\n}}\n'
        for n in range(len(part.functions))
    )
    clothed = f'package main\n\nimport (\n\t"os"\n\t"testing"\n)\n\n{tests}'
    return {f"{name}/m{number}/main.go": program, f"{name}/m{number}/main_test.go": clothed}


def programs(work: Work) -> list[list[str]]:
    """Return the tests that each program calls, by their names in the report."""
    mains = sorted(
        (path for path in work.files if path.endswith("/main.go")),
        key=lambda path: (len(path), path),
    )
    return [re.findall(r'Name: "([^"]+)"', work.files[path]) for path in mains]


def clothed_ids(work: Work) -> dict[str, str]:
    """For each id the one under which the framework reports the call of its function."""
    found = dict[str, str]()
    for path, text in work.files.items():
        if path.endswith("/main.go"):
            top = OWN_PART.findall(text)[0]
            tests = re.findall(r'Name: "([^"]+)"', text)
            found |= {test: f"{top}/{dirname(path)}::TestPart{n}" for n, test in enumerate(tests)}
    return {one: found[key] for one in work.ids if (key := function_of(one)) in found}
