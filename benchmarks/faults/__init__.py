"""One fault at a time, injected into the command line, and what it makes of it."""
