"""The files in which projects name the packages that they need: one list, and what of it each
question asks for.

Patterns of names, without folders.
"""

# Each of these makes its folder a project of its own, with tests of its own.
PROJECTS = ("pyproject.toml", "setup.py", "package.json", "go.mod", "Cargo.toml")
# Each of these may bring in a package: a person should look at a landing that changes one.
DEPENDENCIES = (*PROJECTS, "requirements*.txt", "Pipfile")
# The versions that were chosen, and other settings of package managers. Any of them decides what an
# environment holds, as the manifests do, but a person reads the manifest.
LOCKS = (
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", ".yarnrc.yml"),
    *("pnpm-lock.yaml", "pnpm-workspace.yaml", "bun.lock*"),
    *("setup.cfg", "constraints*.txt", "poetry.lock", "uv.lock", "Pipfile*"),
    *("go.sum", "go.work", "go.work.sum", "Cargo.lock"),
)
# Managers of languages whose projects are found in other ways (see runners/*.toml).
OTHERS = ("Gemfile*", "composer.json", "composer.lock", "mix.exs", "mix.lock")
# An environment is made anew where one of these differs.
ENVIRONMENT = (*DEPENDENCIES, *LOCKS, *OTHERS)
