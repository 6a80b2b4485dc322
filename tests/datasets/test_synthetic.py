from collections import defaultdict
from itertools import product

import numpy as np
import pandas as pd
import pytest

from skmm.datasets import make_multimodal_classification, make_multimodal_regression
from skmm.datasets._cells import KINDS

MAKERS = [make_multimodal_classification, make_multimodal_regression]
THREE = ("text", "vector", "image")


def known_classes(decoded, n_classes, chosen, pair):
    """What can be said of the class: a label, or -1."""
    known = np.full(len(decoded[pair[0]]), -1)
    for name in chosen:
        signal = decoded[name][:, 0]
        known = np.where((signal >= 0) & (signal < n_classes), signal, known)
    if set(pair) <= set(chosen):
        first, second = (decoded[name][:, 1] for name in pair)
        told = (first >= 0) & (second >= 0) & (second < n_classes)
        known = np.where(told, (first + second) % n_classes, known)
    return known


@pytest.mark.parametrize(
    ("n_classes", "settings"),
    [
        (2, {"informative": 0.5}),
        (3, {"informative": {"text": 0.7, "vector": 0.2}, "interaction": 0.4}),
        (10, {"informative": 0.3, "interaction": 0.6, "missing": {"text": 0.3}}),
    ],
)
def test_an_ideal_decoder_scores_what_bayes_score_claims(n_classes, settings, decode):
    n = 2000
    made = make_multimodal_classification(
        n, modalities=THREE, n_classes=n_classes, random_state=1, **settings
    )
    y = made.target.to_numpy()
    decoded = {m: decode(m, made.data, n_classes + 1) for m in THREE}
    if not settings.get("interaction"):
        decoded = {m: np.where([False, True], -1, decoded[m]) for m in THREE}
    for chosen, claimed in made.bayes_score.items():
        known = known_classes(decoded, n_classes, chosen, THREE[:2])
        assert np.all((known == y) | (known == -1))
        accuracy = np.mean(np.where(known == -1, 0, known) == y)
        assert abs(accuracy - claimed) < 4 * np.sqrt(claimed * (1 - claimed) / n)


def enumerated_accuracy(chosen, names, n_classes, strength, interaction, absent):
    """Bayes accuracy from every possible observation, by brute force."""
    seen_given = [defaultdict(float) for _ in range(n_classes)]
    coins = [(True, False)] * (2 * len(names) + 1)
    for y, (*tosses, told) in product(range(n_classes), product(*coins)):
        for parts in product(range(n_classes), repeat=len(names)):
            gone, shown = tosses[: len(names)], tosses[len(names) :]
            p = interaction if told else 1 - interaction
            p /= n_classes ** len(names)
            observed = []
            for i, m in enumerate(names):
                p *= absent[m] if gone[i] else 1 - absent[m]
                p *= strength[m] if shown[i] else 1 - strength[m]
                part = parts[i]
                if i == 1 and interaction:
                    part = (y - parts[0]) % n_classes if told else n_classes
                cell = (y if shown[i] else n_classes, part)
                if m in chosen:
                    observed.append(None if gone[i] else cell)
            seen_given[y][tuple(observed)] += p
    observations = set().union(*seen_given)
    return sum(max(d[o] for d in seen_given) for o in observations) / n_classes


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("interaction", [0.0, 0.35, 1.0])
def test_bayes_accuracy_equals_its_enumeration(n_classes, interaction):
    strength = {"text": 0.6, "audio": 0.25, "vector": 0.0}
    absent = {"text": 0.1, "audio": 0.0, "vector": 0.5}
    names = tuple(strength)
    made = make_multimodal_classification(
        1,
        modalities=names,
        n_classes=n_classes,
        informative=strength,
        interaction=interaction,
        missing=absent,
        random_state=0,
    )
    assert len(made.bayes_score) == 7
    for chosen, claimed in made.bayes_score.items():
        expected = enumerated_accuracy(
            chosen, names, n_classes, strength, interaction, absent
        )
        assert claimed == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"informative": 1.0},
        {"informative": {"text": 2.0, "image": 0.5}, "interaction": 1.5},
        {"interaction": 1.0, "missing": {"vector": 0.4, "image": 0.2}, "noise": 1.0},
    ],
)
def test_an_ideal_predictor_leaves_the_variance_that_bayes_score_claims(
    settings, decode
):
    n = 2000
    made = make_multimodal_regression(n, modalities=THREE, random_state=2, **settings)
    y = made.target.to_numpy()
    weight = settings.get("informative", 1.0)
    weight = weight if isinstance(weight, dict) else dict.fromkeys(THREE, weight)
    interaction, noise = settings.get("interaction", 0.0), settings.get("noise", 0.5)
    variance = sum(a**2 for a in weight.values()) + interaction**2 + noise**2
    levels = np.array([-2, -1, 0, 1, 2, 0]) / np.sqrt(2)  # the last one: missing
    numbers = {m: levels[decode(m, made.data, 5)] for m in THREE}
    for chosen, claimed in made.bayes_score.items():
        guess = sum(weight.get(m, 0.0) * numbers[m][:, 0] for m in chosen)
        if {"text", "vector"} <= set(chosen):
            guess = (
                guess + interaction * numbers["text"][:, 1] * numbers["vector"][:, 1]
            )
        squares = (y - guess) ** 2
        bound = 4 * np.std(squares) / np.sqrt(n)
        assert abs(np.mean(squares) - (1 - claimed) * variance) < bound


def test_parts_alone_say_nothing_and_together_everything(decode):
    made = make_multimodal_classification(
        900,
        modalities=("tabular", "audio"),
        n_classes=3,
        informative=0.0,
        interaction=1.0,
        random_state=0,
    )
    y = made.target.to_numpy()
    first, second = (decode(m, made.data, 4)[:, 1] for m in ("tabular", "audio"))
    np.testing.assert_array_equal((first + second) % 3, y)
    for part in (first, second):
        shares = pd.crosstab(part, y, normalize="index").to_numpy()
        np.testing.assert_allclose(shares, 1 / 3, atol=0.12)
    expected = {("tabular",): 1 / 3, ("audio",): 1 / 3, ("tabular", "audio"): 1.0}
    assert made.bayes_score == pytest.approx(expected)


def test_two_modalities_are_worth_more_than_the_better_one():
    scores = make_multimodal_classification(1, modalities=("text", "image")).bayes_score
    assert scores["text",] == pytest.approx(0.75)
    assert scores["text", "image"] == pytest.approx(0.875)


def assert_same_cells(one, other):
    for name in one:
        for left, right in zip(one[name], other[name], strict=True):
            np.testing.assert_equal(left, right)


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_seed_makes_the_same_data_and_another_seed_other_data(make):
    one, again, other = (
        make(20, modalities=KINDS, missing=0.1, interaction=0.5, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert_same_cells(one.frame, again.frame)
    for name in one.frame:
        with pytest.raises(AssertionError):
            assert_same_cells(one.frame[[name]], other.frame[[name]])


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_leaves_numpys_generator_alone(make):
    before = np.random.get_state()  # noqa: NPY002
    make(5, modalities=KINDS, random_state=0)
    np.testing.assert_equal(np.random.get_state(), before)  # noqa: NPY002


def test_a_random_state_instance_is_advanced():
    rng = np.random.RandomState(0)
    first, second = (
        make_multimodal_regression(9, random_state=rng).target for _ in range(2)
    )
    assert not np.allclose(first, second)


@pytest.mark.parametrize("make", MAKERS)
def test_missing_empties_whole_modalities_of_the_named_ones_alone(make):
    missing = {"tabular": 0.3, "audio": 0.1}
    data = make(2000, modalities=KINDS, missing=missing, random_state=0).data
    absent = data.isna()
    assert absent["number_0"].mean() == pytest.approx(0.3, abs=0.05)
    assert absent["audio"].mean() == pytest.approx(0.1, abs=0.03)
    tabular = [name for name in data if "_" in name]
    for name in tabular:
        pd.testing.assert_series_equal(
            absent[name], absent["number_0"], check_names=False
        )
    assert not absent.drop(columns=[*tabular, "audio"]).any(axis=None)


def test_all_classes_are_equally_likely():
    y = make_multimodal_classification(
        5000, modalities=("vector",), n_classes=10, random_state=0
    ).target
    np.testing.assert_allclose(y.value_counts() / 5000, 0.1, atol=0.02)


@pytest.mark.parametrize("make", MAKERS)
def test_one_row_can_be_made(make):
    assert make(1, modalities=KINDS).data.shape == (1, 10)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_samples": 0}, "n_samples == 0, must be >= 1"),
        ({"modalities": ("text", "imgae")}, "'imgae'; did you mean 'image'"),
        ({"modalities": ("text", "smell")}, "'smell'. Known: tabular, text"),
        ({"modalities": ("text", "text")}, "each once"),
        ({"modalities": ()}, "at least one modality"),
        ({"modalities": "text"}, r"write \('text',\)"),
        ({"informative": -0.1}, "informative must be .* got -0.1"),
        ({"informative": float("nan")}, "informative must be .* got nan"),
        ({"informative": {"txt": 0.5}}, "informative names .* did you mean 'text'"),
        ({"informative": {"audio": 0.5}}, "informative names .* 'audio'"),
        ({"informative": {"text": -1}}, r"informative\['text'\] must be .* got -1"),
        ({"missing": 1.5}, "missing must be from 0 to 1, got 1.5"),
        ({"missing": {"image": 2}}, r"missing\['image'\] must be from 0 to 1, got 2"),
        ({"interaction": -1}, "interaction must be .* got -1"),
        ({"interaction": 0.5, "modalities": ("text",)}, "takes two modalities"),
    ],
)
def test_a_wrong_argument_is_named(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


@pytest.mark.parametrize("make", MAKERS)
def test_a_word_for_a_number_is_refused(make):
    with pytest.raises(TypeError, match="missing must be an instance of"):
        make(missing="often")


@pytest.mark.parametrize("n_classes", [1, 11])
def test_classes_must_be_two_to_ten(n_classes):
    with pytest.raises(ValueError, match="n_classes"):
        make_multimodal_classification(n_classes=n_classes)


def test_a_share_above_one_is_no_probability():
    with pytest.raises(ValueError, match=r"informative must be from 0 to 1, got 1\.5"):
        make_multimodal_classification(informative=1.5)


def test_an_infinite_weight_or_noise_is_refused():
    with pytest.raises(ValueError, match="informative must be 0 or more and finite"):
        make_multimodal_regression(informative=float("inf"))
    with pytest.raises(ValueError, match="noise must be 0 or more and finite"):
        make_multimodal_regression(noise=float("inf"))


def test_a_constant_target_is_refused():
    with pytest.raises(ValueError, match="the target would be constant"):
        make_multimodal_regression(informative=0, noise=0)
