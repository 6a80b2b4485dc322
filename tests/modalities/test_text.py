import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer

from skmm.exceptions import CellError, MissingModalityWarning, ModalityError
from skmm.frame import ModalityFrame
from skmm.modalities.text import TextModality

NOTES = [
    "mild fever and dry cough",
    "no fever, no cough",
    None,
    "dry cough for 3 days; temperature 37.5",
    "Fever and chills, mild fever again",
    "   ",
]


def notes(*texts):
    return pd.DataFrame({"note": texts})


def ids(text, X):
    """The ids of each row without the padding."""
    array = text.transform(X).array
    assert array.dtype == np.int32
    return [row[row > 0].tolist() for row in array]


def test_ids_are_known_words_in_reading_order_then_pairs():
    text = TextModality(min_df=1).fit(notes("a b c b"))
    a, b, c, b_again, ab, bc, cb = ids(text, notes("a b c b"))[0]
    assert b == b_again
    assert len({a, b, c, ab, bc, cb}) == 6
    assert ids(text, notes("b a", "b c", "c b a")) == [
        [b, a],
        [b, c, bc],
        [c, b, a, cb],
    ]


@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2), (2, 2), (2, 3), (1, 4)])
def test_ngrams_are_those_of_scikit_learn(ngram_range):
    found = [note for note in NOTES if note]
    pattern = r"\d+\.\d+|\w+"
    bag = CountVectorizer(ngram_range=ngram_range, min_df=2, token_pattern=pattern)
    expected = bag.fit_transform(found)
    text = TextModality(ngram_range=ngram_range).fit(notes(*found))
    assert text.spec("note").vocabulary_size == len(bag.vocabulary_) + 1
    array = text.transform(notes(*found)).array
    counts = [np.bincount(row, minlength=len(bag.vocabulary_) + 1)[1:] for row in array]
    columns = sorted(map(tuple, np.array(counts).T))
    assert columns == sorted(map(tuple, expected.toarray().T))


def test_the_most_frequent_ngrams_are_kept_by_rows_not_by_occurrences():
    X = notes("often often often often", "both rows", "both rows", "both")
    text = TextModality(max_features=2, min_df=1, ngram_range=(1, 1)).fit(X)
    both, rows = ids(text, notes("both rows"))[0]
    assert both != rows
    assert ids(text, X)[0] == []


def test_ngrams_of_fewer_rows_than_min_df_are_unknown():
    text = TextModality(min_df=2).fit(notes("a b", "a c", "d d"))
    assert [len(row) for row in ids(text, notes("a b c d"))] == [1]


def test_no_ngram_reaches_into_the_next_row_or_column():
    X = pd.DataFrame({"title": ["a", "b"], "body": ["b", "a"]})
    text = TextModality(min_df=1).fit(X)
    assert text.spec("t").vocabulary_size == 1 + 2
    assert [len(set(row)) for row in ids(text, X)] == [2, 2]


def test_columns_of_one_row_are_read_one_after_the_other():
    two = pd.DataFrame({"title": ["a b", None], "body": ["c", "c d"]})
    text = TextModality(min_df=1, ngram_range=(1, 1)).fit(two)
    encoded = text.transform(two)
    a, b, c = encoded.array[0]
    assert encoded.array[1, 0] == c
    assert len({a, b, c}) == 3
    assert encoded.present.all()


def test_case_is_kept_when_asked():
    X = notes("Apple apple")
    assert len(set(ids(TextModality(min_df=1).fit(X), X)[0][:2])) == 1
    cased = TextModality(min_df=1, lowercase=False).fit(X)
    assert len(set(ids(cased, X)[0][:2])) == 2


def test_the_array_is_as_wide_as_the_longest_training_row_needs():
    X = notes("a b c", "a b c", "a")
    text = TextModality().fit(X)
    assert text.spec("note").shape == (5,)
    assert text.transform(notes("a b c " * 100)).array.shape == (1, 5)


def test_the_more_rows_hold_an_ngram_the_lower_its_id():
    X = notes("rare seldom often", "seldom often", "often", "often")
    text = TextModality(min_df=1, ngram_range=(1, 1)).fit(X)
    assert ids(text, notes("rare seldom often")) == [[3, 2, 1]]


@pytest.mark.parametrize("char_range", [(3, 5), (2, 2), (1, 4)])
def test_ngrams_of_characters_are_those_of_scikit_learn(char_range):
    cells = ["pfizer corp", "Pfizer", "pfiser", "a"]
    words = CountVectorizer(token_pattern=r"\w+", ngram_range=(1, 2))
    letters = CountVectorizer(analyzer="char_wb", ngram_range=char_range)
    bags = [bag.fit_transform(cells).toarray() for bag in (words, letters)]
    text = TextModality(min_df=1, char_range=char_range).fit(notes(*cells))
    array = text.transform(notes(*cells)).array
    size = text.spec("note").vocabulary_size
    counts = [np.bincount(row, minlength=size)[1:] for row in array]
    # scikit-learn lists a short word again as an n-gram with both its ends.
    expected = {tuple(column) for column in np.hstack(bags).T}
    assert {tuple(column) for column in np.array(counts).T} <= expected
    longest = sum(bag[0].sum() for bag in bags)
    assert len(ids(text, notes(cells[0]))[0]) == longest


def test_ngrams_of_characters_stand_behind_those_of_words():
    words = TextModality(min_df=1).fit(notes("ab cd"))
    both = TextModality(min_df=1, char_range=(2, 3)).fit(notes("ab cd"))
    n_words = len(ids(words, notes("ab cd"))[0])
    assert n_words == 3
    shuffled = ids(both, notes("cd ab"))[0]
    straight = ids(both, notes("ab cd"))[0]
    assert shuffled[:2] == straight[1::-1]
    assert sorted(shuffled[2:]) == sorted(straight[3:])
    assert len(straight) == n_words + 2 * (3 + 2)


CLEAN = {
    "english": "ibuprofen paracetamol amoxicillin metformin atorvastatin",
    "german": "Kopfschmerzen Rückenschmerzen Bluthochdruck Erkältung Lungenentzündung",
    "chinese": "北京大学医院 上海仁济医院 广州中山医院 成都华西医院 武汉同济医院",
}


def misspelt(name, rng):
    """Swap two neighbours or leave one out, somewhere within."""
    i = rng.integers(1, len(name) - 2)
    if rng.random() < 0.5:
        return name[:i] + name[i + 1] + name[i] + name[i + 2 :]
    return name[:i] + name[i + 1 :]


@pytest.mark.parametrize("language", CLEAN)
def test_misspelt_names_lie_nearest_to_the_right_ones(language):
    names = CLEAN[language].split()
    rng = np.random.default_rng(0)
    dirty = [misspelt(name, rng) for name in names for _ in range(20)]
    truth = np.repeat(np.arange(len(names)), 20)
    right = {}
    for chars in (None, (2, 4)):
        text = TextModality(min_df=1, char_range=chars).fit(notes(*names))
        bags = [np.zeros((len(X), 999)) for X in (names, dirty)]
        for bag, X in zip(bags, (names, dirty), strict=True):
            for row, known in zip(bag, ids(text, notes(*X)), strict=True):
                row[known] = 1 / np.sqrt(max(len(known), 1))
        near = (bags[1] @ bags[0].T).argmax(axis=1)
        right[chars] = np.mean(near == truth)
    assert right[2, 4] > 0.95
    if language != "chinese":  # whose characters are words
        assert right[None] < 0.3


def test_max_tokens_cuts_the_pairs_before_the_words():
    X = notes("a b c d", "a b c d")
    whole = TextModality().fit(X).transform(X).array
    cut = TextModality(max_tokens=5).fit(X).transform(X).array
    np.testing.assert_array_equal(cut, whole[:, :5])


@pytest.mark.parametrize("dtype", [object, "str", "category", "string[pyarrow]"])
def test_missing_empty_and_blank_texts_are_absent(dtype):
    column = pd.Series(["a b", None, np.nan, "", " \n\t", "a"], dtype=dtype)
    encoded = TextModality().fit(column.to_frame()).transform(column.to_frame())
    assert encoded.present.tolist() == [True, False, False, False, False, True]
    assert (encoded.array[1:5] == 0).all()


def test_a_text_without_a_known_word_is_present_and_empty():
    text = TextModality().fit(notes("a", "a"))
    encoded = text.transform(notes("z", "..."))
    assert encoded.present.all()
    assert (encoded.array == 0).all()


@pytest.mark.parametrize("dtype", [object, "float64", "str"])
def test_a_column_without_any_text_works(dtype):
    X = pd.DataFrame({"note": pd.Series([None, None], dtype=dtype)})
    text = TextModality().fit(X)
    encoded = text.transform(X)
    spec = text.spec("note")
    assert encoded.array.tolist() == [[0], [0]]
    assert not encoded.present.any()
    assert spec.vocabulary_size == 1
    frame = ModalityFrame({"note": encoded.array}, {"note": spec})
    assert np.asarray(frame).shape == (2, 0)
    assert text.transform(notes("later words")).present.all()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([np.nan, 5, 7]),
        pd.Series([None, 5, 7], dtype="Int64"),
        pd.Series([None, 5, "seven"], dtype=object),
        pd.Series([None, 5, 7], dtype="category"),
        pd.Series([None, True, False], dtype=object),
    ],
)
def test_numbers_are_refused_with_column_row_and_remedy(column):
    message = r"'note', row 1: .*text but holds numbers \(got (5|5.0|True)\); .*tabular"
    for on_error in ("raise", "missing"):
        with pytest.raises(ModalityError, match=message):
            TextModality().fit(column.to_frame("note"), on_error=on_error)


@pytest.mark.parametrize("cell", [b"bytes", ["a", "list"], {"a": 1}, np.zeros(2)])
def test_a_cell_that_is_no_string_is_named_or_counts_as_missing(cell):
    X = notes("fine", None, cell)
    with pytest.raises(CellError, match=r"column 'note', row 2: expected a string"):
        TextModality().fit(X)
    text = TextModality(min_df=1).fit(X, on_error="missing")
    with pytest.warns(MissingModalityWarning, match="1 of 3 cells"):
        encoded = text.transform(X, on_error="missing")
    assert encoded.present.tolist() == [True, False, False]


def test_no_rows_and_one_row_keep_the_shape():
    X = notes(*NOTES)
    text = TextModality().fit(X)
    whole = text.transform(X)
    none = text.transform(X[:0])
    assert none.array.shape == (0, whole.array.shape[1])
    assert none.present.shape == (0,)
    np.testing.assert_array_equal(text.transform(X[4:5]).array, whole.array[4:5])
    assert TextModality(min_df=1).fit(X[:1]).transform(X[:1]).array.all()


def test_training_on_no_rows_knows_nothing():
    assert TextModality().fit(notes("a")[:0]).spec("note").vocabulary_size == 1


def test_ids_stay_within_the_vocabulary_and_are_all_used():
    X = notes(*NOTES)
    text = TextModality().fit(X)
    used = set(np.unique(text.transform(X).array).tolist())
    assert used == set(range(text.spec("note").vocabulary_size))


def test_ids_do_not_depend_on_row_order_or_on_python_hashing():
    X = notes(*NOTES)
    vocabulary = TextModality().fit(X[::-1]).vocabulary_
    np.testing.assert_array_equal(TextModality().fit(X).vocabulary_, vocabulary)
    code = (
        "import pandas as pd; from skmm.modalities.text import TextModality;"
        f"X = pd.DataFrame({{'note': {NOTES!r}}});"
        "print(TextModality().fit(X).vocabulary_.tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert printed.strip() == str(vocabulary.tolist())


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"ngram_range": (2, 1)}, ValueError),
        ({"ngram_range": (0, 1)}, ValueError),
        ({"char_range": (3, 2)}, ValueError),
        ({"max_features": 0}, ValueError),
        ({"min_df": 0.5}, TypeError),
        ({"max_tokens": 0}, ValueError),
        ({"max_characters": 0}, ValueError),
    ],
)
def test_parameters_that_make_no_sense_are_named(parameters, error):
    text = TextModality(**parameters)
    with pytest.raises(error, match=next(iter(parameters))):
        text.fit(notes(*NOTES))
    with pytest.raises(NotFittedError):
        text.transform(notes(*NOTES))


def test_a_clone_keeps_parameters_and_forgets_what_was_learned():
    text = TextModality((1, 3), 100, 1, 9, False).fit(notes(*NOTES))
    assert clone(text).get_params() == text.get_params()
    assert not hasattr(clone(text), "vocabulary_")


def test_a_pickle_holds_four_bytes_an_ngram_and_gives_the_same():
    X = notes(*(f"word{i} word{i + 1}" for i in range(500)))
    text = TextModality().fit(X)
    state = pickle.dumps(text)
    assert len(text.vocabulary_) == 499
    assert len(state) < 4 * 499 + 500
    copy = pickle.loads(state)
    np.testing.assert_array_equal(copy.transform(X).array, text.transform(X).array)
    assert copy.spec("note") == text.spec("note")


def test_the_frame_is_left_as_it_was():
    X = notes(*NOTES)
    before = X.copy(deep=True)
    TextModality().fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)


def letters(text):
    return [ord(letter) - 97 for letter in text if letter.isalpha()]


def tokenized(*texts, **params):
    settings = {"tokenizer": letters, "max_features": 26, **params}
    return TextModality(**settings).fit(notes(*texts))


def test_a_tokenizer_gives_ids_that_are_larger_by_one():
    text = tokenized("ab", "zed", None, "...")
    encoded = text.transform(notes("ab", "zed", None, "..."))
    assert_array_equal(encoded.array, [[1, 2, 0], [26, 5, 4], [0, 0, 0], [0, 0, 0]])
    assert_array_equal(encoded.present, [True, True, False, False])
    spec = text.spec("note")
    assert (spec.shape, spec.dtype, spec.vocabulary_size) == ((3,), "int32", 27)


def test_ids_that_training_did_not_see_are_kept():
    assert ids(tokenized("ab"), notes("yz")) == [[25, 26]]


def test_a_tokenized_text_is_cut_to_the_longest_training_row_and_to_max_tokens():
    assert ids(tokenized("ab"), notes("abcd")) == [[1, 2]]
    assert tokenized("abcdef", max_tokens=4).n_tokens_ == 4
    assert tokenized(None, "...").n_tokens_ == 1


def test_columns_of_tokens_stand_one_behind_the_other():
    X = pd.DataFrame({"a": ["ab", None], "b": ["c", "d"]})
    text = TextModality(tokenizer=letters, max_features=26).fit(X)
    assert ids(text, X) == [[1, 2, 3], [4]]


def test_a_tokenizer_survives_cloning_and_pickling():
    text = pickle.loads(pickle.dumps(clone(tokenized("ab")).fit(notes("ab"))))
    assert ids(text, notes("ba")) == [[2, 1]]


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (str.split, r"list of whole numbers for a text, got str"),
        (lambda text: [[1]], r"got int64 of shape \(1, 1\)"),
        (lambda text: [30], "ids from 30 to 30, and max_features is 26"),
        (lambda text: [-1], "ids from -1 to -1"),
    ],
)
def test_a_tokenizer_must_return_ids(tokenizer, message):
    with pytest.raises(ModalityError, match=message):
        tokenized("a b", tokenizer=tokenizer)


@pytest.mark.parametrize("char_range", [None, (2, 3)])
def test_ids_are_led_back_to_their_words(char_range):
    X = pd.DataFrame(
        {"note": ["No Fever, no cough", None, "cough"], "more": ["fever", "", None]}
    )
    text = TextModality(min_df=1, char_range=char_range).fit(X)
    array, rows = text.transform(X).array, text.word_spans(X)
    assert [words for words, _ in rows] == [
        ["No", "Fever", "no", "cough", "fever"],
        [],
        ["cough"],
    ]
    for ids_of_row, (words, spans) in zip(array, rows, strict=True):
        assert len(spans) == (ids_of_row > 0).sum()
        for i, (first, stop) in zip(ids_of_row, spans, strict=False):
            # A text of these words alone has the id among its own.
            alone = text.transform(notes_and_nothing(" ".join(words[first:stop])))
            assert i in alone.array[0]
    assert rows[0][1][:5].tolist() == [[j, j + 1] for j in range(5)]
    assert [3, 5] not in rows[0][1].tolist()  # no pair reaches into the next column


def notes_and_nothing(text):
    return pd.DataFrame({"note": [text], "more": [None]})


def test_spans_leave_out_what_is_unknown_or_cut_off():
    text = TextModality(min_df=1, max_tokens=3).fit(notes("a b"))
    (words, spans), (many, cut) = text.word_spans(notes("a x b", "a b a b"))
    assert words == ["a", "x", "b"] and spans.tolist() == [[0, 1], [2, 3]]
    assert len(many) == 4 and cut.tolist() == [[0, 1], [1, 2], [2, 3]]


def test_ids_of_a_tokenizer_are_not_led_back():
    text = TextModality(tokenizer=letters, max_features=200).fit(notes("a b"))
    with pytest.raises(ModalityError, match="ask the tokenizer"):
        text.word_spans(notes("a b"))
