"""Chat templates: the prompt format of a model as the Jinja text that other programs apply.

`transformers` keeps it in `tokenizer_config.json`, llama.cpp in the GGUF file; Ollama has a
language of its own. Each gives the text that `helpers` gives for the same conversation.
"""

# An answer begins with a space and is followed by the end-of-text token, as in training.
COURSE = """\
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- '<|user|>\\n ' + message['content'].replace('\\n', '\\n ') + '<|end|>\\n<|assistant|>\\n' -}}
{%- elif message['role'] == 'assistant' -%}
{{- ' ' + message['content'] + '<|endoftext|>' -}}
{%- else -%}
{{- raise_exception('this model knows the roles user and assistant, not ' + message['role']) -}}
{%- endif -%}
{%- endfor -%}
"""
CHATML = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
TEMPLATES = {"course": COURSE, "chatml": CHATML}
STOPS = {"course": "<|endoftext|>", "chatml": "<|im_end|>"}

_OLLAMA = {
    "course": "<|user|>\n {{ .Prompt }}<|end|>\n<|assistant|>\n{{ .Response }}<|endoftext|>",
    "chatml": (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n"
        "<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"
    ),
}


def check_template(chat: str | None) -> None:
    """Raise ValueError unless `chat` is None or the name of a template."""
    if chat is not None and chat not in TEMPLATES:
        raise ValueError(f"chat is {chat!r}; it must be None or one of {', '.join(TEMPLATES)}")


def modelfile(file_name: str, chat: str | None) -> str:
    """Return the text of an Ollama Modelfile for a GGUF file beside it.

    >>> print(modelfile("mine.gguf", None), end="")
    FROM ./mine.gguf
    TEMPLATE \"\"\"{{ .Prompt }}\"\"\"
    """
    check_template(chat)
    template = "{{ .Prompt }}" if chat is None else _OLLAMA[chat]
    lines = [f"FROM ./{file_name}", f'TEMPLATE """{template}"""']
    if chat is not None:
        lines.append(f'PARAMETER stop "{STOPS[chat]}"')
    return "\n".join(lines) + "\n"
