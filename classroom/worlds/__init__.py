"""Texts with a known ground truth: their entropy, their answers, or their labels."""
