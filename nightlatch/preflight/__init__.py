"""Find what would stop the night, before it."""
