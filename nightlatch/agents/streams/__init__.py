"""The streams of the agent CLIs, each read into the same events."""
