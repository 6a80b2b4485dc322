import numpy as np
import pandas as pd
import pytest

from skmm.datasets._cells import ANIMALS, FRUITS, KINDS, MAX_VALUES, NEUTRAL, render


def rendered(kind, n_values, n_rows=300):
    rng = np.random.RandomState(0)
    signal, part = rng.randint(n_values, size=(2, n_rows))
    return signal, part, pd.DataFrame(render(kind, signal, part, n_values, rng))


@pytest.mark.parametrize("n_values", [2, 5, MAX_VALUES])
@pytest.mark.parametrize("kind", KINDS)
def test_signal_and_part_are_read_from_a_cell_without_error(kind, n_values, decode):
    signal, part, frame = rendered(kind, n_values)
    np.testing.assert_array_equal(
        decode(kind, frame, n_values), np.column_stack([signal, part])
    )


def test_each_kind_of_modality_has_its_columns():
    columns = {kind: list(rendered(kind, 2, 3)[2]) for kind in KINDS}
    tabular = ["number_0", "number_1", "number_2", "category_0", "category_1"]
    assert columns.pop("tabular") == tabular
    assert columns == {kind: [kind] for kind in KINDS[1:]}


def test_a_text_has_eight_to_twelve_words_and_no_word_has_two_roles():
    lengths = rendered("text", 3)[2]["text"].str.split().str.len()
    assert set(lengths) == {8, 9, 10, 11, 12}
    vocabulary = [*FRUITS, *ANIMALS, *NEUTRAL]
    assert len(set(vocabulary)) == len(vocabulary)


def test_an_image_is_a_small_colour_picture():
    for image in rendered("image", 3, 5)[2]["image"]:
        assert image.shape == (16, 16, 3)
        assert image.dtype == np.uint8


def test_a_sound_is_a_quarter_of_a_second_within_full_scale():
    for cell in rendered("audio", 3, 50)[2]["audio"]:
        assert cell["array"].shape == (1000,)
        assert cell["array"].dtype == np.float32
        assert cell["sampling_rate"] == 4000
        assert 0.3 < np.abs(cell["array"]).max() < 1


def test_series_are_ragged_and_one_value_in_twenty_is_missing():
    cells = rendered("timeseries", 3, 500)[2]["timeseries"]
    assert {cell.shape[1] for cell in cells} == {2}
    lengths = [len(cell) for cell in cells]
    assert (min(lengths), max(lengths)) == (24, 48)
    values = np.concatenate([cell.ravel() for cell in cells])
    assert np.isnan(values).mean() == pytest.approx(0.05, abs=0.01)


def test_a_vector_has_24_numbers():
    for cell in rendered("vector", 3, 5)[2]["vector"]:
        assert cell.shape == (24,)
        assert cell.dtype == np.float32
