"""Flags of runs that are compared with each other to the last digits."""

# A rate at which the last digit of a float is still the last digit some epochs later.
STEADY = ("--lr", "0.0005", "--precision", "float32")
