"""`gemscan capture`: a camera that fills a folder to train on."""
