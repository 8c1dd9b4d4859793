"""Decide what to do next, and what stands now."""
