"""Names that loop.py files of people's own import: nightlatch.edge.night was the face of the loop."""
