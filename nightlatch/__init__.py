"""A loop for coding agents that lands only what is proved: one package per capability."""

from nightlatch.safepath import leave_project

# The one thing that an import does here: an older loop.py imports this package first, and whatever
# follows would be looked for beside it, where agents' work lands.
leave_project()

__version__ = "0.1.0"
