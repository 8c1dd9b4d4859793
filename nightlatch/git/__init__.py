"""Run git so that nothing of an agent's is ever executed, and read and write its objects."""
