import os
from collections import Counter
from importlib.metadata import version
from pathlib import Path

# PyTorch's threads would wait for each other, on models as small as those in the tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# On a GPU that would round products of float32 matrices to TF32, whole numbers are compared all the same.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
# Most time goes into compiling programs that run for a moment; XLA_FLAGS="" tests with all optimisations.
FLAGS = ["--xla_backend_optimization_level=0"]
# XLA's older way to emit what it fuses compiles two to three times as fast; newer releases end at the flag.
if version("jaxlib").startswith("0.10."):
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
# Programs that are compiled once serve all processes of a run of the tests, and the next run.
CACHE = Path(__file__).parent.parent / ".pytest_cache" / "xla"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")


def pytest_collection_modifyitems(items):
    """The files with most slow tests come first, so that at the end no process waits for one of them."""
    files = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path], -files[item.path], str(item.path)))
