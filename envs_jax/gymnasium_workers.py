"""Copies of a gymnasium environment, stepped by its vector environment, here or in processes of their own.

A process is a Python of its own, so that neither JAX's threads are forked nor a user's script run again. It
talks over a socket in NumPy arrays, and ends when that closes.
"""

import contextlib
import copy
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv

START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = sys.argv[2:]; "
    "from envs_jax.gymnasium_workers import serve; serve(int(sys.argv[1]))"
)
"""What a process runs. Ctrl-C is for the one that trains; what that can import, this one can import, too."""
Make = Callable[..., Any]
"""Makes one environment; takes ``render_mode`` where pictures are wanted."""


class Stepped(NamedTuple):
    """What B environments answered, NumPy arrays [B, ...]; observations may be tuples and dicts of them.

    Attributes:
      obs: The observations to act on next.
      final_obs: Those that the step led to: after an episode's end its last one.
      reward: float32.
      terminated: bool.
      truncated: bool.
      reset_step: Whether the step only began the next episode, bool.
      legal: What may be done next, bool[B, A]; None where the environment does not say.
    """

    obs: Any
    final_obs: Any
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    reset_step: np.ndarray
    legal: np.ndarray | None


class WorkerFailed(Exception):
    """A process of a simulator raised, or is gone; the message is one sentence, ``details`` its traceback."""

    def __init__(self, sentence: str, details: str = ""):
        super().__init__(sentence)
        self.details = details


class Copies:
    """Copies of an environment in this process.

    Args:
      make: Makes one of them.
      number: How many.
      mode: Whether an episode's end and the next one's beginning share a step.
    """

    def __init__(self, make: Make, number: int, mode: AutoresetMode):
        self._vector: Any = SyncVectorEnv([make] * number, autoreset_mode=mode)
        self._late = mode == AutoresetMode.NEXT_STEP
        self._over = np.zeros(number, bool)
        self._begun = False

    def reset(self, seeds: np.ndarray) -> tuple[Any, np.ndarray | None]:
        """First observations, [B, ...], and what may be done, bool[B, A] or None."""
        self._over[:], self._begun = False, True
        obs, info = self._vector.reset(seed=[int(seed) for seed in seeds])
        return obs, _legal(info)

    def step(self, actions: np.ndarray) -> Stepped:
        """One step of all."""
        space = self._vector.single_action_space
        if isinstance(space, Box):  # its entries may have bounds of their own
            actions = np.clip(actions, space.low, space.high)
        obs, reward, terminated, truncated, info = self._vector.step(actions)
        final_obs = obs
        ended = np.nonzero(info.get("_final_obs", ()))[0]
        if len(ended):
            final_obs = copy.deepcopy(obs)
            for i in ended:
                _put(final_obs, i, info["final_obs"][i])
        reset_step, self._over = self._over, (terminated | truncated) & self._late
        legal = _legal(info)
        return Stepped(obs, final_obs, reward.astype(np.float32), terminated, truncated, reset_step, legal)

    def render(self) -> np.ndarray | None:
        """A picture of the first environment, once it has begun."""
        frames = self._vector.render() if self._begun else None
        return None if not frames or frames[0] is None else np.asarray(frames[0], np.uint8)

    def close(self) -> None:
        self._vector.close()


class Worker:
    """`Copies` in a process of their own. Each method sends; `receive` waits for the answer."""

    def __init__(self, number: int):
        self.number = number
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(theirs.fileno()), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._pipe = Connection(ours.detach())

    def send(self, method: str, *arguments: Any) -> None:
        """Asks for a method of `Copies`, or with "make" for the copies themselves."""
        # A worker that is gone is noticed when its answer does not come.
        with contextlib.suppress(OSError):
            self._pipe.send_bytes(cloudpickle.dumps((method, arguments)))

    def receive(self) -> Any:
        """The answer.

        Raises:
          WorkerFailed: It is an exception, or there is none.
        """
        try:
            is_good, answer = cloudpickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
            raise WorkerFailed(f"The process of worker {self.number} {how}.") from None
        if not is_good:
            last_line = answer.strip().splitlines()[-1]
            raise WorkerFailed(f"The environment failed in worker {self.number} ({last_line}).", answer)
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Workers:
    """`Copies` shared among several processes, as one.

    Args:
      make: Makes one environment.
      number: How many there are of it.
      mode: As of `Copies`.
      processes: How many share them, as evenly as can be.
    """

    def __init__(self, make: Make, number: int, mode: AutoresetMode, processes: int):
        shares = np.array_split(np.arange(number), min(processes, number))
        self._ends = np.cumsum([len(share) for share in shares])[:-1]
        self._workers = [Worker(i) for i in range(len(shares))]
        try:
            for worker, share in zip(self._workers, shares, strict=True):
                worker.send("make", make, len(share), mode)
            self._receive()
        except BaseException:
            self.close()
            raise

    def reset(self, seeds: np.ndarray) -> tuple[Any, np.ndarray | None]:
        return _joined(self._ask("reset", seeds))

    def step(self, actions: np.ndarray) -> Stepped:
        return Stepped(*_joined(list(map(tuple, self._ask("step", actions)))))

    def render(self) -> np.ndarray | None:
        self._workers[0].send("render")
        return self._workers[0].receive()

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

    def _ask(self, method: str, values: np.ndarray) -> list[Any]:
        for worker, part in zip(self._workers, np.split(values, self._ends), strict=True):
            worker.send(method, part)
        return self._receive()

    def _receive(self) -> list[Any]:
        return [worker.receive() for worker in self._workers]


def serve(handle: int) -> None:
    """Answers what `Worker` sends over a socket, given by its number, until the other side closes."""
    pipe = Connection(handle)
    copies: Copies | None = None
    while True:
        try:
            message = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            method, arguments = cloudpickle.loads(message)
            answer: Any = (True, None)
            if method == "make":
                copies = Copies(*arguments)
            else:
                answer = (True, getattr(copies, method)(*arguments))
        except BaseException:
            answer = (False, traceback.format_exc())
        with contextlib.suppress(OSError):  # nobody waits for it any more
            pipe.send_bytes(cloudpickle.dumps(answer))


def _legal(info: dict[str, Any]) -> np.ndarray | None:
    """The action masks of a batch; of several choices, which gymnasium has in a tuple, in a row."""
    masks = info.get("action_mask")
    if masks is None:
        return None
    if isinstance(masks, np.ndarray) and masks.dtype != object:
        return masks.reshape(len(masks), -1).astype(bool)
    return np.array([np.concatenate([np.ravel(part) for part in mask]) for mask in masks]).astype(bool)


def _put(batch: Any, i: Any, one: Any) -> None:
    """Writes one observation into a batch."""
    if isinstance(batch, dict):
        for name, part in batch.items():
            _put(part, i, one[name])
    elif isinstance(batch, tuple):
        for part, theirs in zip(batch, one, strict=True):
            _put(part, i, theirs)
    else:
        batch[i] = one


def _joined(parts: list[Any]) -> Any:
    """Batches one behind the other; JAX, which has trees, would have to start in every process."""
    first = parts[0]
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, tuple):
        return tuple(_joined(list(several)) for several in zip(*parts, strict=True))
    return None if first is None else np.concatenate(parts)
