"""Words are found in any script, in any number of processes."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skmm.exceptions import CellError, MissingModalityWarning
from skmm.modalities import _words
from skmm.modalities.text import TextModality


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("Don't stop—it\u2019s 5 o'clock!", ["don't", "stop", "it's", "5", "o'clock"]),
        ("37.5 °C, 1,000.25; 2024-01-31", "37.5 c 1,000.25 2024 01 31".split()),
        ("[MASK] has a mask", ["[mask]", "has", "a", "mask"]),
        ("我喜欢hello世界", ["我", "喜", "欢", "hello", "世", "界"]),
        ("ねこ neko", ["ね", "こ", "neko"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ไม่ ดี", ["ไม่", "ดี"]),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("\uff21\uff22\uff23\uff11\uff12", ["abc12"]),
        ("great😀👍", ["great", "😀", "👍"]),
        ("snake_case x1", ["snake_case", "x1"]),
        ("... !? --", []),
        ("null\0byte\ud800", ["null", "byte"]),
    ],
)
def test_tokens_are_words_in_any_script(written, tokens):
    assert _words.tokens(written, lowercase=True) == tokens


def test_accents_beyond_thirty_on_a_letter_are_left_out():
    """To order them takes hours for a megabyte: the time grows with the square."""
    accents = "\u0315\u0300" * 2_000
    assert _words.tokens("a" + accents, True) == _words.tokens("a" + accents[:30], True)
    few = "e" + "\u0301" * 30
    assert _words.tokens(few, True) == [unicodedata.normalize("NFKC", few)]


def test_longer_texts_than_accepted_are_named_or_missing():
    column = pd.Series(["four", None, "fives"], name="note", dtype=object)
    said = r"'note', row 2: .* at most 4 characters \(parameter max_characters\), got 5"
    with pytest.raises(CellError, match=said):
        _words.text_cells(column, "raise", 4)
    with pytest.warns(MissingModalityWarning, match="1 of 3 cells"):
        assert _words.text_cells(column, "missing", 4) == ["four", None, None]


def test_two_processes_read_as_one(monkeypatch):
    monkeypatch.setattr(_words, "PART", 3)
    rng = np.random.default_rng(0)
    words = np.array(["Fieber", "cough", "\u53d1\u70e7", "don't", "37.5", ""])
    notes = [" ".join(rng.choice(words, 5)) for _ in range(31)]
    X = pd.DataFrame({"note": notes, "more": [*notes[1:], None]})
    alone = TextModality(min_df=1, char_range=(2, 3)).fit(X)
    both = TextModality(min_df=1, char_range=(2, 3)).fit(X, n_jobs=2)
    assert_array_equal(alone.vocabulary_, both.vocabulary_)
    for rows in (X, X[:1], X[:0]):
        one, two = alone.transform(rows), both.transform(rows, n_jobs=2)
        assert_array_equal(one.array, two.array)
        assert_array_equal(one.present, two.present)
