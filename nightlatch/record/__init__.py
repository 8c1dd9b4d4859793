"""The record on the branch: progress.txt, its history, and phases, replayed from text."""
