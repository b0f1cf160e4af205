"""Imports run one way: envs_jax <- iam_jax <- benchmarks and tests; iam_torch_ref stands alone."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "envs_jax": {"envs_jax"},
    "iam_jax": {"envs_jax", "iam_jax"},
    "iam_torch_ref": {"iam_torch_ref"},
}
CROSSINGS = {
    # Environments and checkpoints for the command lines, and the comparison itself.
    "iam_torch_ref/bridge.py": {"iam_jax", "envs_jax"},
    **{
        f"iam_torch_ref/parity/{part}.py": {"iam_jax", "envs_jax"}
        for part in ("cases", "checks", "learning", "mass")
    },
}
READ_ALONE = ("config", "model", "maps", "gae", "loss", "policies", "recurrences", "update", "initialise")
"""Modules of the PyTorch reference that import torch and nothing else that is not Python's own."""
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
        name = str(file.relative_to(ROOT))
        wrong = (set(imported(file)) & OURS) - ALLOWED[package] - CROSSINGS.get(name, set())
        assert not wrong, f"{name} imports {wrong}"


@pytest.mark.parametrize("module", READ_ALONE)
def test_the_pytorch_reference_needs_torch_alone(module):
    found = set(imported(ROOT / "iam_torch_ref" / f"{module}.py")) - set(sys.stdlib_module_names)
    assert found <= {"torch", "iam_torch_ref"}


def modules(package):
    """Module -> modules of the same package that it imports, also inside functions."""
    files = {".".join(f.relative_to(ROOT).with_suffix("").parts): f for f in (ROOT / package).rglob("*.py")}
    found = {}
    for name, file in files.items():
        names = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        found[name] = (names & set(files)) - {name}
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_no_module_needs_itself_by_way_of_others(package):
    imports, left = modules(package), None
    while left != set(imports):  # what imports nothing that is left is in no circle
        left = set(imports)
        imports = {name: wanted & left for name, wanted in imports.items() if wanted & left}
    assert not imports, f"a circle among {sorted(imports)}"


FOREIGN = {
    "gymnax": {"envs_jax/gymnax.py", "envs_jax/minatar.py"},
    "gymnasium": {f"envs_jax/gymnasium{part}.py" for part in ("", "_spaces", "_view", "_workers")},
    "ale_py": {"envs_jax/atari/ale.py", "envs_jax/atari/original.py", "envs_jax/atari/agreement.py"},
    "brax": {"envs_jax/brax.py"},
    "craftax": {"envs_jax/craftax.py"},
    "navix": {"envs_jax/navix.py"},
    "popgym_arcade": {"envs_jax/popgym_arcade.py"},
    "libsumo": {"envs_jax/traffic/sumo.py"},
}
"""Suite of somebody else's -> the files that may import it."""


@pytest.mark.parametrize("suite", FOREIGN)
def test_a_foreign_suite_stays_behind_its_door(suite):
    files = [f for package in ("envs_jax", "iam_jax") for f in (ROOT / package).rglob("*.py")]
    users = {str(file.relative_to(ROOT)) for file in files if suite in set(imported(file))}
    assert users <= FOREIGN[suite]


def test_files_stay_small():
    for package in ALLOWED:
        for file in (ROOT / package).rglob("*.py"):
            lines = len(file.read_text().splitlines())
            assert lines <= 330, f"{file.relative_to(ROOT)} has {lines} lines; split it"
