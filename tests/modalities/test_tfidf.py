"""TfidfModality: text as a few dense numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from skmm import ModalityTransformer
from skmm.exceptions import ModalityError
from skmm.modalities.tfidf import TfidfModality

NOTES = ["mild fever", "dry cough and fever", "no fever", "mild cough", "a dry cough"]


def notes(*texts):
    return pd.DataFrame({"note": pd.Series(texts, dtype=object)})


def test_angles_between_rows_are_those_of_tf_idf_when_all_components_are_kept():
    X = notes(*NOTES)
    array = TfidfModality(min_df=1).fit(X).transform(X).array
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+"
    )
    weights = vectorizer.fit_transform(NOTES).toarray()
    size = np.linalg.norm(array, axis=1)
    np.testing.assert_allclose(size, size[0], rtol=1e-4)  # rows of one length
    unit = array / size[0]
    np.testing.assert_allclose(unit @ unit.T, weights @ weights.T, atol=1e-5)
    assert np.mean(array**2) == pytest.approx(1, abs=1e-5)


def test_fewer_components_keep_what_differs_most():
    X = notes(*NOTES)
    whole = TfidfModality(min_df=1).fit(X).transform(X).array
    few = TfidfModality(2, min_df=1).fit(X).transform(X).array
    assert few.shape == (5, 2)
    ratio = few[:, 0] / whole[:, 0]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_rows_without_text_are_absent_and_do_not_count():
    X = notes("a b", None, "", "a c")
    encoded = TfidfModality(min_df=1).fit(X).transform(X)
    assert encoded.present.tolist() == [True, False, False, True]
    assert not encoded.array[1:3].any()


@pytest.mark.parametrize("texts", [(None, None), ("...", "!"), ("a", "b"), ()])
def test_texts_without_known_terms_give_no_numbers(texts):
    tfidf = TfidfModality().fit(notes(*texts))
    assert tfidf.spec("note").shape == (0,)
    assert tfidf.transform(notes("later words")).array.shape == (1, 0)


def test_no_ngram_reaches_into_the_next_column():
    X = pd.DataFrame({"title": ["red hat", None], "body": ["warm", "red coat"]})
    tfidf = TfidfModality(min_df=1).fit(X)
    assert len(tfidf.idf_) == len("red hat warm coat".split()) + 2


def test_characters_bring_misspelt_names_near():
    X = notes("ibuprofen", "paracetamol", "metformin")
    tfidf = TfidfModality(char_range=(2, 4), min_df=1).fit(X)
    names = tfidf.transform(X).array
    typos = tfidf.transform(notes("ibuporfen", "paracetmol", "metfromin")).array
    assert (typos @ names.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_chinese_is_read_sign_by_sign():
    X = notes("我喜欢北京", "我不喜欢上海")
    tfidf = TfidfModality(min_df=1, ngram_range=(1, 1)).fit(X)
    assert len(tfidf.idf_) == len(set("我喜欢北京不上海"))


def test_its_key_works_in_a_transformer():
    X = notes(*NOTES)
    frame = ModalityTransformer([("note", "tfidf", "note")]).fit_transform(X)
    assert frame.specs["note"].encoder == "mlp"


def test_numbers_are_refused():
    with pytest.raises(ModalityError, match="holds numbers"):
        TfidfModality().fit(pd.DataFrame({"note": [1.0, 2.0]}))


def test_parameters_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="n_components"):
        TfidfModality(0).fit(notes(*NOTES))


def test_longer_texts_than_accepted_are_refused():
    tfidf = TfidfModality(max_characters=8, min_df=1).fit(notes("a fever!"))
    with pytest.raises(ModalityError, match=r"at most 8 characters .*, got 9"):
        tfidf.transform(notes("a fever!!"))
