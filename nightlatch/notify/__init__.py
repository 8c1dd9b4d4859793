"""Tell a person who is not there, by a process that the run never waits for."""
