"""Texts whose truth is known: their entropy, their answers, their labels."""
