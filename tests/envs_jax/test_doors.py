"""How environments of other people come in: by place, by name, as objects; and what each refusal says."""

import importlib.metadata
import sys
import textwrap

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs_jax
from envs_jax import registry, spaces
from envs_jax.environment import Environment, EnvParams, EnvState

COIN = '''
import jax, jax.numpy as jnp
from envs_jax import Environment, EnvParams, EnvState, spaces
from neighbour import LENGTH

class Coin(Environment):
    """Guess a coin that is never shown."""

    def __init__(self, length=LENGTH):
        self.length = length

    @property
    def default_params(self):
        return EnvParams(max_steps_in_episode=self.length)

    def begin(self, key, params):
        return EnvState(time=jnp.int32(0))

    def advance(self, key, state, action, params):
        return state.replace(time=state.time + 1), jax.random.bernoulli(key).astype(float)

    def observe(self, state, params):
        return jnp.ones(SHAPE)

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(0.0, 1.0, (2,))

def make_coin(length=4):
    return Coin(length)

def broken():
    raise RuntimeError("no coins left")

SHAPE = 2
number = 5
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package of one's own, installed nowhere."""
    (tmp_path / "neighbour.py").write_text("LENGTH = 7\n")
    (tmp_path / "coins.py").write_text(COIN)
    (tmp_path / "wrong.py").write_text(COIN.replace("SHAPE = 2", "SHAPE = 3"))
    (tmp_path / "syntax.py").write_text("def f(:\n")
    (tmp_path / "raises.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("coins", "wrong", "syntax", "raises", "neighbour"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.slow
def test_a_class_comes_in_by_module_and_by_file_with_its_arguments(folder, monkeypatch):
    for name in ("coins:Coin", f"{folder}/coins.py:Coin", "coins:make_coin"):
        env, params = envs_jax.make(name, length=5)
        assert isinstance(env, Environment) and params.max_steps_in_episode == 5
    monkeypatch.chdir(folder)
    assert envs_jax.make("./coins.py:Coin")[1].max_steps_in_episode == 7
    sys.path.remove(str(folder))
    again, _ = envs_jax.make(f"{folder}/coins.py:Coin")
    assert type(again) is type(envs_jax.make("./coins.py:Coin")[0]), "one file is two modules"
    assert str(folder) not in sys.path


def test_files_of_one_name_in_two_folders_are_two_modules(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "coins.py").write_text(COIN.replace("LENGTH", "9").replace("from neighbour import 9", ""))
    lengths = [envs_jax.make(f"{f}/coins.py:Coin")[1].max_steps_in_episode for f in (folder, other)]
    assert lengths == [7, 9]


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("{folder}/none.py:Coin", {}, "There is no file"),
        ("{folder}/coins.py:Con", {}, "did you mean Coin"),
        ("coins:number", {}, "builtins.int is no environment"),
        ("coins:broken", {}, "coins:broken cannot be made (RuntimeError: no coins left in coins.py, line"),
        (
            "coins:Coin",
            {"size": 3},
            "cannot be called so (got an unexpected keyword argument 'size'): it takes",
        ),
        ("no_such_module:Coin", {}, "There is no module 'no_such_module'"),
        ("syntax:Coin", {}, "SyntaxError"),
        ("{folder}/syntax.py:Coin", {}, "in syntax.py, line 1"),
        ("raises:Coin", {}, "no_such_package"),
        ("wrong:Coin", {}, "wrong:Coin: reset: observation has shape (3,), its space (2,)"),
        ("{folder}/wrong.py:Coin", {}, "wrong.py:Coin: reset: observation has shape (3,)"),
        ("a b:c", {}, "is no place of an environment"),
        (":", {}, "is no place of an environment"),
    ],
)
def test_what_cannot_come_in_is_named_in_one_sentence(folder, name, arguments, sentence):
    with pytest.raises(ValueError, match=r".") as error:
        envs_jax.make(name.format(folder=folder), **arguments)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_registered_name_is_made_and_suggested(folder, monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    import coins

    envs_jax.register("my-coin", coins.Coin)
    assert envs_jax.make("my-coin", length=3)[1].max_steps_in_episode == 3
    with pytest.raises(ValueError, match="Did you mean my-coin"):
        envs_jax.make("my-coim")
    for name in ("warehouse", "a:b", " "):
        with pytest.raises(ValueError, match=r"already|must not be empty"):
            envs_jax.register(name, coins.Coin)


def test_an_installed_package_offers_its_environments(folder, monkeypatch):
    point = importlib.metadata.EntryPoint("their-coin", "coins:Coin", registry.ENTRY_POINTS)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    assert envs_jax.make("their-coin", length=6)[1].max_steps_in_episode == 6
    with pytest.raises(ValueError, match="Did you mean their-coin"):
        envs_jax.make("their-coins")


class Coin(Environment):
    default_params = EnvParams(max_steps_in_episode=5)

    def begin(self, key, params):
        return EnvState(time=jnp.int32(0))

    def advance(self, key, state, action, params):
        return state.replace(time=state.time + 1), jnp.float32(1)

    def observe(self, state, params):
        return jnp.zeros(1)

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(0.0, 1.0, (1,))


@pytest.mark.slow
def test_objects_of_every_kind_are_adapted():
    import gymnax

    long = EnvParams(max_steps_in_episode=9)
    assert envs_jax.adapt(Coin())[1].max_steps_in_episode == 5
    assert envs_jax.adapt(Coin)[1].max_steps_in_episode == 5
    assert envs_jax.adapt(lambda: (Coin(), long))[1] is long
    assert envs_jax.adapt((Coin(), long))[1] is long
    cartpole, params = gymnax.make("CartPole-v1")
    for thing in (cartpole, (cartpole, params), lambda: cartpole):
        env, found = envs_jax.adapt(thing)
        assert isinstance(env, Environment) and found == params
    for thing in (gymnasium.make("CartPole-v1"), lambda: gymnasium.make("CartPole-v1")):
        env, params = envs_jax.adapt(thing)
        assert env.external and params.max_steps_in_episode == 500


@pytest.mark.parametrize("thing", [5, "warehouse", None, object(), dict, (1, 2)])
def test_what_is_no_environment_is_told_what_would_be_one(thing):
    with pytest.raises(ValueError, match=r"is no environment: hand over an envs_jax\.Environment"):
        envs_jax.adapt(thing)


GYMNAX = [
    ("CartPole-v1", {"max_steps_in_episode": "x"}, "must be like its default 500"),
    ("CartPole-v1", {"max_steps_in_episode": 0}, "must be from 1 to"),
    ("CartPole-v1", {"speed": 1}, "there is no 'speed' (but max_steps_in_episode, gravity"),
    ("MetaMaze-misc", {"maze_size": 8}, "gymnax cannot make 'MetaMaze-misc' maze_size=8"),
    ("FourRooms-misc", {"goal_fixed": 3}, "gymnax cannot make"),
    ("DiscountingChain-bsuite", {"n_actions": "abc"}, "gymnax cannot make"),
    ("DeepSea-bsuite", {"size": 0}, "gymnax cannot make"),
    ("DeepSea-bsuite", {"size": 1_000_000}, "size must be at most 10,000"),
    ("Catch-bsuite", {"rows": 0}, "gymnax cannot make"),
    ("UmbrellaChain-bsuite", {"n_distractor": -5}, "gymnax cannot make"),
]


@pytest.mark.parametrize(("name", "arguments", "sentence"), GYMNAX)
def test_what_gymnax_would_raise_is_said_in_one_sentence(name, arguments, sentence):
    with pytest.raises(ValueError, match=r".") as error:
        envs_jax.make(name, **arguments)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_field_of_gymnax_params_is_an_argument():
    env, params = envs_jax.make("CartPole-v1", max_steps_in_episode=50, gravity=5.0)
    assert (params.max_steps_in_episode, params.gravity) == (50, 5.0) and env.default_params == params


def test_what_must_be_downloaded_says_so():
    try:
        envs_jax.make("MNISTBandit-bsuite")
    except ValueError as error:
        assert "downloads MNIST" in str(error) and "network" in str(error)


@pytest.mark.slow
def test_gymnax_figures_are_closed_once_they_are_drawn():
    from matplotlib import pyplot as plt

    env, params = envs_jax.make("Pong-misc")
    _, state = env.reset(jax.random.key(0), params)
    picture = env.render(state, params)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert not plt.get_fignums(), "a figure stays open"


def test_importing_the_package_needs_no_jax(monkeypatch):
    import subprocess

    code = textwrap.dedent("""
        import sys, envs_jax, iam_jax
        heavy = {"jax", "gymnax", "gymnasium", "flax", "matplotlib"} & set(sys.modules)
        sys.exit(f"imported: {heavy}" if heavy else 0)
    """)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


class Unmakeable(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        raise RuntimeError("no engine")


class Uncopied(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def __deepcopy__(self, memo):
        raise TypeError("a window cannot be copied")


@pytest.mark.parametrize(
    ("thing", "sentence"), [(Unmakeable, "no engine"), (Uncopied(), "a window cannot be copied")]
)
def test_a_gymnasium_environment_that_cannot_be_made_again_is_named(thing, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        envs_jax.adapt(thing)
    assert type(thing).__name__ in str(error.value) or "Unmakeable" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_has_the_name_of_something_checked_before_is_checked_itself():
    class Short(Coin):
        def observe(self, state, params):
            return jnp.zeros(2)

    envs_jax.adapt(lambda: Coin())
    with pytest.raises(ValueError, match="observation has shape"):
        envs_jax.adapt(lambda: Short())
