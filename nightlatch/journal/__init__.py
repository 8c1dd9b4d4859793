"""The append-only event log of the run at work, and what it adds up to."""
