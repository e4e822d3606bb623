"""An assistant of the reader's own: what a chat model needs to be used by others.

`refusal` finds the questions that a model cannot answer. Each module is imported by its own name.
"""
