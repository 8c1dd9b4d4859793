"""Let an agent propose features; a person says yes."""
