import os

# PyTorch's threads would wait for each other, on models as small as those in the tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# On a GPU that would round products of float32 matrices to TF32, whole numbers are compared all the same.
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
# Most time goes into compiling programs that run for a moment; XLA_FLAGS="" tests with all optimisations.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
