"""The operator's desk: stones kept, corrected and taught while the loop goes on."""
