"""The training loop: batches, the network that learns, averages, several processes."""
