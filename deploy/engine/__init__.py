"""TensorRT engines: planned, built on the device that will run them, kept, opened, looked into."""
