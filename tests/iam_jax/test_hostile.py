"""Hostile command lines: each ends in one sentence and status 2; no traceback, no hang, nothing written."""

import re
import signal

import pytest

from iam_jax.evaluate import main as evaluate
from iam_jax.train import main as train

NUMBERS = ("nan", "abc", "", "1e", "0x1g", "--", "None None")
WHOLE = ("-1", "1.5", "1e3", "99999999999999999999", *NUMBERS)
COUNTS = ("0", *WHOLE)
POSITIVE = ("-1", "inf", "-inf", "1e39", *NUMBERS)
SHARES = ("-0.1", "1.1", "inf", *NUMBERS)
OPTIONS = {
    **dict.fromkeys(("num-envs", "num-steps", "bptt-length", "num-epochs", "hidden", "num-seeds"), COUNTS),
    **dict.fromkeys(("eval-episodes", "final-episodes", "frame-stack", "shuffle-groups"), COUNTS),
    **dict.fromkeys(("seed", "burn-in", "num-evaluations"), WHOLE),
    **dict.fromkeys(("learning-rate", "clip", "entropy", "value-coefficient"), POSITIVE),
    **dict.fromkeys(("gamma", "gae-lambda", "flicker"), SHARES),
    "fc": ("0", "-3", "a", "1.5", "64 0", "99999999"),
    "joint": ("0", "x", "1e5"),
    "total-steps": ("0", "-5", "x", "1e6.5", "99999999999999999999999"),
    "devices": ("0", "-1", "x", "1000"),
    "distractors": WHOLE,
    "observe": ("all", "", "Hidden", "(0,2)"),
    "num-processes": ("0", "99999999999", "x"),
    "cell": ("xlstm", "", "GRU", "os:path", "no_such:Cell", "iam_jax.config:Config"),
    "layers": COUNTS,
    "window": COUNTS,
    "d-set": ("none", "", "Manual", "os:path", "no_such:D", "iam_jax.models.d_set:Manual"),
    "d-set-indices": ("-1", "73", "1 1", "x", "1.5"),
    "d-set-boxes": ("1 2 3", "x"),
    "encoder": ("atari", "resnet", "", "os:path", "no_such:E", "iam_jax.models.d_set:Identity"),
    "activation": ("gelu", ""),
    "init": ("zeros",),
    "dtype": ("float16", "int8"),
    "preset": ("slow", "", "custom"),
    "model": ("gtrxl", "", "IAM", "os:path", "no_such:M", "iam_jax.models.actor_critic:Network"),
    "env": ("warehose", "", " ", ":", "::", "a:b", "ale:", "gymnasium:", "no/such/file.py:Env", "../x.py",
            "os:system", "json:loads",
            "\u00fcmlaut", "x" * 300, "minatar-chess", "iam_jax.config:Config", "python:x.Y"),
    "env-args": ("size", "size=", "=3", "size=2", "size=1000000000", "size=-1", "size=abc", "size=7.5",
                 "lifetime=0", "lifetime=1e9", "item_probability=2", "item_probability=nan", "lifespan=3",
                 "size=9 size=9", "max_steps_in_episode=0", "max_steps_in_episode=99999999999",
                 "legacy_removal=2", "max_items=-1",
                 "size=(1,2)", "size=[", "size=" + "(" * 200, "__class__=1", "self=1"),
    "sweep": ("gamma", "gamma=", "=1", "gama=0.9", "gamma=2", "gamma=x,y", "gamma=0.9,0.90", "num-envs=2,4",
              "gamma=0.9 gamma=0.8", "env.size=5,7", "env.lifetime=0", "env.foo=1", "env.=3", "seed=1,2",
              "learning-rate=" + ",".join(map(str, range(70000)))),
    "at-once": COUNTS,
    "resume": ("", "nowhere", "/", "/proc", "\u00fcmlaut"),
    "run-dir": ("/proc/x", "/dev/null/x", "/sys/x"),
    "init-from": ("nowhere", "/"),
    "coordinator": ("localhost", "localhost:0", "localhost:99999", "auto"),
    "checkpoint-interval": ("-1", "nan", "inf", "x"),
}  # fmt: skip
LINES = [f"--{option} {value}" for option, values in OPTIONS.items() for value in values]
OTHERS = [
    "--num-minibatches 7",
    "--num-minibatches 0",
    "--bptt-length 3",
    "--gae-horizon 5",
    "--num-env 4",
    "--env CartPole-v1 --preset paper",
    "--env CartPole-v1 --env-args max_steps_in_episode=abc",
    "--env CartPole-v1 --env-args gravity=heavy",
    "--env MetaMaze-misc --env-args maze_size=8",
    "--env FourRooms-misc --env-args goal_fixed=3",
    "--env DiscountingChain-bsuite --env-args n_actions=abc",
    "--env DeepSea-bsuite --env-args size=0",
    "--env DeepSea-bsuite --env-args size=1000000",
    "--env Catch-bsuite --env-args rows=0",
    "--env UmbrellaChain-bsuite --env-args n_distractor=-5",
    "--env CartPole-v1 --env-args observe=(0,9)",
    "--env brax:nothing",
    "--env tmaze --env-args length=0",
    "--env redbluedoors-8x8 --cell lru --d-set dynamic",
    "--cell gtrxl --hidden 30",
    "--env minatar-breakout --env-args x=1",
    "--env traffic --preset best",
    "--env traffic --env-args num_cars=9",
    "--env traffic --env-args sigma=2",
    "--env redbluedoors-8x8 --env-args observation=colour",
    "--env pong --env-args frame_skip=1",
    "--env pong --distractors 4",
    "--env memory-s7 --observe hidden",
    "--observe hidden --flicker 0.5",
    "--model fnn --hidden 5",
    "--model fnn --d-set static",
    "--model rnn --heads 2",
    "--seed 2147483647 --num-seeds 2",
    "--num-seeds 2147483647",
    "--num-envs 1048576 --num-steps 1024 --bptt-length 8",
    "--hidden 65536 --fc 65536",
    "--process-id 1",
    "--coordinator localhost:1234",
    "--resume nowhere --run-dir x",
    "positional",
]
EVALUATE = [
    "",
    "--checkpoint nowhere",
    "--checkpoint /",
    "--checkpoint nowhere --episodes 0",
    "--checkpoint nowhere --episodes x",
    "--checkpoint nowhere --which first",
    "--checkpoint nowhere --simulator doom",
    "--checkpoint nowhere --seed x",
]


@pytest.fixture(autouse=True)
def alarm(tmp_path, monkeypatch):
    """A command that hangs is ended; what it writes goes into a folder of its own."""

    def ring(*_):
        raise AssertionError("the command hangs")

    monkeypatch.chdir(tmp_path)
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_there_are_enough_of_them():
    assert len({*LINES, *OTHERS, *EVALUATE}) >= 300


@pytest.mark.parametrize("line", [*LINES, *OTHERS])
def test_a_hostile_training_command_is_refused(line, capsys, tmp_path):
    option, _, value = line.partition(" ")
    arguments = [option, value] if line in LINES and " " not in value.strip() else line.split(" ")
    output = refused(train, arguments, capsys)
    assert not any(tmp_path.iterdir()), f"something was written: {list(tmp_path.rglob('*'))}"
    if re.fullmatch(r"[\d,]{9,}", value):
        assert "at least" not in output, "a lower limit is reported for an upper one"


@pytest.mark.parametrize("line", EVALUATE)
def test_a_hostile_evaluation_is_refused(line, capsys):
    refused(evaluate, line.split(), capsys)


def refused(command, arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        command(arguments)
    output = "".join(capsys.readouterr())
    assert exit_.value.code == 2, output
    assert "Traceback" not in output and len(output) > 10, output
    return output
