"""Settings that must stand before scikit-learn and TensorFlow are imported."""

import os

# Without it scikit-learn skips its own check_array_api_input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# TensorFlow logs its build flags to stderr on import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
