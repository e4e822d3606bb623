"""The imports of a file that is put together: collected, each once, sorted as ruff sorts them."""

import ast
import sys


class Clash(Exception):
    """A part binds a name to something else than another part does."""

    def __init__(self, name, bound):
        super().__init__(f"{name} binds {bound} to something else")
        self.name, self.bound = name, bound


class Imports:
    """Import statements by the name that each binds; `str` gives them in order.

    >>> imports = Imports()
    >>> imports.add(["import torch", "import re", "from torch import nn"], {"re", "nn"}, "gelu")
    >>> print(imports)
    import re
    <BLANKLINE>
    from torch import nn
    """

    def __init__(self):
        self.bound = {}  # name: (module, attribute or None, name as it is imported)

    def add(self, statements, names, of):
        """Add statements of the part `of`, where they bind one of the names that it uses.

        Raises Clash where such a name is bound to something else already.
        """
        for statement in statements:
            self.add_node(ast.parse(statement).body[0], names, of)

    def add_node(self, node, names=None, of=""):
        """Add one statement; with `names`, only what binds one of them."""
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                bound, target = alias.asname or alias.name, (node.module, alias.name)
            else:
                bound = alias.asname or alias.name.partition(".")[0]
                target = (alias.name if alias.asname else bound, None)  # a.b binds a
            if names is not None and bound not in names:
                continue
            before = self.bound.setdefault(bound, target)
            if _dotted(before) != _dotted(target):
                raise Clash(of, bound)

    def keep(self, names):
        """Forget the statements that bind none of these names."""
        self.bound = {name: target for name, target in self.bound.items() if name in names}

    @property
    def others(self):
        """The packages beyond the standard library, sorted."""
        packages = {module.partition(".")[0] for module, _ in self.bound.values()}
        return sorted(packages - sys.stdlib_module_names, key=lambda name: (name != "torch", name))

    def __str__(self):
        sections = {True: [], False: []}
        for bound, (module, attribute) in self.bound.items():
            standard = module.partition(".")[0] in sys.stdlib_module_names
            sections[standard].append((module, attribute, bound))
        return "\n\n".join(_section(found) for found in sections.values() if found)


def _dotted(target):
    module, attribute = target
    return f"{module}.{attribute}" if attribute else module


def _section(found):
    plain = sorted(each for each in found if each[1] is None)
    lines = [
        f"import {module}" + ("" if bound == module.partition(".")[0] else f" as {bound}")
        for module, _, bound in plain
    ]
    modules = sorted({module for module, attribute, _ in found if attribute})
    for module in modules:
        names = [each[1:] for each in found if each[0] == module and each[1]]
        # constants, classes, then the rest, as ruff does
        ordered = sorted(names, key=lambda each: (not each[0].isupper(), each[0].islower(), each))
        words = [name if name == bound else f"{name} as {bound}" for name, bound in ordered]
        lines.append(f"from {module} import {', '.join(words)}")
    return "\n".join(lines)
