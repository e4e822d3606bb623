"""ELIZA, the chat program of 1966: `rules` match and answer, `script` reads them from a text file."""

from helpers.eliza.eliza import DEFAULT_SCRIPT, Eliza

__all__ = ["DEFAULT_SCRIPT", "Eliza"]
