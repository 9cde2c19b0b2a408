"""How a verdict looks to people."""
