"""To practice and to remember: quizzes, flash cards, a question generator, what a reader has done."""
