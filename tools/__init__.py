"""What `course.py` runs: one module a command, and what they share."""
