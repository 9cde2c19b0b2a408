"""Training scripts: the clouds of this project, and the loop that they share."""
