"""What is wrong with a folder of photographs, shown and put aside."""
