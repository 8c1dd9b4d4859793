"""What a process may see, write and use, behind one protocol; a back end is a file."""
