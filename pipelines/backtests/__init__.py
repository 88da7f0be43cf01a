"""What a champion would have said, row by row."""
