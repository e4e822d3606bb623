"""The parts of `my_llm.py` and `my_chat.py`, in reading order, and what puts them together."""
