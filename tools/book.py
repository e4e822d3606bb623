"""`course.py book`: the notes and notebooks as a website and the notes as a PDF, in build/book/.

The notebooks are not run again: the pages show the outputs they were committed with.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from tools import book_assets, book_pages
from tools.lectures import ROOT
from tools.terminal import run_command

STYLE = Path(__file__).parent / "book_style"
TITLE = "Build a large language model from scratch"

CONF = "from tools.book import settings\n\nglobals().update(settings())\n"


def settings() -> dict:
    """What Sphinx is told. No address of another host is among it."""
    return {
        "project": TITLE,
        "html_title": TITLE,
        "extensions": ["myst_nb"],
        "exclude_patterns": ["LICENSE"],
        "html_theme": "furo",
        "html_static_path": [str(STYLE)],
        "html_css_files": ["site.css"],
        "html_favicon": str(STYLE / "icon.svg"),
        "html_copy_source": False,
        "html_show_copyright": False,
        "html_show_sphinx": False,
        "templates_path": [],
        "pygments_style": "friendly",
        "pygments_dark_style": "github-dark",
        "mathjax_path": "mathjax/es5/tex-svg.js",
        "mathjax3_config": {"options": {"enableMenu": False}},
        "myst_enable_extensions": ["dollarmath"],
        "myst_dmath_double_inline": False,
        "myst_heading_anchors": 4,
        "myst_heading_slug_func": "tools.book_pages.slug",
        "nb_execution_mode": "off",
        "nb_merge_streams": True,
        "nb_ipywidgets_js": {},
        "suppress_warnings": ["mystnb.unknown_mime_type"],
    }


def build_site(source: Path, site: Path) -> list[str]:
    """Run Sphinx over the staged pages; returns its warnings."""
    from io import StringIO

    from sphinx.application import Sphinx

    said = StringIO()
    shutil.rmtree(site, ignore_errors=True)
    (source / "conf.py").write_text(CONF, "utf-8")
    app = Sphinx(
        str(source),
        str(source),
        str(site),
        str(source.parent / "doctrees"),
        "html",
        status=None,
        warning=said,
        freshenv=True,
    )
    app.build(force_all=True)
    return re.sub(r"\x1b\[[\d;]*m", "", said.getvalue()).splitlines()


def main(arguments=None, root=ROOT) -> int:
    parser = argparse.ArgumentParser(prog="course.py book", description=__doc__)
    parser.add_argument("--no-pdf", action="store_true", help="the website only")
    options = parser.parse_args(arguments)
    build = root / "build" / "book"
    site = build / "site"
    try:
        archive = book_assets.fetch(book_assets.MATHJAX, book_assets.cache_folder())
    except book_assets.Unreachable as error:
        print(f"course.py book: {error}", file=sys.stderr)
        return 1
    parts = book_pages.stage(build / "source", root)
    warnings = build_site(build / "source", site)
    book_assets.unpack(book_assets.MATHJAX, archive, site / "_static" / "mathjax")
    if warnings:
        print("\n".join(warnings), file=sys.stderr)
    print(f"{sum(len(names) for _, names in parts)} pages: {site / 'index.html'}")
    if options.no_pdf:
        return 1 if warnings else 0
    from tools import book_pdf

    failed = book_pdf.main(site, build / "notes.pdf", TITLE)
    return 1 if failed or warnings else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
