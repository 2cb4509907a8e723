"""A run and its folder: started, resumed, and what is written of it."""
