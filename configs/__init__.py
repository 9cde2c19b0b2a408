"""The recipes: one file a cell of the paper's Table 1, and the digits."""
