"""What things cost, measured side by side in one run: ratios, never a time alone."""
