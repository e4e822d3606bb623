"""The parts of `my_llm.py`, in reading order, and what puts them together with what was written."""
