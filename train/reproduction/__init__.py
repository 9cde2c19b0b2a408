"""The paper's evaluation: which runs it takes, working them off, and what they show."""
