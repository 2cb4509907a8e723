"""Where frames come from. One kind per file; `open_source` chooses by URI."""
