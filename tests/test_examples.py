"""Examples run to their end, here with one epoch and fewer rows, and print tables."""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from skmm import datasets, recipes
from skmm._neural import NeuralEstimator

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run an example in an empty folder and return what it prints."""
    digits = datasets.load_spoken_digits()
    few = digits.groups.isin(digits.groups.unique()[:30])
    for key in ("data", "target", "groups"):
        digits[key] = digits[key][few].reset_index(drop=True)
    recipe = NeuralEstimator._recipe

    def short(*args, **kwargs):
        return replace(recipe(*args, **kwargs), epochs=1)

    monkeypatch.setattr(NeuralEstimator, "_recipe", short)
    monkeypatch.setattr(datasets, "load_spoken_digits", lambda: digits)
    monkeypatch.chdir(tmp_path)

    def run(name):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_all_examples_are_run():
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"quickstart"}  # .ci/run
    assert {f"test_{name}_runs" for name in names} <= set(globals())


def test_article_models_runs(run):
    lines = run("article_models").splitlines()
    assert [line.split()[0] for line in lines[2:]] == recipes.__all__


def test_homogenization_runs(run):
    printed = run("homogenization")
    assert "greedy ensemble" in printed
    assert Path("homogenization.png").stat().st_size > 10_000


def test_conformal_runs(run):
    pytest.importorskip("mapie")
    lines = run("conformal").splitlines()
    assert "by pattern" in lines[-3]
    assert lines[-1].split()[0] == "audio"
