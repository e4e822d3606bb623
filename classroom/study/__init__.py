"""Practice: quizzes, flash cards, a question generator, and the reader's progress."""
