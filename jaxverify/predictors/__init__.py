"""Ways to get a model's answers."""
