"""What all tests have in common: where the project lies, and how long they wait."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Seconds until a test takes something for hung. Nothing that works comes near it, on a busy
# machine either.
PATIENCE = 600.0
