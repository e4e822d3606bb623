"""The door: what README says about the course is so; lectures.yaml and the page made from it."""

import ast
import re
import tomllib

import nbformat
import pytest
import yaml

import course
from helpers.chat import course_chat
from tools import lectures, notes, repo
from tools.lectures import ROOT, read_map
from tools.notebook_parts import repository

README = (ROOT / "README.md").read_text("utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ROW = re.compile(r"^\| \[(\d\d) .+?\]\(notebooks/(\S+)\.ipynb\) \| (.+?) \|", re.MULTILINE)


def block(words):
    """README's fenced block that holds these words."""
    (found,) = [text for text in re.findall(r"```\n(.*?)```", README, re.DOTALL) if words in text]
    return found


# ---- lectures.yaml and its page ----------------------------------------------------------------


def test_every_lecture_is_there_once():
    ground, *every = [lecture for lecture in read_map() if not lecture.beyond]
    assert [lecture.number for lecture in every] == [f"{number:02d}" for number in range(1, 44)]
    assert (ground.number, ground.video, ground.title) == ("00", "", "The ground")
    for field in ("title", "video_title", "video", "note"):
        values = [getattr(lecture, field) for lecture in every]
        assert len(set(values)) == 43 and all(values), field


def test_notes_beyond_the_lectures_follow_them():
    beyond = [lecture for lecture in read_map() if lecture.beyond]
    numbers = [int(lecture.number) for lecture in beyond]
    assert numbers == list(range(44, 44 + len(beyond))) and beyond
    for lecture in beyond:
        assert lecture.heading == f"Note {lecture.number} · {lecture.title}"
        assert lecture.notebook and not lecture.video


def test_every_module_of_a_lecture_exists():
    missing = [
        f"lecture {lecture.number}: {module}"
        for lecture in read_map()
        for module in lecture.modules
        if not (ROOT / module).exists()
    ]
    assert not missing, missing


def test_the_page_of_lectures_is_up_to_date():
    page = (ROOT / lectures.INDEX).read_text("utf-8")
    assert page == lectures.index(), "run: python3 course.py notebooks --no-run"


ENTRY = """
- number: 7
  title: Words
  video_title: Code a tokenizer
  video: https://example.com/7
  notebook: 02_words
  note: 07_words.md
  modules: [helpers/bpe, helpers/texts/loaders.py]
- {number: 8, title: All, video_title: V, video: w, notebook: null, note: 08.md, modules: []}
"""


def test_the_page_links_what_exists(tmp_path):
    (tmp_path / "lectures.yaml").write_text(ENTRY, "utf-8")
    (tmp_path / "lecture_notes").mkdir()
    bare = lectures.index(tmp_path)
    video = "[Code a tokenizer](https://example.com/7)"
    modules = "[`bpe`](../helpers/bpe), [`loaders`](../helpers/texts/loaders.py)"
    assert f"| 07 | Words | {video} | not written yet | {modules} |\n" in bare
    assert bare.endswith("| 08 | All | [V](w) |  |  |\n")
    (tmp_path / "lecture_notes" / "07_words.md").write_text("# A note", "utf-8")
    (tmp_path / "notebooks").mkdir()
    notebook = tmp_path / "notebooks" / "02_words.ipynb"
    notebook.write_text('"# 02"', "utf-8")
    assert "| [Words](07_words.md) |" in lectures.index(tmp_path)
    assert "| [02_words](../notebooks/02_words.ipynb) |" in lectures.index(tmp_path)
    notebook.write_text('"## Lecture 07 · Words"', "utf-8")
    lectures.write_index(tmp_path)
    page = (tmp_path / lectures.INDEX).read_text("utf-8")
    assert "(../notebooks/02_words.ipynb#Lecture-07-·-Words)" in page


# ---- README ------------------------------------------------------------------------------------


def test_readme_has_a_row_for_each_notebook():
    rows = {stem: (number, said) for number, stem, said in ROW.findall(README)}
    assert sorted(rows) == [path.stem for path in NOTEBOOKS]
    for stem, (number, said) in rows.items():
        taught = {
            int(lecture.number)
            for lecture in read_map()
            if lecture.notebook == stem and not lecture.beyond
        }
        assert stem.startswith(number)
        if lectures.beyond(stem):
            assert said == "beyond" and not taught
            continue
        ranges = [list(map(int, part.split("–"))) for part in said.split(", ")]
        assert taught == {n for part in ranges for n in range(part[0], part[-1] + 1)}, stem


def test_readme_names_files_that_exist():
    parents, wrong = {}, []
    for line in block("helpers/  ").splitlines():
        marks, name = re.match(r"([│├└─ ]*)(\S+)", line).groups()
        depth = len(marks) // 4
        parents[depth] = name
        path = ROOT.joinpath(*(parents[level] for level in range(depth + 1)))
        if not (path.is_dir() if name.endswith("/") else path.is_file()):
            wrong.append(name)
    assert len(parents) > 1 and not wrong, wrong


def test_readme_names_commands_that_exist():
    named = set(re.findall(r"course\.py ([a-z]+)", README))
    assert {"lab", "test"} <= named <= {name for name, _, _ in course.COMMANDS}


def test_readme_shows_what_the_chat_model_says():
    asked = 0
    chat = course_chat()
    for question, answer in re.findall(r"^You: (.+)\n(.+)$", block("You: "), re.MULTILINE):
        if question == "/reset":
            chat.reset()
            continue
        asked += 1
        assert chat.respond(question) == answer
    assert asked >= 3


def test_readme_tells_what_the_chat_model_does_not_refuse():
    assert "capital of France, it answers with a sentence about matrices" in README
    assert course_chat().respond("What is the capital of France?").startswith("Matrix")


def test_readme_estimates_the_work_from_what_there_is():
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(str(path), 4).cells]
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    texts = [(ROOT / "lecture_notes" / lecture.note).read_text("utf-8") for lecture in read_map()]
    calls = [node for source in code for node in ast.walk(ast.parse(source))]
    there = {
        r"notebooks have ([\d,]+) words": sum(
            len(cell.source.split()) for cell in cells if cell.cell_type == "markdown"
        ),
        r"([\d,]+) lines of\s+code": sum(len(source.splitlines()) for source in code),
        r"([\d,]+) exercises": sum(
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check" for node in calls
        ),
        r"notes have ([\d,]+) words": sum(map(notes.count_words, texts)),
        r"([\d,]+) interview questions": sum(len(notes.QUESTION.findall(text)) for text in texts),
    }
    for pattern, count in there.items():
        said = int(re.search(pattern, README)[1].replace(",", ""))
        assert said == pytest.approx(count, rel=0.1), pattern


def test_readme_says_where_to_get_the_course():
    assert repo.with_clone_lines(README, repository()) == README, "run: python3 course.py repo"


def test_the_clone_lines_come_and_go():
    start, end = repo.MARKS
    readme = f"# Title\n\n{start}{end}\n## Next\n"
    without = repo.with_clone_lines(readme, "")
    published = repo.with_clone_lines(without, "https://github.com/ann/course")
    assert "git clone https://github.com/ann/course.git\ncd course\n" in published
    assert "git clone" not in without and without.endswith("\n\n" + end + "\n## Next\n")
    assert repo.with_clone_lines(published, "") == without
    for broken in (start, f"{start}{start}{end}", f"{end}"):
        with pytest.raises(ValueError, match="README"):
            repo.with_clone_lines(broken, "")


def test_repo_changes_nothing_where_readme_has_no_place_for_it(tmp_path, capsys):
    (tmp_path / "pyproject.toml").write_text('repository = ""\n', "utf-8")
    (tmp_path / "README.md").write_text("# Title\n", "utf-8")
    assert repo.main(["ann/course"], tmp_path) == 1
    assert "README" in capsys.readouterr().err
    assert (tmp_path / "pyproject.toml").read_text("utf-8") == 'repository = ""\n'


# ---- the other files at the root ---------------------------------------------------------------


def test_the_citation_names_the_course_as_elsewhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == project["license"]
    assert README.startswith(f"# {citation['title']}\n")
    (author,) = (author["name"] for author in citation["authors"])
    assert author in (ROOT / "LICENSE").read_text("utf-8")


def test_no_job_of_the_workflow_may_write():
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert not [name for name, job in workflow["jobs"].items() if "permissions" in job]
    assert [name for name, job in workflow["jobs"].items() if "timeout-minutes" not in job] == []


def test_pre_commit_fetches_no_other_repository():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {source["repo"] for source in hooks["repos"]} == {"local"}
