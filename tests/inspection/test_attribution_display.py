"""Pictures say what is drawn, in which unit, and nothing lies over anything else."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skmm import BaseNNClassifier, ModalityFrame, ModalitySpec, MultimodalClassifier
from skmm.inspection._attribution_display import AttributionDisplay
from skmm.inspection._attributions import Attributions
from skmm.inspection._subject import Reading

RNG = np.random.RandomState(0)
WORDS = "the patient has had a high fever and a dry cough for three days".split()


class Sound:
    hop_ = 0.02


def made(kind, shape, dtype="float32", *, names=None, words=None):
    """Attributions of two rows of one modality; the second lacks it."""
    vocabulary = 99 if kind == "text" else 0
    spec = ModalitySpec("m", kind, shape, dtype, "mlp", vocabulary_size=vocabulary)
    array = RNG.randint(1, 99, size=(2, *shape)).astype(dtype)
    if dtype != "uint8" and kind == "timeseries":
        array[:, 3] = np.nan
    frame = ModalityFrame({"m": array}, {"m": spec}, [[True], [False]])
    values = RNG.normal(size=(2, *shape)).astype(np.float32)
    values[1] = 0
    known = {} if words is None else {"m": [words, ([], np.zeros((0, 2), int))]}
    columns = {} if names is None else {"m": names}
    reading = Reading(frame, {"m": Sound()} if kind == "audio" else {}, columns, known)
    target = np.array([3, 3])
    numbers = np.array([5.25, 5.25])
    return Attributions(
        {"m": values},
        numbers,
        numbers - 1,
        target,
        "occlusion",
        "logit of class {}",
        reading,
    )


def text(n):
    words = (WORDS * n)[:n]
    spans = np.column_stack([np.arange(n), np.arange(n) + 1])
    return made("text", (n,), "int32", words=(words, spans))


PICTURES = {
    "image": lambda: made("image", (8, 6, 3), "uint8"),
    "images": lambda: made("image", (2, 8, 6, 1), "float16"),
    "sound": lambda: made("audio", (20, 16, 1), "float16"),
    "series": lambda: made("timeseries", (12, 2)),
    "table": lambda: made("tabular", (20,), names=[f"column {j}" for j in range(20)]),
    "text": lambda: text(40),
}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def boxes(artists):
    return [a.get_window_extent() for a in artists if a.get_text()]


def overlapping(boxes):
    return [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1
        and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def written(figure):
    """All texts of a figure that can be seen."""
    figure.canvas.draw()
    texts = []
    for ax in figure.axes:
        texts += [ax.title, *ax.texts]
        if ax.axison:
            texts += [ax.xaxis.label, ax.yaxis.label]
            for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
                low, high = sorted(limits)
                ticks = [
                    t for t in axis.get_major_ticks() if low <= t.get_loc() <= high
                ]
                texts += [t.label1 for t in ticks if t.label1.get_visible()]
                texts += [t.label2 for t in ticks if t.label2.get_visible()]
    return [t for t in texts if t.get_visible()]


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_says_what_it_shows_and_overlaps_nothing(picture):
    attributions = PICTURES[picture]()
    display = AttributionDisplay(attributions).plot()
    figure = display.figure_
    assert figure is display.ax_.figure
    total = attributions.totals["m"][0]
    assert display.ax_.get_title() == (
        f"m\n{total:+.3g} of the logit of class 3, which is 5.25"
    )
    found = written(figure)
    assert "part of the logit of class 3" in [t.get_text() for t in found]
    shown = boxes(found)
    assert overlapping(shown) == []
    whole = figure.bbox
    for box in shown:
        assert box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1
        assert box.y0 >= whole.y0 - 1 and box.y1 <= whole.y1 + 1


@pytest.mark.parametrize("picture", PICTURES)
def test_it_draws_where_it_is_asked_to(picture):
    figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    display = AttributionDisplay(PICTURES[picture]()).plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    assert overlapping(boxes(written(figure))) == []


def test_the_image_is_grey_under_colours_that_say_how_much():
    attributions = PICTURES["image"]()
    grey, colours = AttributionDisplay(attributions).plot().ax_.images
    pixels = attributions.frame["m"][0].mean(axis=-1)
    np.testing.assert_allclose(grey.get_array(), pixels)
    values = attributions.values["m"][0].sum(axis=-1)
    strong = np.unravel_index(np.abs(values).argmax(), values.shape)
    red, _, blue, alpha = np.moveaxis(colours.get_array(), -1, 0)
    assert alpha[strong] == alpha.max() == pytest.approx(0.9)
    assert ((red > blue) == (values > 0)).all()


def test_images_of_one_row_stand_side_by_side():
    display = AttributionDisplay(PICTURES["images"]()).plot()
    assert display.ax_.images[0].get_array().shape == (8, 12)


def test_time_is_in_seconds_and_bands_go_up():
    ax = AttributionDisplay(PICTURES["sound"]()).plot().ax_
    assert ax.get_xlabel() == "time (s)" and ax.get_ylabel() == "mel band"
    assert ax.get_xlim() == pytest.approx((0, 20 * 0.02))
    assert ax.get_ylim() == (0, 16)


def test_each_channel_is_a_line_and_gaps_have_no_point():
    ax = AttributionDisplay(PICTURES["series"]()).plot().ax_
    assert len(ax.lines) == 2
    assert [len(points.get_offsets()) for points in ax.collections] == [11, 11]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]


def test_bars_are_sorted_and_the_small_ones_are_one():
    attributions = PICTURES["table"]()
    ax = AttributionDisplay(attributions).plot().ax_
    sizes = [bar.get_width() for bar in ax.patches]
    assert len(sizes) == 16
    assert np.all(np.diff(np.abs(sizes[:15])) <= 0)
    assert sum(sizes) == pytest.approx(attributions.totals["m"][0], abs=1e-5)
    names = [t.get_text() for t in ax.get_yticklabels()]
    largest = np.abs(attributions.values["m"][0]).argmax()
    assert names[0] == f"column {largest}" and names[-1] == "5 others together"


def test_words_are_in_order_and_long_texts_end_in_dots():
    display = AttributionDisplay(text(40)).plot()
    assert [t.get_text() for t in display.ax_.texts] == (WORDS * 3)[:40]
    display = AttributionDisplay(text(900)).plot()
    shown = [t.get_text() for t in display.ax_.texts]
    assert shown[-1] == "…" and 100 < len(shown) < 900
    assert overlapping(boxes(display.ax_.texts)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": 1}, "row 1 lacks the modality 'm'"),
        ({"row": 2}, "row must be from 0 to 1, got 2"),
        ({"modality": "x"}, "no modality 'x'"),
    ],
)
def test_what_is_not_there_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AttributionDisplay(PICTURES["image"](), **options).plot()
    assert plt.get_fignums() == []


def test_words_that_are_not_known_are_refused_before_a_figure_is_made():
    with pytest.raises(ValueError, match="are not known"):
        AttributionDisplay(made("text", (4,), "int32")).plot()
    assert plt.get_fignums() == []


def test_from_estimator_draws_the_largest_modality_of_a_row():
    X = pd.DataFrame({"age": np.arange(30.0), "note": ["mild cold", "high fever"] * 15})
    parts = [("t", "tabular", "age"), ("n", "text", "note")]
    model = MultimodalClassifier(parts, epochs=2, ensemble_size=1, random_state=0)
    model.fit(X, ["well", "ill"] * 15)
    display = AttributionDisplay.from_estimator(
        model, X, row=5, target="ill", method="occlusion"
    )
    found = display.attributions
    assert len(found.frame) == 1 and found.target[0] == "ill"
    name = found.shares().loc[0].idxmax()
    assert display.ax_.get_title().startswith(f"{name}\n")
    display = AttributionDisplay.from_estimator(
        model, X, modality="n", row=5, method="occlusion"
    )
    assert [t.get_text() for t in display.ax_.texts] == ["high", "fever"]


@pytest.mark.parametrize("as_list", [True, False])
def test_a_row_of_several_arrays_is_taken_out_of_each(as_list):
    arrays = [RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2))]
    X = arrays if as_list else {"a": arrays[0], "b": arrays[1]}
    model = MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    model.fit(X, arrays[0][:, 0] > 0)
    display = AttributionDisplay.from_estimator(model, X, row=4, method="occlusion")
    expected = model.decision_function(X)[4]
    assert display.attributions.prediction[0] == pytest.approx(abs(expected), rel=1e-4)


def test_one_row_of_an_array_of_images_is_drawn_as_an_image():
    X = RNG.normal(size=(30, 8, 8, 1))
    model = BaseNNClassifier("cnn", epochs=1, random_state=0)
    model.fit(X, X[:, 3, 3, 0] > 0)
    display = AttributionDisplay.from_estimator(model, X, row=2, method="occlusion")
    assert len(display.ax_.images) == 2
