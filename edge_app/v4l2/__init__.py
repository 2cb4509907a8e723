"""Video4Linux asked through the kernel itself: structures, controls, which very camera it is."""
