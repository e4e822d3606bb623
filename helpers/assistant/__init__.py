"""An assistant of the reader's own: what a chat model needs to be used by others.

`adapter` saves what LoRA has learned, apart from the base model. `rows` is what is learned from,
`learning` trains, `asking` asks many questions at once, `refusal` finds those that a model cannot
answer, `wordings` rewords by rule, `making` does all of it, and `chat` talks. Each module is imported
by its own name.
"""
