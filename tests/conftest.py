import os

# PyTorch's threads would wait for each other, on models as small as those in the tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
