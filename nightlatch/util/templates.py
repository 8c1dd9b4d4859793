"""Prompt templates, sandboxed and strict.

To be imported where a prompt is rendered, not before: jinja2 is slow to load.
"""

from collections.abc import Callable, Container, Mapping, MutableMapping
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    meta,
    nodes,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nightlatch.errors import PromptError

Templates: TypeAlias = Callable[[str], tuple[str, str]]


class _Loader(BaseLoader):
    """A loader that takes the text of a template, and the path to show for it, from a callback."""

    def __init__(self, templates: Templates, names: frozenset[str]) -> None:
        self.templates = templates
        self.names = names
        self.paths: set[str] = set()

    def load(
        # jinja2's own name
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002  # jinja2's name
    ) -> Template:
        source, path = self.templates(name)
        self.paths.add(path)
        return environment.template_class.from_code(
            environment, _compiled(source, path, self.names), globals or {}
        )


def renderer(
    name: str, templates: Templates, names: frozenset[str]
) -> Callable[[Mapping[str, object]], str]:
    """Return a function that renders values of these names; values are never read as template
    text."""
    loader = _Loader(templates, names)
    environment = _environment(loader)

    def render(values: Mapping[str, object]) -> str:
        try:
            text = environment.get_template(name).render(values)
        except (
            TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            OSError,
            RecursionError,
        ) as error:
            fix = "correct it there, or delete the file to use the shipped one"
            raise PromptError(
                f"{type(error).__name__}: {error}",
                place=_location(error, loader.paths) or name,
                fix=fix,
            ) from error
        return f"{text.rstrip()}\n".encode("utf-8", "replace").decode()

    return render


def _environment(loader: BaseLoader | None = None) -> Environment:
    return ImmutableSandboxedEnvironment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@lru_cache(maxsize=16)
def _compiled(source: str, path: str, names: frozenset[str]) -> CodeType:
    """Compile a template, and remember it: compiling it again before each session would cost a
    sixth of the time between two agents.

    A name that is not given is an error wherever it stands, also where these values would not come
    by.
    """
    environment = _environment()
    tree = environment.parse(source, filename=path)
    code = environment.compile(tree, path, path)
    unknown = meta.find_undeclared_variables(tree) - names
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            fix = f"use one of {', '.join(sorted(names))}"
            raise PromptError(
                f"the template uses {name.name}, which does not exist",
                place=f"{path}:{name.lineno}",
                fix=fix,
            )
    return code


def _location(error: Exception, paths: Container[str]) -> str:
    """Return file and line of a failure inside a template, where it has one."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    place = ""
    trace = error.__traceback__
    while trace:
        if (path := trace.tb_frame.f_code.co_filename) in paths:
            place = f"{path}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
