"""Training at home, to see when the extra samples are known: by a program, or by a network."""
