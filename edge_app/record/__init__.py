"""The scanner's side of the record: written without making the scanner wait, and shown."""
