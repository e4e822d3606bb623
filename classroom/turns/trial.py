"""Compare what a reader wrote with what is right, on small inputs, and say how it differs."""

from classroom.turns.registry import wrong

LONGEST = 160  # characters of a value in a message


def shown(value, longest=LONGEST):
    """Return a value as Python writes it, cut in the middle where it is long.

    >>> shown(list(range(100)), 21)
    '[0, 1, 2, … , 98, 99]'
    """
    text = repr(value)
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]} … {text[-half:]}"


class Trial:
    """Calls of the reader's version, counted; the first that differs ends the trial.

    `attempt` is what was written: a function, a class, or, for the turn of one method, the class
    with that method in it.
    """

    def __init__(self, name, attempt, earlier=()):
        self.name, self.attempt, self.earlier = name, attempt, earlier
        self.checks = 0

    def call(self, *arguments, function=None, name=None):
        """Return what the reader's version gives; an error in it ends the trial."""
        function, name = function or self.attempt, name or self.name
        call = f"{name}({', '.join(map(shown, arguments))})"
        try:
            return function(*arguments)
        except NameError as error:
            if error.name in self.earlier:
                wrong(f"it needs {error.name}: run the cell of {error.name} first")
            wrong(f"{call} stopped with {named(error)}")
        except Exception as error:
            wrong(f"{call} stopped with {named(error)}")

    def equal(self, *arguments, gives, why, mistakes=(), function=None, name=None):
        """Compare one call with what it should give; `why` says why that matters.

        `mistakes` are pairs of a typical wrong value and what to say to it.
        """
        call = f"{name or self.name}({', '.join(map(shown, arguments))})"
        found = self.call(*arguments, function=function, name=name)
        self.checks += 1
        if found is None and gives is not None:
            wrong(f"{call} returned None: is there a return?")
        if type(found) is type(gives) and found == gives:
            return
        for value, message in mistakes:
            if type(found) is type(value) and found == value:
                wrong(f"{call} gives {shown(found)}, and should give {shown(gives)}: {message}")
        if not isinstance(found, type(gives)):
            kinds = f"type {type(found).__name__}, and should be of type {type(gives).__name__}"
            wrong(f"{call} gives a value of {kinds}: {shown(gives)}")
        if found != gives:
            wrong(f"{call} gives {shown(found)}, and should give {shown(gives)}: {why}")

    def that(self, holds, message):
        """Count one more check, and end the trial with a message unless it holds."""
        self.checks += 1
        if not holds:
            wrong(message)

    def raises(self, error, *arguments, why):
        """The call must end with this error."""
        self.checks += 1
        call = f"{self.name}({', '.join(map(shown, arguments))})"
        try:
            found = self.attempt(*arguments)
        except error:
            return
        except Exception as other:
            wrong(f"{call} should stop with {error.__name__}, not with {named(other)}: {why}")
        wrong(f"{call} gives {shown(found)}, and should stop with {error.__name__}: {why}")


def named(error):
    """Return an error's type and message in one line.

    >>> named(KeyError("moon")), named(SystemExit())
    ("KeyError: 'moon'", 'SystemExit')
    """
    message = " ".join(str(error).split())
    cut = message if len(message) <= LONGEST else f"{message[:LONGEST]} …"
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__
