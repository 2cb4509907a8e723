"""What is drawn over the live picture, in any script."""
