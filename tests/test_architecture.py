"""Imports run one way: envs_jax <- iam_jax <- benchmarks and tests; iam_torch_ref stands alone."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "envs_jax": {"envs_jax"},
    "iam_jax": {"envs_jax", "iam_jax"},
    "iam_torch_ref": {"iam_torch_ref"},
}
OURS = {"envs_jax", "iam_jax", "iam_torch_ref", "benchmarks", "tests"}


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", [p for p in ALLOWED if (ROOT / p).is_dir()])
def test_imports_run_one_way(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        wrong = (set(imported(file)) & OURS) - ALLOWED[package]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_files_stay_small():
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            lines = len(file.read_text().splitlines())
            assert lines <= 330, f"{file.relative_to(ROOT)} has {lines} lines; split it"
