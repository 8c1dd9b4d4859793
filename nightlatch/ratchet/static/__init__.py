"""Objections to a change that need no run."""
