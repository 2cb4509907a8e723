"""What machine this is, and what a Jetson says of itself."""
