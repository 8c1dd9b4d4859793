"""Compose what an agent is told."""
