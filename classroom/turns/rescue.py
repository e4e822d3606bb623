"""A turn's cell that Python cannot read, or that stops before its turn is judged.

Such an error would end Run All, so here it becomes a sentence, and the notebook goes on with the
course's version. Only a cell with `@your_turn` is touched, and only as far as its last turn: an
error in what follows stays an error.
"""

import ast
import re
import sys
import warnings

from classroom.turns.source import decorated

TURN = re.compile(r"^[ \t]*@your_turn\b(?:[ \t]*\([ \t]*of[ \t]*=[ \t]*(\w+))?", re.M)
DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.M)
GO_ON = "your_turn.__self__.go_on({!r}, {})"
NOT_READABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def watch_cells():
    """Let the notebook in whose kernel this runs go on after a turn's cell that cannot run."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell and not any(isinstance(other, Rescue) for other in shell.ast_transformers):
        rescue = Rescue(shell)
        shell.input_transformers_cleanup.insert(0, rescue)
        shell.ast_transformers.append(rescue)


class Rescue(ast.NodeTransformer):
    """Changes a turn's cell before it runs: its text where it cannot be read, else its tree."""

    def __init__(self, shell):
        self.shell = shell
        self.asking = False

    def __call__(self, lines):
        """The lines of a cell, or, where Python cannot read them, one that says so."""
        text = "".join(lines)
        ours = hasattr(self.shell.user_ns.get("your_turn"), "__self__")
        if self.asking or not ours or not TURN.search(text):
            return lines
        problem = self.why_not_readable(text)
        if problem is None:
            return lines
        return [GO_ON.format(names_in(text), repr(problem)) + "\n"]

    def why_not_readable(self, text):
        """What Python says about the text of a cell that it cannot read, or None."""
        try:
            compiled(text)
            return None
        except NOT_READABLE as error:
            problem = described(error)
        self.asking = True  # the shell reads more than Python: lines that begin with % or !
        try:
            compiled(self.shell.transform_cell(text))
            return None
        except Exception:
            return problem
        finally:
            self.asking = False

    def visit_Module(self, tree):
        """Let an error before the cell's last turn is judged be told and not raised."""
        turns = [place for place, node in enumerate(tree.body) if decorated(node)]
        if turns:
            names = [(_full_name(tree.body[place]), tree.body[place].end_lineno) for place in turns]
            told = ast.parse(GO_ON.format(names, "__import__('sys').exc_info()[1]")).body
            whole = ast.parse("try: pass\nexcept Exception: pass").body[0]
            end = turns[-1] + 1
            whole.body, whole.handlers[0].body = tree.body[:end], told
            tree.body[:end] = [whole]
        return tree


def compiled(text):
    """The code of a cell; raises what Python raises, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def names_in(text):
    """The names of a cell's turns as its text has them, "" where it has none, each with line 0.

    >>> names_in("@your_turn(of=Tokenizer)\\ndef encode(self text):\\n    ...")
    [('Tokenizer.encode', 0)]
    """
    found = []
    for turn in TURN.finditer(text):
        name = DEFINED.search(text, turn.end())
        owner = f"{turn[1]}." if turn[1] else ""
        found.append((owner + name[1] if name else "", 0))
    return found


def described(error):
    """A sentence about code that Python cannot read, and the line with a mark below the place."""
    if not isinstance(error, SyntaxError) or not error.lineno:
        return f"Python cannot read this cell: {error}"
    said = f"Python cannot read line {error.lineno} of this cell: {error.msg}"
    line = (error.text or "").rstrip().expandtabs(1)
    if not line.strip() or len(line) > 100:
        return said
    return f"{said}\n    {line}\n    {' ' * max(0, (error.offset or 1) - 1)}^"


def _full_name(node):
    turn = next(part for part in node.decorator_list if "your_turn" in ast.unparse(part))
    owner = [ast.unparse(word.value) for word in getattr(turn, "keywords", []) if word.arg == "of"]
    return ".".join([*owner, node.name])
