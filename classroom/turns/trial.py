"""Compare what a reader wrote with what is right, on small inputs, and say how it differs."""

import sys

from classroom.turns.registry import wrong

LONGEST = 160  # characters of a value in a message
SMALL = 16  # dimensions of a tensor that is shown whole


def is_tensor(value):
    """Whether a value is a tensor; torch is not loaded for those who do not use it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def shown(value, longest=LONGEST):
    """Return a value as Python writes it, cut in the middle where it is long; tensors as lists.

    >>> shown(list(range(100)), 21)
    '[0, 1, 2, … , 98, 99]'
    """
    if is_tensor(value):
        if value.numel() > SMALL:
            return f"a tensor {tuple(value.shape)}"
        digits = 3 if value.is_floating_point() else None
        return str(_rounded(value.tolist(), digits))
    text = repr(value)
    if "\n" in text:  # a module of PyTorch, whose parts are written one below the other
        return f"a {type(value).__name__}"
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]} … {text[-half:]}"


def _rounded(value, digits):
    if isinstance(value, list):
        return [_rounded(part, digits) for part in value]
    return round(value, digits) if digits is not None else value


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

    def close(self, *arguments, gives, why, mistakes=(), function=None, name=None, tolerance=1e-5):
        """Compare one call with the tensor (or number, or tuple of them) that it should give.

        `mistakes` are pairs of a typical wrong value and what to say to it; `tolerance` is relative
        to the largest number of the right value, or absolute where that is under 1.
        """
        found = self.call(*arguments, function=function, name=name)
        call = f"{name or self.name}({', '.join(map(shown, arguments))})"
        self.same(found, gives, call, why, mistakes, tolerance)
        return found

    def same(self, found, gives, call, why, mistakes=(), tolerance=1e-5):
        """Count one check that `found`, the value of what `call` names, is `gives`."""
        self.checks += 1
        if found is None:
            wrong(f"{call} returned None: is there a return?")
        problem = _differs(found, gives, tolerance)
        if problem is None:
            return
        for value, message in mistakes:
            if _differs(found, value, tolerance) is None:
                wrong(f"{call} {problem}: {message}")
        wrong(f"{call} {problem}: {why}")

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


def _differs(found, gives, tolerance):
    """How a value differs from the right one, to be read after the call, or None."""
    if isinstance(gives, tuple):
        if not isinstance(found, (tuple, list)) or len(found) != len(gives):
            return f"gives {_kind(found)}, and should give {len(gives)} values"
        for number, (part, right) in enumerate(zip(found, gives, strict=True), 1):
            if problem := _differs(part, right, tolerance):
                return f"as value {number} of {len(gives)} {problem}"
        return None
    if not is_tensor(gives):
        number = isinstance(found, (int, float)) or (is_tensor(found) and found.numel() == 1)
        if not number:
            return f"gives {_kind(found)}, and should give the number {gives:.4g}"
        off = abs(float(found) - gives)
        if off <= tolerance * max(1.0, abs(gives)):  # NaN is never close
            return None
        return f"gives {float(found):.4g}, and should give {gives:.4g}"
    if not is_tensor(found):
        return f"gives {_kind(found)}, and should give a tensor {tuple(gives.shape)}"
    if found.shape != gives.shape:
        return f"gives the shape {tuple(found.shape)}, and should give {tuple(gives.shape)}"
    if found.is_floating_point() != gives.is_floating_point():
        return f"gives numbers of type {found.dtype}, and should give {gives.dtype}"
    found, gives = found.detach(), gives.detach()
    scale = max(1.0, float(gives.abs().max())) if gives.is_floating_point() and gives.numel() else 1
    if found.is_floating_point():
        same = found.to(gives.dtype).isclose(gives, rtol=0, atol=tolerance * scale, equal_nan=True)
    else:
        same = found == gives
    if bool(same.all()):
        return None
    if gives.numel() <= SMALL:
        return f"gives {shown(found)}, and should give {shown(gives)}"
    where = tuple((~same).nonzero()[0].tolist())
    there = ", ".join(map(str, where))
    return (
        f"gives {shown(found[where])} at [{there}], and should give {shown(gives[where])} there"
        f" ({int((~same).sum())} of {gives.numel()} numbers differ)"
    )


def _kind(value):
    return shown(value, 60) if isinstance(value, (int, float, str)) else f"a {type(value).__name__}"


def named(error):
    """Return an error's type and message in one line.

    >>> named(KeyError("moon")), named(SystemExit())
    ("KeyError: 'moon'", 'SystemExit')
    """
    message = " ".join(str(error).split())
    cut = message if len(message) <= LONGEST else f"{message[:LONGEST]} …"
    return f"{type(error).__name__}: {cut}" if cut else type(error).__name__
