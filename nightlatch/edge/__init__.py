"""Names that people's own loop.py files import: nightlatch.edge.night was the face of the loop."""
