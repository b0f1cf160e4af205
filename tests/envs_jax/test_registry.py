import subprocess
import sys

import pytest

import envs_jax


def test_unknown_name_lists_near_misses():
    with pytest.raises(ValueError, match=r"Unknown environment 'warehose'.*Did you mean warehouse"):
        envs_jax.make("warehose")


def test_name_like_nothing_lists_what_there_is():
    with pytest.raises(ValueError, match="Known: warehouse, mini-warehouse"):
        envs_jax.make("zzzzzz")


def test_unknown_argument_is_named():
    with pytest.raises(ValueError, match="lifespan"):
        envs_jax.make("warehouse", lifespan=3)


def test_impossible_size_is_refused():
    with pytest.raises(ValueError, match="at least 3 x 3"):
        envs_jax.make("warehouse", size=2)


@pytest.mark.slow
def test_our_environments_do_not_import_gymnax():
    code = "import envs_jax, sys; envs_jax.make('warehouse'); sys.exit('gymnax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
