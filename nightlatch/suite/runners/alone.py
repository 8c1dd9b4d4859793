"""Calls test functions one by one: no test framework is started or loaded, and nothing says
that they are tests.

It may lie in a project's tree as a test file too (see `every`): then the same is done with a
framework around it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import io
import json
import math
import os
import re
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HIDDEN = ("unittest",)
HARMLESS = re.compile(
    r"pytest_(?:sessionfinish|addoption|report_header|terminal_summary|unconfigure)\Z"
)
# Marks of tests that need the framework, or a loop of events, to be what they are.
LEFT_OUT = re.compile("skip|skipif|xfail|asyncio|anyio|trio|django_db|usefixtures|filterwarnings")
# Types that test files name in annotations only.
DUMMIES = (
    "CaptureFixture",
    "FixtureRequest",
    "LogCaptureFixture",
    "TempPathFactory",
    "Config",
    "Item",
    "Parser",
    "Testdir",
    "Pytester",
)
OWN_SETUP = ("setup_method", "teardown_method", "setup_class")
# What pytest.approx allows where a test names no tolerance.
RELATIVE, ABSOLUTE = 1e-6, 1e-12


class UntriedError(BaseException):
    """This cannot be called by itself, so nothing is known of it."""


class Close:
    """Stands for pytest.approx."""

    def __init__(
        self,
        wanted: Any,
        rel: float | None = None,
        abs: float | None = None,  # noqa: A002  # pytest's name
        nan_ok: bool = False,
    ) -> None:
        self.wanted, self.rel, self.abs, self.nan_ok = wanted, rel, abs, nan_ok

    def __eq__(self, other: object) -> bool:
        return self.near(self.wanted, other)

    def __hash__(self) -> int:
        raise UntriedError

    def near(self, wanted: Any, other: Any) -> bool:
        if isinstance(wanted, dict):
            same = isinstance(other, dict) and wanted.keys() == other.keys()
            return same and all(self.near(wanted[key], other[key]) for key in wanted)
        if isinstance(wanted, (list, tuple)):
            same = isinstance(other, (list, tuple))
            return same and self.near(dict(enumerate(wanted)), dict(enumerate(other)))
        if are_numbers(wanted, other):
            return self.near_number(wanted, other)
        # Decimal, Fraction and the numbers of numpy are none of Python's own
        if hasattr(wanted, "__float__") and hasattr(other, "__float__"):
            return self.near_number(float(wanted), float(other))
        return bool(wanted == other)

    def near_number(self, wanted: float, other: float) -> bool:
        if math.isnan(wanted) or math.isnan(other):
            return self.nan_ok and math.isnan(wanted) and math.isnan(other)
        # infinity minus infinity is no number, so what is equal is asked first
        return bool(wanted == other) or abs(wanted - other) <= self.spare(wanted)

    def spare(self, wanted: Any) -> float:
        """How far a number may be off, which is decided as pytest.approx does."""
        is_relative = self.rel is not None or self.abs is None
        spare = self.abs or (ABSOLUTE if is_relative else 0.0)
        if is_relative:
            spare = max(spare, (RELATIVE if self.rel is None else self.rel) * abs(wanted))
        return spare


def are_numbers(wanted: Any, other: Any) -> bool:
    """Whether the difference of two values can be taken: a bool that is wanted is none."""
    is_number = isinstance(wanted, (int, float)) and not isinstance(wanted, bool)
    return is_number and isinstance(other, (int, float))


class Raised:
    """Stands for pytest.raises."""

    def __init__(self, kind: Any, match: str | None = None) -> None:
        self.kind, self.match = kind, match
        self.value: Any = None
        self.type: Any = None

    def __enter__(self) -> Raised:
        return self

    def __exit__(self, kind: Any, value: Any, _where: Any) -> bool:
        if kind is None:
            raise AssertionError(f"nothing was raised, and {self.kind} was expected")
        if not issubclass(kind, self.kind):
            return False
        self.type, self.value = kind, value
        if self.match is not None and not re.search(self.match, str(value)):
            raise AssertionError(f"{self.match!r} is not in {str(value)!r}")
        return True


class Marks:
    """Stands for pytest.mark: rows of parameters are kept, and what a mark leaves out is not
    called."""

    def __getattr__(self, name: str) -> Any:
        if name == "parametrize":
            return self.parametrize

        def mark(*args: Any, **_options: Any) -> Any:
            if len(args) == 1 and callable(args[0]) and name not in ("skipif",):
                return self.marked(name, args[0])
            return lambda function: self.marked(name, function)

        return mark

    def marked(self, name: str, function: Any) -> Any:
        if LEFT_OUT.fullmatch(name):
            function.left_out = True
        return function

    def parametrize(self, names: Any, rows: Any, indirect: Any = False, **_options: Any) -> Any:
        words = (
            [word.strip() for word in names.split(",")] if isinstance(names, str) else list(names)
        )

        def mark(function: Any) -> Any:
            if indirect:
                function.left_out = True
            values = [
                row.values if isinstance(row, Row) else tuple(row) if len(words) > 1 else (row,)
                for row in rows
            ]
            table = [{word: value[n] for n, word in enumerate(words)} for value in values]
            function.tables = [*getattr(function, "tables", []), table]
            return function

        return mark


class Row:
    """Stands for pytest.param."""

    def __init__(self, *values: Any, **options: Any) -> None:
        if options.get("marks"):
            raise UntriedError
        self.values = values


class Patches:
    """Stands for the fixture monkeypatch."""

    def __init__(self) -> None:
        self.undone: list[Callable[[], object]] = []

    def undo(self) -> None:
        while self.undone:
            self.undone.pop()()

    def setattr(self, target: Any, name: Any, value: Any = ..., raising: bool = True) -> None:
        if isinstance(target, str):
            owner, _, last = target.rpartition(".")
            value, name, target = name, last, self.resolve(owner)
        had = (
            target.__dict__.get(name, ...)
            if isinstance(target, type)
            else getattr(target, name, ...)
        )
        if had is ... and raising and not hasattr(target, name):
            raise AttributeError(name)
        self.undone.append(
            lambda: delattr(target, name) if had is ... else builtins.setattr(target, name, had)
        )
        builtins.setattr(target, name, value)

    def resolve(self, dotted: str) -> Any:
        """The module, or the object in one, that has this dotted name."""
        try:
            return importlib.import_module(dotted)
        except ModuleNotFoundError:
            owner, _, last = dotted.rpartition(".")
            if not owner:
                raise
            return getattr(self.resolve(owner), last)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        had = mapping.get(key, ...)
        self.undone.append(
            lambda: mapping.pop(key, None) if had is ... else mapping.__setitem__(key, had)
        )
        mapping[key] = value

    def delitem(self, mapping: Any, key: Any, raising: bool = True) -> None:
        if key in mapping or raising:
            had = mapping.pop(key)
            self.undone.append(lambda: mapping.__setitem__(key, had))

    def setenv(self, name: str, value: Any, prepend: str | None = None) -> None:
        old = os.environ.get(name)
        self.setitem(os.environ, name, f"{value}{prepend}{old}" if prepend and old else str(value))

    def delenv(self, name: str, raising: bool = True) -> None:
        self.delitem(os.environ, name, raising)

    def chdir(self, place: Any) -> None:
        here = Path.cwd()
        self.undone.append(lambda: os.chdir(here))
        os.chdir(place)

    def syspath_prepend(self, place: Any) -> None:
        had = sys.path[:]
        self.undone.append(lambda: sys.path.__setitem__(slice(None), had))
        sys.path.insert(0, str(place))

    def __getattr__(self, _name: str) -> Any:
        raise UntriedError


class Printed:
    """Stands for the fixture capsys."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()

    def readouterr(self) -> Any:
        found = types.SimpleNamespace(out=self.out.getvalue(), err=self.err.getvalue())
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return Pair(found.out, found.err)


class Pair(tuple):  # type: ignore[type-arg]  # what a test takes apart, or asks by name
    """(out, err)."""

    __slots__ = ()

    def __new__(cls, out: str, err: str) -> Pair:
        return super().__new__(cls, (out, err))

    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


class Dummy:
    """A type that only an annotation names."""

    def __class_getitem__(cls, _item: Any) -> Any:
        return cls


class Framework(types.ModuleType):
    """Stands for pytest in the eyes of a test file alone; it is in no list of modules."""

    def __init__(self) -> None:
        super().__init__("values")
        self.approx, self.mark, self.param, self.MonkeyPatch = Close, Marks(), Row, Patches
        for name in DUMMIES:
            setattr(self, name, Dummy)

    def __getattr__(self, _name: str) -> Any:
        raise UntriedError

    def raises(self, kind: Any, *call: Any, match: str | None = None, **options: Any) -> Any:
        if not call:
            return Raised(kind, match)
        with Raised(kind) as found:
            call[0](*call[1:], **options)
        return found

    def fixture(
        self,
        function: Any = None,
        *,
        params: Any = None,
        autouse: bool = False,
        name: str = "",
        **_options: Any,
    ) -> Any:
        def mark(made: Any) -> Any:
            made.gives, made.everywhere, made.left_out = (
                name or made.__name__,
                autouse,
                params is not None,
            )
            return made

        return mark(function) if function else mark

    def fail(self, reason: str = "", **_options: Any) -> None:
        raise AssertionError(reason)

    def skip(self, reason: str = "", **_options: Any) -> None:
        raise AssertionError(reason)

    def importorskip(self, name: str, *_args: Any, **_options: Any) -> Any:
        return importlib.import_module(name)


class Loader:
    """Loads test files. `plain`: without what would say that they are some."""

    def __init__(self, root: str, plain: bool) -> None:
        self.root, self.plain, self.kept = root, plain, dict[str, types.ModuleType]()
        self.framework = Framework()
        self.files = dict[str, dict[str, Any]]()
        self.built_in = {**vars(builtins), "__import__": self.take}

    def take(
        self, name: str, names: Any = None, own: Any = None, wanted: Any = (), level: int = 0
    ) -> Any:
        """What a test file gets for an import: frameworks are put out of sight again at once."""
        top = name.partition(".")[0] if not level else ""
        if top == "pytest":
            return self.framework
        if top == "_pytest":
            raise UntriedError
        if top not in HIDDEN or not self.plain:
            try:
                return builtins.__import__(name, names, own, wanted, level)
            except ModuleNotFoundError as error:
                if absent(error, name):
                    raise UntriedError from error
                raise
        # The code under test may ask which modules are loaded: unittest would tell it of its test.
        sys.modules.update(self.kept)
        try:
            return builtins.__import__(name, names, own, wanted, level)
        finally:
            self.kept = {
                key: module
                for key, module in sys.modules.items()
                if key.partition(".")[0] in HIDDEN
            }
            for key in self.kept:
                del sys.modules[key]

    def load(self, path: str) -> dict[str, Any]:
        if path not in self.files:
            place = os.path.join(self.root, path)  # noqa: PTH118  # as the test file would write it
            with open(place, encoding="utf-8") as file:  # noqa: PTH123  # as above
                text = file.read()
            folder = package_top(place)
            if folder not in sys.path:
                sys.path.insert(0, folder)
            package = (
                # as above
                os.path.relpath(os.path.dirname(place), folder).replace(os.sep, ".").strip(".")  # noqa: PTH120
            )
            name = f"part_{len(self.files)}" if self.plain else Path(place).stem
            own = {"__name__": name, "__builtins__": self.built_in, "__package__": package}
            if "__file__" in text or not self.plain:
                own["__file__"] = place
            code = compile(
                ast.parse(text), f"{self.root}/{name}.py" if self.plain else place, "exec"
            )
            self.files[path] = own
            exec(code, own)  # noqa: S102  # these are the project's own tests
        return self.files[path]


def absent(error: ModuleNotFoundError, name: str) -> bool:
    """Is this very module not to be found?

    Said by Python itself: code that says so of something is only pretending.
    """
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    by_python = step is not None and step.tb_frame.f_code.co_filename.startswith(
        "<frozen importlib"
    )
    return by_python and bool(error.name) and f"{name}.".startswith(f"{error.name}.")


def package_top(place: str) -> str:
    """The folder from which a test file is imported: the first one above it that is no package."""
    folder = Path(place).parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return str(folder)


class Caller:
    """Calls test functions with what they ask for by name."""

    def __init__(self, root: str, plain: bool) -> None:
        self.loader, self.root, self.plain = Loader(root, plain), root, plain

    def call(self, path: str, name: str) -> str:
        """passed, failed or untried."""
        here = os.getcwd()  # noqa: PTH109  # as the project sees it
        printed = Printed()
        try:
            with contextlib.ExitStack() as stack:
                spaces = [*self.above(path), self.loader.load(path)]
                for step in self.steps(spaces, name.split("::")):
                    inner = stack.enter_context(contextlib.ExitStack())
                    inner.enter_context(contextlib.redirect_stdout(printed.out))
                    inner.enter_context(contextlib.redirect_stderr(printed.err))
                    with inner:
                        step(inner, printed)
        except UntriedError:
            return "untried"
        # whatever the code does is a failure of the test, a skip too: it passed where it was
        # watched
        except BaseException:  # noqa: BLE001
            return "failed"
        finally:
            os.chdir(here)
        return "passed"

    def above(self, path: str) -> list[dict[str, Any]]:
        """The conftest files that hold for a test file; one that steers the framework says that
        nothing can be tried."""
        parts = path.split("/")[:-1]
        found = []
        for n in range(len(parts) + 1):
            name = "/".join((*parts[:n], "conftest.py"))
            if os.path.exists(os.path.join(self.root, name)):  # noqa: PTH110, PTH118  # as above
                space = self.loader.load(name)
                if any(key.startswith("pytest_") and not HARMLESS.match(key) for key in space):
                    raise UntriedError
                found.append(space)
        return found

    def steps(
        self, spaces: list[dict[str, Any]], names: list[str]
    ) -> Iterator[Callable[..., None]]:
        """One call for each row of a test's parameters."""
        if len(names) > 2:
            raise UntriedError
        owner = spaces[-1].get(names[0]) if len(names) == 2 else None
        function = spaces[-1].get(names[0]) if owner is None else getattr(owner, names[1], None)
        marked = (
            spaces[-1].get("pytestmark"),
            getattr(owner, "pytestmark", None),
            getattr(owner, "left_out", None),
        )
        if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
            raise UntriedError
        if any(marked) or getattr(function, "left_out", False):
            raise UntriedError
        tables = [*getattr(function, "tables", []), *getattr(owner, "tables", [])]
        for row in rows_of(tables):
            yield lambda stack, printed, row=row: self.call_with(
                stack, printed, spaces, owner, function, row
            )

    def call_with(
        self, stack: Any, printed: Any, spaces: Any, owner: Any, function: Any, row: dict[str, Any]
    ) -> None:
        """Call a test with one row of its parameters and the fixtures that it asks for."""
        given: dict[str, Any] = {"capsys": printed, **row}
        fixtures = fixtures_of(spaces)
        own = renamed(function) if self.plain else function
        if owner is not None and hasattr(owner, "assertEqual"):
            self.classic(stack, owner, function.__name__, own)
            return
        for name, made in fixtures.items():
            if made.everywhere:
                self.give(stack, given, fixtures, name)
        self_given = [owner()] if owner is not None else []
        wanted = list(inspect.signature(function).parameters)[len(self_given) :]
        # these run before each test, and only the framework knows in which order
        if any(hasattr(owner, name) for name in OWN_SETUP):
            raise UntriedError
        own(*self_given, *(self.give(stack, given, fixtures, name) for name in wanted))

    def classic(self, stack: Any, owner: Any, name: str, own: Any) -> None:
        """A test of a unittest.TestCase, without its runner."""
        case = owner(name)
        setattr(owner, name, own)
        owner.setUpClass()
        stack.callback(owner.tearDownClass)
        case.setUp()
        stack.callback(case.doCleanups)
        stack.callback(case.tearDown)
        getattr(case, name)()

    def give(self, stack: Any, given: dict[str, Any], fixtures: Any, name: str) -> Any:
        """The value of a fixture, made where it was not."""
        if name in given:
            return given[name]
        if name in ("tmp_path", "tmpdir"):
            place = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
            given[name] = place
        elif name == "monkeypatch":
            given[name] = patches = Patches()
            stack.callback(patches.undo)
        elif name in fixtures and not fixtures[name].left_out:
            made = fixtures[name]
            inner = [
                self.give(stack, given, fixtures, word)
                for word in inspect.signature(made).parameters
            ]
            value = made(*inner)
            if inspect.isgenerator(value):
                stack.callback(lambda rest=value: next(rest, None))
                value = next(value)
            given[name] = value
        else:
            raise UntriedError
        return given[name]


def renamed(function: Any) -> Any:
    """The function without a name that says what it is."""
    code = function.__code__
    words = {"co_name": "part", **({"co_qualname": "part"} if hasattr(code, "co_qualname") else {})}
    made = types.FunctionType(
        code.replace(**words),
        function.__globals__,
        "part",
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def fixtures_of(spaces: list[dict[str, Any]]) -> dict[str, Any]:
    """The fixtures of a test file and of the conftest files above it, the nearest of each name."""
    values = [value for space in spaces for value in space.values()]
    functions = [value for value in values if inspect.isfunction(value)]
    return {made.gives: made for made in functions if hasattr(made, "gives")}


def rows_of(tables: list[Any]) -> Iterator[dict[str, Any]]:
    """Every row of one table with every row of the others."""
    if not tables:
        yield {}
        return
    for row in tables[0]:
        for rest in rows_of(tables[1:]):
            yield {**row, **rest}


def every(wanted: list[list[str]], root: str, plain: bool) -> dict[str, str]:
    """What each (file, name) comes to."""
    sys.path[:] = [root, *(place for place in sys.path if place != root)]
    caller = Caller(root, plain)
    return {f"{path}::{name}": caller.call(path, name) for path, name in wanted}


if __name__ == "__main__":
    here = Path(sys.argv[0]).parent
    work = json.loads((here / "in").read_text(encoding="utf-8"))
    for left in ("in", "main.py"):
        (here / left).unlink()
    sys.path[:] = [
        # as the project sees them
        *(os.path.abspath(place) for place in work["paths"]),  # noqa: PTH100
        *sys.path[1:],
    ]
    with (here / "out").open("w", encoding="utf-8") as out:
        json.dump(every(work["wanted"], os.getcwd(), plain=True), out)  # noqa: PTH109  # as above
