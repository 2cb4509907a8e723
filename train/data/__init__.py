"""Photographs: read, grouped by what they show, split."""
