"""The tasks of `bench grpo`: what a problem is, how it is asked, and what an answer is worth."""

from classroom.worlds import countdown, sorting
from helpers.llama import Llama, LlamaConfig


class Countdown:
    """Three numbers and a target; `score(problem, text)` is the reward."""

    end = countdown.encode(countdown.END)[0]

    def __init__(self, most_tries=4, score=countdown.reward):
        self.most_tries, self.score = most_tries, score

    def new_model(self):
        length = 6 + countdown.TRY * self.most_tries
        size = {"embedding_dim": 96, "hidden_dim": 256, "n_heads": 4, "n_kv_heads": 4}
        return Llama(LlamaConfig(len(countdown.vocabulary()), length, n_layers=3, **size))

    def problems(self, n, rng):
        return rng.sample(countdown.split()["train"], n)

    def prompt(self, problem, rng):
        return countdown.encode(countdown.prompt(problem, rng))

    def most(self, problem):
        return countdown.TRY * self.most_tries

    def reward(self, problem, answer):
        return self.score(problem, countdown.decode(answer))

    def format_example(self, rng):
        """Tries with right arithmetic, and the target of another problem."""
        asked, answer = countdown.format_example(rng, self.most_tries)
        return countdown.encode(asked), countdown.encode(answer)

    def solved_example(self, rng):
        """A training problem with one of its solutions, for the supervised control."""
        problem = rng.choice(countdown.split()["train"])
        found = rng.choice(countdown.solutions(*problem))
        return self.prompt(problem, rng), countdown.encode(countdown.write([found]))


class Sorting:
    """Lists of some lengths; the held-out ones are never asked in training."""

    end = sorting.END

    def __init__(self, lengths=(2, 3, 4, 5, 6), held_out=()):
        self.lengths = lengths
        self.held_out = {frozenset(numbers) for numbers in held_out}

    def new_model(self, context_length=40):
        size = {"embedding_dim": 64, "hidden_dim": 128, "n_heads": 4, "n_kv_heads": 4}
        return Llama(LlamaConfig(sorting.VOCAB_SIZE, context_length, n_layers=2, **size))

    def problems(self, n, rng):
        """Lists of one length, so that their prompts make a rectangle."""
        length, found = rng.choice(self.lengths), []
        while len(found) < n:
            numbers = sorting.problem(length, rng)
            if frozenset(numbers) not in self.held_out:
                found.append(numbers)
        return found

    def prompt(self, problem, rng):
        return sorting.prompt(problem)

    def most(self, problem):
        return len(problem) + 1

    def reward(self, problem, answer):
        return sorting.reward(problem, answer)

    def format_example(self, rng):
        return sorting.format_example(rng.choice(self.lengths), rng)
