"""What a change does to the tests, read from texts alone; nothing here runs anything."""
