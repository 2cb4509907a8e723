"""Golden pictures: what a bundle is known to say, heard anew wherever it is opened."""
