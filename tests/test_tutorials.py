"""The tutorials run: the Python of a page from top to bottom, and its commands as far as the parser."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

from iam_jax import evaluate, train

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TUTORIALS = ("index", "your_own_task", "tutorial_memory", "tutorial_figure", "tutorial_sweep")
"""Pages whose Python blocks belong together."""
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
QUOTED = DOCS / "paper_to_code.md"
QUOTE = re.compile(r"(\]\(\.\./iam_jax/\S+?\.py\)|^```python\n.*?^```$)", re.DOTALL | re.MULTILINE)
DETAIL = re.compile(r"\[`(\w+)`\]\(\.\./(tests/\S+\.py)\)")


def blocks(page, language):
    """The code of a page in one language, block by block."""
    return [code for found, code in BLOCK.findall(page.read_text()) if found == language]


def commands(page, module):
    """The arguments of every command of a module, without the comment behind it."""
    for block in blocks(page, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if module in words:
                yield words[words.index(module) + 1 :]


def all_commands(module):
    return [
        pytest.param(words, id=f"{page.stem}-{i}")
        for page in PAGES
        for i, words in enumerate(commands(page, module))
        if "--resume" not in words  # it would read the run, which is not there
    ]


@pytest.mark.parametrize("words", all_commands("iam_jax.train"))
def test_a_training_command_of_the_documentation_is_one_that_the_parser_takes(words, monkeypatch):
    monkeypatch.chdir(ROOT / "examples")
    train.parse([word for word in words if word != "..."])


@pytest.mark.parametrize("words", all_commands("iam_jax.evaluate"))
def test_an_evaluation_of_the_documentation_is_one_that_the_parser_takes(words):
    tyro.cli(evaluate.Options, args=words)


@pytest.mark.slow
@pytest.mark.parametrize("name", TUTORIALS)
def test_the_python_of_a_tutorial_runs_from_top_to_bottom(name, tmp_path):
    script = tmp_path / "tutorial.py"
    script.write_text("\n".join(blocks(DOCS / f"{name}.md", "python")))
    result = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples")])},
    )
    assert result.returncode == 0, result.stderr
    if name == "tutorial_memory":
        scores = [float(x) for x in re.findall(r": (-?\d\.\d\d)$", result.stdout, flags=re.MULTILINE)]
        without, iam, shown = scores
        assert abs(without) < 0.3 and iam > 0.8 and shown > 0.8, scores
    if name == "tutorial_figure":
        assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_the_lines_quoted_beside_the_paper_s_equations_are_those_of_the_code():
    file, seen = set(), 0
    for part in QUOTE.split(QUOTED.read_text()):
        if part.startswith("](../iam_jax"):
            file = {line.strip() for line in (DOCS / part[2:-1]).read_text().splitlines()}
        elif part.startswith("```python"):
            for line in part.splitlines()[1:-1]:
                assert line.strip() in file, line
                seen += 1
    assert seen > 15


def test_the_tests_named_beside_the_details_exist():
    named = DETAIL.findall((DOCS / "ppo_details.md").read_text())
    assert len(named) > 37
    for name, place in named:
        assert f"def test_{name}(" in (ROOT / place).read_text(), name
