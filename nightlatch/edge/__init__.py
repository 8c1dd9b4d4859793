"""The effects: git, files, processes, agents, checks, the clock."""
