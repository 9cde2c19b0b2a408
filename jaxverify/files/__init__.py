"""Files in general: written whole or not at all, sorted in bounded memory, read ahead."""
