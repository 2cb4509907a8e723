"""The device: sources of frames, the live loop, the overlay, the benchmark."""
