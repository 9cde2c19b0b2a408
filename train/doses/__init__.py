"""When a network knows extra samples that it sees once, several times, or never."""
