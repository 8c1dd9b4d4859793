"""The settings: their table, the forms of their values, how they are read and written."""
