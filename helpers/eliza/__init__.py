"""ELIZA, the chatbot of 1966: `script` reads its rules from a file, `rules` apply them."""

from helpers.eliza.eliza import DEFAULT_SCRIPT, Eliza

__all__ = ["DEFAULT_SCRIPT", "Eliza"]
