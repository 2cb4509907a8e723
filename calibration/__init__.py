"""Photographs to INT8: which pictures, which ranges, the Q/DQ graph and the proof of its rules."""
