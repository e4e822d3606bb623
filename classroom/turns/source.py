"""The source of a turn: where it is in its cell, what it imports, and whether it runs alone."""

import ast
import builtins
import linecache
import symtable
import textwrap
from dataclasses import dataclass

OURS = ("helpers", "classroom", "tools")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Written:
    """A function or class as it was written.

    `source` is without the decorator `your_turn`; `imports` are those of its cell that it uses;
    `names` are the names that it takes from outside, imports left out.
    """

    node: ast.AST
    source: str
    imports: tuple[str, ...]
    names: tuple[str, ...]


def written_in(frame, name):
    """Find the turn `name` that the frame of a cell or module is defining; None without source."""
    code = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        cell = ast.parse(code)
    except SyntaxError:
        return None
    found = [
        node
        for node in ast.walk(cell)
        if isinstance(node, DEFINITIONS) and node.name == name and decorated(node)
    ]
    here = [node for node in found if _first_line(node) <= frame.f_lineno <= node.end_lineno]
    return _written(cell, (here or found)[-1], code) if found else None


def _written(cell, node, code):
    lines = code.splitlines(keepends=True)
    kept = [other for other in node.decorator_list if not _is_your_turn(other)]
    indent = lines[node.lineno - 1][: node.col_offset]
    parts = [f"{indent}@{ast.unparse(other)}\n" for other in kept]
    parts += lines[node.lineno - 1 : node.end_lineno]
    source = textwrap.dedent("".join(parts)).rstrip("\n") + "\n"
    taken = taken_names(source)
    imports, bound = [], set()
    for statement in cell.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        for alias in statement.names:
            binds = alias.asname or alias.name.partition(".")[0]
            if binds in taken:
                bound.add(binds)
                one = type(statement)(**{**vars(statement), "names": [alias]})
                imports.append(ast.unparse(one))
    return Written(node, source, tuple(dict.fromkeys(imports)), tuple(sorted(taken - bound)))


def taken_names(source):
    """The names that a definition takes from outside itself: no arguments, locals, builtins."""
    module = symtable.symtable(source, "<turn>", "exec")
    defined = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_assigned()}
    taken, tables = set(), [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            outside = table is module or symbol.is_global()
            if outside and (symbol.is_referenced() or symbol.is_declared_global()):
                taken.add(symbol.get_name())
    return taken - defined - set(dir(builtins))


def parts_not_written(node):
    """The names of the definition, or of a class's methods, of which only the dots are there."""
    if not isinstance(node, ast.ClassDef):
        return [node.name] if _only_dots(node.body) else []
    methods = [part for part in node.body if isinstance(part, DEFINITIONS)]
    if not methods:
        return [node.name] if _only_dots(node.body) else []
    return [method.name for method in methods if _only_dots(method.body)]


def imports_of_the_course(written):
    """The modules of this project that a turn imports, in its cell or in its body."""
    modules = set()
    for tree in (ast.parse("\n".join(written.imports)), written.node):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    return sorted(name for name in modules if name.partition(".")[0] in OURS)


def _only_dots(body):
    def says_nothing(statement):
        if isinstance(statement, ast.Raise):
            return "NotImplementedError" in ast.unparse(statement)
        constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        return constant or isinstance(statement, ast.Pass)

    return all(map(says_nothing, body))


def _is_your_turn(decorator):
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", None)) == "your_turn"


def decorated(node):
    """Whether a statement defines a turn."""
    return any(map(_is_your_turn, getattr(node, "decorator_list", ())))


def _first_line(node):
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
