# One door for what must hold: locally, in the pre-commit hook and in CI.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.PHONY: check test example bench

check:  ## style, types, spelling, doctests
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m codespell_lib
	$(PYTHON) -m pytest -q -p no:cacheprovider --doctest-modules skmm

test:  ## the whole suite on two cores
	$(PYTHON) -m pytest -n 2

example:  ## the main job
	$(PYTHON) examples/quickstart.py

bench:  ## accuracy on real data; DATA=folder of datasets
	$(PYTHON) benchmarks/accuracy.py --data $(or $(DATA),../shared/data)
