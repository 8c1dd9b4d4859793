"""Small faults put into code, to see which tests notice."""
