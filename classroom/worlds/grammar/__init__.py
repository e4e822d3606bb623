"""Grammars that write texts and know the exact probability of each."""

from classroom.worlds.grammar.grammar import Grammar

__all__ = ["Grammar"]
