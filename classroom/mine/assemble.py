"""Put `my_llm.py` and `my_chat.py` together: the parts of this folder, with what the reader wrote.

A part imports the turns that belong in it from `classroom.turns`; in the file their source replaces
the import: the reader's version, or the course's where there is none. The turns that these use come
right before them, and a turn that nothing uses is left out. The result imports nothing of this
project; `my_chat.py` takes from `my_llm.py` what its parts take from the parts of that file.
"""

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path

from classroom.mine.outline import LLM
from classroom.turns.imports import Clash, Imports
from classroom.turns.kept import Kept, kept_turns
from classroom.turns.source import taken_names

HERE, NOTEBOOKS = Path(__file__).parent, Path(__file__).parents[2] / "notebooks"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
LINE_LENGTH = 100
RENAMED = {("08", "finetune"): "finetune_classifier"}  # 09 has another turn of that name


@dataclass(frozen=True)
class Piece:
    """One turn as it is in a file: its names there and in its notebook, whose it is, its source."""

    notebook: str
    name: str
    turn: str
    source: str
    imports: tuple[str, ...]
    kept: Kept | None = None

    @property
    def whose(self):
        """Whether it is the reader's, and the notebook: neighbors that agree share a comment."""
        return self.kept is not None, self.notebook


@dataclass(frozen=True)
class Assembled:
    """The file's text, the turns in it, and sentences about what could not be taken."""

    text: str
    pieces: tuple[Piece, ...]
    remarks: tuple[str, ...]

    @property
    def yours(self):
        """The names of the parts that the reader wrote."""
        return [piece.name for piece in self.pieces if piece.kept]


def assemble(kept=None, file=LLM) -> Assembled:
    """Put a file together from the reader's kept turns (default: those in their folder)."""
    kept = kept_turns() if kept is None else kept
    turns, remarks = _pieces({(turn.notebook, turn.name): turn for turn in kept}, file)
    while True:
        try:
            return _assembled(turns, remarks, file)
        except Clash as clash:  # two of the reader's turns use one name for two modules
            piece = turns[clash.name]
            if piece.kept is None:
                raise ValueError(f"two of the course's parts clash: {clash}") from None
            remarks.append(
                f"{piece.name}: it imports {clash.bound} from elsewhere than another part; "
                "the course's version is used."
            )
            turns[piece.name] = _course(piece.notebook, piece.turn)


def _pieces(kept, file):
    """Every turn that may be in the file, by its name there, and remarks about damaged ones.

    `kept` has the reader's turns by notebook and name: other notebooks may use a name again.
    """
    pieces, remarks = {}, []
    for notebook in file.notebooks:
        for name in _registered(notebook):
            course, turn = _course(notebook, name), kept.get((notebook, name))
            pieces[course.name] = course
            if turn is None:
                continue
            if _is_whole(turn):
                mine = _piece(notebook, name, turn.source, tuple(turn.imports), turn)
                pieces[course.name] = mine
            else:
                remarks.append(
                    f"{name}: what was kept of notebook {notebook} is damaged; the course's version "
                    "is used. Run its cell again."
                )
    return pieces, remarks


def _piece(notebook, turn, source, imports, kept=None):
    """A turn under the name that it has in the file."""
    name = RENAMED.get((notebook, turn), turn)
    if name != turn:
        source = re.sub(rf"^(def|class) {turn}\b", rf"\1 {name}", source, flags=re.M)
    return Piece(notebook, name, turn, source, imports, kept)


def _registered(notebook):
    """The turns of a notebook by name."""
    return import_module(f"classroom.turns.t{notebook}").TURNS.turns


def _is_whole(turn):
    """Whether kept source still compiles, alone, to the definition of its name."""
    try:
        tree = ast.parse(turn.source)
        imports = ast.parse("\n".join(turn.imports)).body
        compile(turn.source, turn.name, "exec")
    except (SyntaxError, ValueError):
        return False
    one = len(tree.body) == 1 and isinstance(tree.body[0], DEFINITIONS)
    alone = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in imports)
    return one and alone and tree.body[0].name == turn.name.rpartition(".")[2]


@cache
def _course(notebook, name):
    """The course's version of a turn, with the docstring of its stub."""
    course = _registered(notebook)[name].course
    function = getattr(course, "__func__", course)  # of a class method
    module = sys.modules[function.__module__]
    source = textwrap.dedent(inspect.getsource(function))
    return _piece(notebook, name, _documented(source, name, notebook), _imports_of(module))


@cache
def _imports_of(module):
    """The imports at a module's top, one name each."""
    statements = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                one = type(node)(**{**vars(node), "names": [alias]})
                statements.append(ast.unparse(one))
    return tuple(line for line in statements if not re.search(r"\b(helpers|classroom)\b", line))


@cache
def _stubs(notebook):
    """The docstrings of a notebook's stubs, by the turn's name."""
    found = {}
    for path in NOTEBOOKS.glob(f"{notebook}_*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] != "code" or "@your_turn" not in source:
                continue
            for node in ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.M)).body:
                if isinstance(node, DEFINITIONS):
                    found[_prefix(node) + node.name] = ast.get_docstring(node)
    return found


def _prefix(node):
    """`GPT.` for a stub under `@your_turn(of=GPT)`."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            return "".join(f"{ast.unparse(key.value)}." for key in decorator.keywords)
    return ""


def _documented(source, name, notebook):
    """Give a definition the docstring of its stub, where it has none."""
    node = ast.parse(source).body[0]
    text = (_stubs(notebook).get(name) or "").partition("\n\n")[0].replace("\n", " ")
    if not text or ast.get_docstring(node):
        return source
    margin = 8 if "." in name else 4  # a method's docstring is indented twice
    quoted = textwrap.wrap(f'"""{text}"""', LINE_LENGTH - margin)
    lines, place = source.splitlines(), node.body[0].lineno - 1
    blank = [""] if isinstance(node, ast.ClassDef) else []
    lines[place:place] = [*(f"    {line}" for line in quoted), *blank]
    return "\n".join(lines) + "\n"


# the file


@dataclass
class Chunk:
    """A statement of the file with the comments above it; `name` where it is a definition."""

    text: str
    name: str | None = None
    piece: Piece | None = None
    methods: tuple[Piece, ...] = ()

    @property
    def names(self):
        """The names that it takes from outside itself."""
        return taken_names(self.text)


def _assembled(turns, remarks, file):
    imports, chunks = Imports(), []
    for part in file.parts:
        chunks += _chunks_of(part, file, imports, turns, {chunk.name for chunk in chunks})
    chunks = _marked(_living(_with_helpers(chunks, turns)))
    imports.keep(set().union(*(chunk.names for chunk in chunks if chunk.piece is None)))
    for chunk in chunks:
        for piece in (chunk.piece, *chunk.methods):
            if piece:
                imports.add(piece.imports, taken_names(piece.source), piece.name)
    pieces = tuple(piece for chunk in chunks for piece in (chunk.piece, *chunk.methods) if piece)
    body = "\n\n\n".join(chunk.text.strip("\n") for chunk in chunks)
    body = re.sub(r"^(# ---- .* ----)\n\n\n", r"\1\n", body, flags=re.M)
    text = f"{_opening(file, pieces, imports)}\n\n{imports}\n\n{body}\n"
    text = _formatted(_tidied(text))
    return Assembled(text, pieces, (*remarks, *_too_long(file, len(text.splitlines()))))


def _marked(chunks):
    """Put a comment above the first of neighbors from one notebook that one writer wrote."""
    for whose, group in groupby(chunks, lambda chunk: chunk.piece and chunk.piece.whose):
        if whose:
            first, *rest = group
            both = [piece for chunk in (first, *rest) for piece in (chunk.piece, *chunk.methods)]
            mark = _mark([piece for piece in both if piece.whose == whose])
            first.text = f"{mark}\n{first.text}"
    return chunks


def _mark(pieces):
    """The comment above pieces of one notebook that one writer wrote."""
    notebook, kept = pieces[0].notebook, [piece.kept for piece in pieces if piece.kept]
    if not kept:
        return f"# the course's (notebook {notebook})"
    number, date = sum(turn.checks for turn in kept), max(turn.date for turn in kept)
    checks = "1 check" if number == 1 else f"{number} checks"
    return f"# yours, checked on {date}, {checks} (notebook {notebook})"


def _too_long(file, lines):
    """A remark where a file has become longer than it is meant to be."""
    if lines < file.limit:
        return []
    return [f"It is meant to stay under {file.limit} lines; with your versions it has {lines}."]


def _opening(file, pieces, imports):
    yours = sum(bool(piece.kept) for piece in pieces)
    others = [f"`{name}`" for name in imports.others if name not in ("torch", "my_llm")]
    needs = " and ".join(["PyTorch", *others])
    return f'"""{file.opening.format(needs=needs)}\n{_who(yours, len(pieces))}\n"""'


def _who(yours, parts):
    if not yours:
        return f"You have written none of its {parts} parts yet: each is the course's version."
    whose = f"all of its {parts}" if yours == parts else f"{yours} of its {parts}"
    return f"You wrote {whose} parts; a comment above each says so. The rest is the course's."


def _chunks_of(part, file, imports, turns, placed):
    """The statements of a part below a heading, its turns before its first definition.

    Its other imports are collected; a turn that is in an earlier part is only named.
    """
    source = (HERE / f"{part}.py").read_text("utf-8")
    tree, lines, chunks, named = ast.parse(source), source.splitlines(), [], set()
    title = re.sub(r"^Part (\d) of `\w+.py`: ", r"\1. ", ast.get_docstring(tree)).rstrip(".")
    for node in tree.body[1:]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            if module.startswith("classroom.turns"):
                named |= {alias.asname or alias.name for alias in node.names} - placed
            elif module.rpartition(".")[2] not in file.parts:
                ours = module.startswith("classroom")
                imports.add_node(ast.ImportFrom("my_llm", node.names, 0) if ours else node)
            continue
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)]) - 1
        while lines[first - 1].startswith("#"):
            first -= 1
        text = "\n".join(lines[first : node.end_lineno])
        name = node.name if isinstance(node, DEFINITIONS) else None
        if text.startswith("__all__"):
            continue
        if name is None and chunks and chunks[-1].name is None:
            chunks[-1].text += f"\n{text}"
        else:
            chunks.append(Chunk(text, name))
    place = 1 if chunks and chunks[0].name is None else 0
    chunks[place:place] = [_chunk(name, turns) for name in turns if name in named]
    return [Chunk(f"# ---- {title[0]}. {title[3:4].upper()}{title[4:]} ----"), *chunks]


def _chunk(name, turns):
    """A turn with the methods that are turns, each with its comment."""
    piece, methods = turns[name], []
    text = piece.source
    for full, method in turns.items():
        if full.startswith(f"{name}."):
            methods.append(method)
            mark = "" if method.whose == piece.whose else f"{_mark([method])}\n"
            text = _with_method(text, method, mark)
    return Chunk(text, name, piece, tuple(methods))


def _with_method(text, method, mark):
    """Put a method with its mark into a class, in place of an older one of its name."""
    node = ast.parse(text).body[0]
    lines, name = text.splitlines(), method.name.rpartition(".")[2]
    new = textwrap.indent(mark + method.source, "    ").rstrip().splitlines()
    for part in node.body:
        if isinstance(part, DEFINITIONS) and part.name == name:
            decorators = [decorator.lineno for decorator in part.decorator_list]
            first = min([part.lineno, *decorators]) - 1
            lines[first : part.end_lineno] = new
            return "\n".join(lines) + "\n"
    return "\n".join([*lines, "", *new]) + "\n"


def _with_helpers(chunks, turns):
    """Put each turn that another one uses right before its first use."""
    found = list(chunks)
    place = 0
    while place < len(found):
        placed = {chunk.name for chunk in found}
        chunk = found[place]
        missing = [name for name in turns if name in chunk.names - placed] if chunk.piece else []
        if missing:
            found[place:place] = [_chunk(name, turns) for name in missing[:1]]
        else:
            place += 1
    return found


def _living(chunks):
    """Leave out the turns that nothing in the file uses."""
    named = {chunk.name: chunk for chunk in chunks if chunk.name}
    living, waiting = set(), [chunk for chunk in chunks if chunk.piece is None]
    while waiting:
        for name in waiting.pop().names & named.keys() - living:
            living.add(name)
            waiting.append(named[name])
    return [chunk for chunk in chunks if chunk.piece is None or chunk.name in living]


def _tidied(text):
    """Spaces at line ends and tabs go."""
    return "\n".join(line.rstrip() for line in text.expandtabs(4).splitlines()) + "\n"


def _formatted(text):
    """The text as ruff formats it, where ruff is installed; else as it is."""
    beside = Path(sys.executable).with_name("ruff")
    ruff = str(beside) if beside.exists() else shutil.which("ruff")
    if ruff is None:
        return text
    command = [ruff, "format", "--isolated", f"--line-length={LINE_LENGTH}", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True)
    return done.stdout.decode() if done.returncode == 0 else text
