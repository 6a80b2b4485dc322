"""A report is one safe file, whole or not there, that a browser shows."""

import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from skmm import ModalityTransformer, MultimodalClassifier
from skmm.exceptions import MissingModalityWarning
from skmm.inspection._model_report import ModelReport, model_report

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(60, 2))
YES = NUMBERS[:, 0] + RNG.normal(size=60) > 0
SIMPLE = LogisticRegression().fit(NUMBERS, YES)
SCRIPT, BROKEN = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
SECTIONS = [
    "data",
    "scores",
    "errors",
    "importance",
    "calibration",
    "examples",
    "model",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class _Page(HTMLParser):
    """What a browser finds: elements, and texts without the style."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in ("meta", "img", "br"):
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, name):
        return [attributes for of, attributes in self.elements if of == name]


@pytest.fixture(scope="module")
def hostile():
    """A fitted pipeline, and rows whose every string means ill."""
    n = 70
    yes = RNG.random(n) > 0.5
    words = np.where(yes, f"{SCRIPT} good \ud800 \x00", f"{BROKEN} bad $x^ </p>")
    X = pd.DataFrame(
        {
            SCRIPT: RNG.normal(size=n) + yes,
            BROKEN: RNG.choice(["<b>", "&amp;"], n),
            "$x^": pd.Series(words, dtype=object),
            "<!--": [RNG.random((12, 12, 3)) * (0.5 + 0.5 * one) for one in yes],
        }
    )
    X.loc[0, :] = None
    triples = [
        ("table", "tabular", [SCRIPT, BROKEN]),
        ("note", "text", ["$x^"]),
        ("scan", "image", ["<!--"]),
    ]
    model = make_pipeline(
        ModalityTransformer(triples),
        MultimodalClassifier(ensemble_size=1, epochs=4, random_state=0),
    )
    y = np.array([f"{SCRIPT}\ud800", f"{BROKEN}\x00"])[yes.astype(int)]
    model.fit(X[1:], y[1:])
    with pytest.warns(MissingModalityWarning, match="1 of 70 rows have none") as seen:
        report = model_report(model, X, y, title=f"{SCRIPT} $x^ \x00", random_state=0)
    assert len(seen) == 1
    return report, model, X, y


def test_all_sections_are_there_with_their_headings(hostile):
    report, *_ = hostile
    page = _Page(report.html)
    assert [of["id"] for of in page.all("section")] == SECTIONS
    assert [of["href"] for of in page.all("a")] == [f"#{key}" for key in SECTIONS]
    assert len(page.all("h1")) == 1 and len(page.all("h2")) == len(SECTIONS)


def test_headings_do_not_skip_a_level(hostile):
    report, *_ = hostile
    levels = [
        int(n[1]) for n, _ in _Page(report.html).elements if re.match("h[1-6]$", n)
    ]
    assert levels[0] == 1 and max(np.diff(levels)) <= 1


def test_nothing_of_the_data_becomes_an_element(hostile):
    report, *_ = hostile
    page = _Page(report.html)
    names = {name for name, _ in page.elements}
    assert not names & {"script", "svg", "iframe", "link", "object", "form", "base"}
    for _, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes)
    assert all(of["src"].startswith("data:image/png;") for of in page.all("img"))
    assert all(of["alt"] for of in page.all("img"))
    shown = "".join(page.texts)
    for string in (SCRIPT, BROKEN, "<!--", "$x^"):
        assert string in shown


def test_nothing_is_loaded_from_anywhere(hostile):
    report, *_ = hostile
    html = re.sub('data:image/png;base64,[^"]*', "", report.html)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", html)


def test_what_no_file_can_hold_is_replaced(hostile):
    report, *_ = hostile
    assert report.html.encode("utf-8")
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]", report.html)
    assert "\ufffd" in report.html and report.title == f"{SCRIPT} $x^ \ufffd"


def test_a_report_is_small_and_the_same_each_time(hostile):
    report, model, X, y = hostile
    assert len(report.html) < 2_000_000
    with pytest.warns(MissingModalityWarning):
        again = model_report(model, X, y, title=f"{SCRIPT} $x^ \x00", random_state=0)
    assert again.html == report.html


def test_a_notebook_shows_it_in_a_frame_of_its_own(hostile):
    report, *_ = hostile
    (frame,) = _Page(report._repr_html_()).elements
    name, attributes = frame
    assert name == "iframe" and "sandbox" in attributes
    assert attributes["srcdoc"] == report.html
    assert len(repr(report)) < 100 and report.title in repr(
        ModelReport("", report.title)
    )


def test_a_report_is_saved_as_it_is(tmp_path, hostile):
    report, *_ = hostile
    report.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == report.html.encode()
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize("step", ["os.replace", "pathlib.Path.write_text"])
def test_an_error_while_writing_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    path = tmp_path / "a.html"
    path.write_text("old")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="disk full"):
        ModelReport("new", "t").save(path)
    monkeypatch.undo()
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_model_of_scikit_learn_has_a_report(tmp_path):
    path = tmp_path / "a.html"
    report = model_report(SIMPLE, NUMBERS, YES, path=str(path), random_state=0)
    assert path.read_text("utf-8") == report.html
    page = _Page(report.html)
    assert [of["id"] for of in page.all("section")] == SECTIONS
    assert report.title == "LogisticRegression on 60 rows"
    shown = " ".join(page.texts)
    assert f"{SIMPLE.score(NUMBERS, YES):.3f}" in shown
    assert "Only networks of skmm are explained" in shown


def test_a_regressor_has_no_calibration():
    y = NUMBERS @ [1, 2] + RNG.normal(size=60)
    model = LinearRegression().fit(NUMBERS, y)
    page = _Page(model_report(model, NUMBERS, y, random_state=0).html)
    keys = [of["id"] for of in page.all("section")]
    assert keys == [key for key in SECTIONS if key != "calibration"]
    assert "Largest errors" in page.texts


def test_examples_can_be_left_out():
    html = model_report(SIMPLE, NUMBERS, YES, n_examples=0, random_state=0).html
    assert "examples" not in [of["id"] for of in _Page(html).all("section")]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_examples": -1}, ValueError, "n_examples"),
        ({"n_examples": 1.5}, TypeError, "n_examples"),
        ({"n_repeats": 1}, ValueError, "n_repeats"),
        ({"title": 3}, TypeError, "title must be a str or None, got 3"),
        ({"scoring": "no score"}, ValueError, "scoring"),
        ({"path": "no/such/folder/a.html"}, FileNotFoundError, "there is no folder"),
        ({"path": "."}, IsADirectoryError, "is a folder: name a file in it"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_asked(given, error, message):
    class Silent(LogisticRegression):
        def predict(self, X):
            raise AssertionError("asked")

    model = Silent().fit(NUMBERS, YES)
    with pytest.raises(error, match=message):
        model_report(model, NUMBERS, YES, **given)


def _browse(path, folder, *options):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"needs a browser, one of {BROWSERS}")
    quiet = "gpu quic background-networking component-update sync dev-shm-usage"
    command = [browser, "--headless", "--no-sandbox", "--no-first-run"]
    command += [f"--disable-{word}" for word in quiet.split()]
    command += ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000"]
    command += [f"--user-data-dir={folder}", *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, timeout=120, check=True)


def test_a_browser_shows_it_and_has_nothing_to_refuse(tmp_path, hostile):
    report, *_ = hostile
    report.save(tmp_path / "a.html")
    done = _browse(tmp_path / "a.html", tmp_path / "user", "--dump-dom")
    said = done.stderr.decode(errors="replace")
    assert "CONSOLE" not in said and "Content Security Policy" not in said
    dom = done.stdout.decode("utf-8")
    assert _Page(dom).all("section") == _Page(report.html).all("section")
    assert "<script" not in dom and "<svg" not in dom
    assert SCRIPT in unescape(dom)
    assert len(_Page(dom).all("img")) == report.html.count("<img") > 5


def test_a_browser_paints_the_plots(tmp_path, hostile):
    report, *_ = hostile
    bare = re.sub("<img[^>]*>", "", report.html)
    counts = []
    for name, html in (("a", report.html), ("b", bare)):
        page, shot = tmp_path / f"{name}.html", tmp_path / f"{name}.png"
        page.write_text(html, encoding="utf-8")
        size = "--window-size=1000,5000"
        _browse(page, tmp_path / "user", size, f"--screenshot={shot}")
        red, green, blue = np.asarray(Image.open(shot).convert("RGB"), dtype=int).T
        assert red.shape == (1000, 5000)
        counts.append(len(np.unique(red << 16 | green << 8 | blue)))
    assert counts[0] > 1.5 * counts[1] > 100


def test_the_page_is_no_wider_than_the_window(tmp_path, hostile):
    report, *_ = hostile
    # The report itself may run no script; a copy without its policy may.
    measured = re.sub(
        '<meta http-equiv="Content-Security-Policy"[^>]*>', "", report.html
    )
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    page = tmp_path / "a.html"
    page.write_text(measured.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    done = _browse(page, tmp_path / "user", "--window-size=500,800", "--dump-dom")
    (title,) = re.findall("<title>(.*?)</title>", done.stdout.decode("utf-8"))
    assert int(title) <= 500
