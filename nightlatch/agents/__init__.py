"""Agent CLIs: how each is started, what its stream says, and why it stopped."""
