"""Pieces that know nothing of agents or features: text, units, globs, files, clocks."""
