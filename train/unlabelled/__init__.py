"""What the comparison with held-out twins finds, measured: autoencoders, power, calibration."""
