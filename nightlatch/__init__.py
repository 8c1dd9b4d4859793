"""Core decides and never touches the world; edge touches the world and never decides."""

__version__ = "0.1.0"
