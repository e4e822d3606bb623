"""The figures of the notebooks, one function for each."""
