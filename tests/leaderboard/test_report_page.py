from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import PIL.Image
import pytest
from commands import run_code
from fake_run import FakeDataset, FakeSample, aggregate, picture, plain_samples, write_run
from tpgbench.core import pages
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.images import png_bytes
from tpgbench.core.pages import THUMBNAIL_SIDE
from tpgbench.leaderboard import report_page
from tpgbench.leaderboard.report_page import write_report
from tpgbench.leaderboard.thumbnails import mask_uri, photo_uri
from tpgbench.metrics.base import Value

HOSTILE = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "</title></style></textarea>--><img src=x onerror=window.pwned=1>",
    "\"'><svg onload=window.pwned=1>",
    "javascript:window.pwned=1//",
    "' autofocus onfocus=window.pwned=1 x='",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}{$ & &lt; \\u003c",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "\U0001f9f5\U0001f455 \u2028\u2029",
    "x" * 3000,
    "]]><!-- url(http://evil.example/x)",
    "\x00\x1b[31m\x7f\ufffe",
]


class Page(HTMLParser):
    """A page as a browser's parser sees it: its elements, and the texts in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside: dict[str, str] = {}
        self._open: str = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), "an attribute comes twice"
        self.elements.append((tag, dict(attrs)))
        self._open = dict(attrs).get("id") or tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        self.texts.append(data)
        self.inside[self._open] = self.inside.get(self._open, "") + data

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """The elements and their attributes' names, without what the charts draw."""
        drawn = {"path", "use", "text", "g", "defs", "clippath", "rect"}
        return [
            (tag, tuple(sorted(attributes)))
            for tag, attributes in self.elements
            if tag not in drawn
        ]

    def all(self, tag: str, name: str = "") -> list[dict[str, str | None]]:
        return [
            attributes
            for found, attributes in self.elements
            if found == tag and name in ["", *(attributes.get("class") or "").split()]
        ]

    @property
    def cards(self) -> list[str]:
        """The ids of the samples, in the order of the page."""
        return [alt.removeprefix("output of ") for alt in self.alts if alt.startswith("output of ")]

    @property
    def alts(self) -> list[str]:
        return [attributes["alt"] or "" for attributes in self.all("img")]


def make_page(store, dataset, **options) -> Page:
    return Page(write_report(store, dataset, **options).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> tuple[str, Page]:
    store, dataset = write_run(tmp_path_factory.mktemp("plain"), plain_samples())
    text = write_report(store, dataset).read_text(encoding="utf-8")
    return text, Page(text)


def test_the_page_shows_values_intervals_and_recipes(plain):
    _, page = plain
    ssim = aggregate("ssim", plain_samples())
    assert f"{ssim.value:.3f}" in page.text
    assert " to ".join(f"{end:.3f}" for end in ssim.interval) in page.text
    assert ssim.recipe in page.text
    assert "tpgbench run --model lattice --dataset ctp-synth --split test" in page.text
    assert "3 of 24 samples failed." in page.text
    assert "f" * 64 in page.text


def test_small_counts_are_marked(plain):
    _, page = plain
    assert (
        len([1 for e in page.all("span", "badge") if e.get("title", "").startswith("Fewer")]) == 2
    )


def test_every_sample_shows_garment_mask_truth_and_output(plain):
    _, page = plain
    for label in ("garment", "mask", "ground truth"):
        assert sum(alt.startswith(f"{label} of ") for alt in page.alts) == 24
    assert len(page.cards) == 21  # three failed
    assert page.text.count("no image") == 3


def test_samples_come_worst_first_and_failed_ones_before(plain):
    _, page = plain
    data = json.loads(page.inside["grid-data"])
    assert page.cards == sorted(page.cards)  # the scores rise with the ids
    assert [sample["status"] for sample in data["samples"]] == ["failed"] * 3 + ["ok"] * 21
    assert data["orders"][0] == list(range(24))
    by_dataset = data["orders"][-1]
    assert [data["samples"][i]["status"] for i in by_dataset].index("failed") == 3


def test_breakdowns_are_drawn_where_the_split_has_them(plain, tmp_path):
    _, page = plain
    ids = {attributes.get("id") for attributes in page.all("section")}
    assert {"by-severity", "by-coverage", "by-family", "distributions"} <= ids
    assert len(page.all("svg", "chart")) == 2 * 4
    bare = [FakeSample(f"{i}", {"ssim": i / 10, "psnr": 10.0 + i}) for i in range(5)]
    page = make_page(*write_run(tmp_path, bare))
    assert not [e for e in page.all("section") if (e.get("id") or "").startswith("by-")]
    assert "Severity" not in page.text


def test_nothing_is_loaded_from_outside(plain):
    text, page = plain
    for _, attributes in page.elements:
        assert "style" not in attributes
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
                assert (value or "").startswith(("data:image/", "#"))
            assert "url(" not in (value or "") or (value or "").startswith("url(#")
    assert not page.all("link")
    assert not page.all("base")
    assert "@import" not in text
    assert "url(" not in page.inside["style"]


def test_the_policy_admits_our_style_and_script_alone(plain):
    _, page = plain
    policy = next(
        attributes["content"]
        for attributes in page.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for name in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.inside[name].encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"


def test_ids_are_unique_and_references_lead_somewhere(plain):
    text, page = plain
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    referred = {a["href"][1:] for _, a in page.elements if a.get("href", "").startswith("#")}
    referred |= set(re.findall(r"url\(#([^)]*)\)", text))
    referred |= {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    referred |= {a["data-copy"] for _, a in page.elements if "data-copy" in a}
    assert referred <= set(ids)


def hostile_run(path, strings):
    """A run with a string of ``strings`` in every place that can hold one."""
    word = iter(strings * 20)
    samples = [
        FakeSample(
            f"{number}{text}",
            {"ssim": 0.5 + number / 100, "psnr": math.inf if number == 2 else 20.0 + number},
            error=next(word) if number % 4 == 3 else None,
            caption=next(word),
            meta={"family": text, "severity": number % 3, f"key{number} {next(word)}": next(word)},
            readable=number % 5 != 4,
        )
        for number, text in enumerate(strings)
    ]
    values = [
        aggregate("ssim", samples).model_copy(update={"recipe": next(word)}),
        aggregate("psnr", samples).model_copy(update={"name": f"psnr{next(word)}"}),
        Value(
            name=f"lpips{next(word)}",
            value=None,
            interval=None,
            n=0,
            missing=0,
            recipe=next(word),
            higher_is_better=False,
            not_computed=next(word),
        ),
    ]
    return write_run(
        path,
        samples,
        values=values,
        model=next(word),
        dataset=next(word),
        split=next(word),
        options={next(word): next(word)},
        weights={next(word): next(word)},
        environment={next(word): next(word) for _ in range(4)},
    )


def harmless(number: int, text: str) -> str:
    """A text of one letter, of the same length and with the same spaces."""
    return "".join(" " if c == " " else chr(ord("a") + number) for c in text)


def test_no_text_becomes_an_element_or_attribute(tmp_path):
    hostile = make_page(*hostile_run(tmp_path / "hostile", HOSTILE))
    letters = [harmless(number, text) for number, text in enumerate(HOSTILE)]
    peaceful = make_page(*hostile_run(tmp_path / "peaceful", letters))
    assert hostile.shape == peaceful.shape
    for number, text in enumerate(HOSTILE[:7]):
        assert f"{number}{text}" in hostile.text
    data = json.loads(hostile.inside["grid-data"])
    assert any("</script><script>" in sample["search"] for sample in data["samples"])


def test_the_test_above_would_see_missing_escapes(tmp_path, monkeypatch):
    pages._environment.cache_clear()
    monkeypatch.setattr(pages._environment("tpgbench.leaderboard"), "autoescape", False)
    try:
        hostile = make_page(*hostile_run(tmp_path, HOSTILE))
    finally:
        pages._environment.cache_clear()
    assert any("onerror" in attributes for attributes in hostile.all("img"))


def test_equal_runs_give_equal_bytes(tmp_path):
    samples = plain_samples(12)
    pages = [write_report(*write_run(tmp_path / name, samples)).read_bytes() for name in ("a", "b")]
    assert pages[0] == pages[1]
    script = (
        "import sys; from pathlib import Path;"
        "from fake_run import FakeDataset, plain_samples;"
        "from tpgbench.benchmark.run.store import RunStore;"
        "from tpgbench.leaderboard.report_page import write_report;"
        "dataset = FakeDataset(plain_samples(12), 'ctp-synth', 'test');"
        "write_report(RunStore(Path(sys.argv[1])), dataset)"
    )
    run_code(script, tmp_path / "b", PYTHONHASHSEED="7")
    assert (tmp_path / "b" / "report.html").read_bytes() == pages[0]


def test_no_sample_could_be_scored(tmp_path):
    samples = [FakeSample(f"{i}", error="out of memory") for i in range(3)]
    page = make_page(*write_run(tmp_path, samples))
    assert "3 of 3 samples failed." in page.text
    assert "not computed: 0 of 3 samples could be scored" in page.text
    assert page.text.count("out of memory") == 3
    assert not page.all("svg", "chart")


def test_no_samples_at_all(tmp_path):
    page = make_page(*write_run(tmp_path, []))
    assert "This run has no samples." in page.text
    assert json.loads(page.inside["grid-data"])["samples"] == []


def test_one_sample(tmp_path):
    page = make_page(*write_run(tmp_path, [FakeSample("only", {"ssim": 0.5, "psnr": 20.0})]))
    assert page.cards == ["only"]
    assert "1 sample\n" in page.text
    assert "0.5000" in page.text  # no interval, so four digits


def test_scores_that_are_not_finite(tmp_path):
    scores = [math.inf, math.nan, 30.0, 20.0, -math.inf]
    samples = [FakeSample(f"s{i}", {"psnr": score}) for i, score in enumerate(scores)]
    page = make_page(*write_run(tmp_path, samples, metrics=["psnr"]))
    assert page.cards == ["s4", "s3", "s2", "s0", "s1"]
    assert "2 infinite, not drawn" in page.text
    assert "2 samples, mean 25.0" in page.text


def test_all_scores_infinite(tmp_path):
    samples = [FakeSample(f"s{i}", {"psnr": math.inf}) for i in range(3)]
    page = make_page(*write_run(tmp_path, samples, metrics=["psnr"]))
    assert "not computed: no finite score" in page.text
    assert page.text.count("inf\n") == 3


def test_samples_without_truth(tmp_path):
    samples = [FakeSample(f"s{i}", {"ssim": 0.5}, has_truth=False) for i in range(3)]
    page = make_page(*write_run(tmp_path, samples))
    assert page.text.count("no ground truth") == 3
    assert not [alt for alt in page.alts if alt.startswith("ground truth")]


def test_a_photo_that_cannot_be_read_is_named(tmp_path):
    samples = [FakeSample("good", {"ssim": 0.5}), FakeSample("bad", {"ssim": 0.6}, readable=False)]
    page = make_page(*write_run(tmp_path, samples))
    assert "Its photos cannot be shown: bad: garment photo: truncated" in page.text
    assert page.alts.count("output of bad") == 1


def test_each_row_is_read_once(tmp_path):
    store, dataset = write_run(tmp_path, plain_samples())
    read = []

    class Counting(FakeDataset):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    write_report(store, Counting(dataset.samples, dataset.name, dataset.split))
    assert sorted(read) == list(range(24))
    read.clear()
    write_report(store, Counting(dataset.samples, dataset.name, dataset.split), max_samples=2)
    assert sorted(read) == [0, 1, 3, 13]  # only those that are shown: the worst, and failed ones


def test_without_the_dataset_the_outputs_remain(tmp_path):
    store, _ = write_run(tmp_path, plain_samples())
    page = make_page(store, None)
    assert "The dataset was unavailable" in page.text
    assert {alt.split()[0] for alt in page.alts} == {"output"}


def test_another_dataset_is_not_taken_for_the_runs(tmp_path):
    store, dataset = write_run(tmp_path, plain_samples())
    dataset.fingerprint = "0" * 64
    page = make_page(store, dataset)
    assert "its fingerprint differs" in page.text
    assert {alt.split()[0] for alt in page.alts} == {"output"}


def test_only_the_worst_are_kept_when_there_are_many(tmp_path):
    page = make_page(*write_run(tmp_path, plain_samples(40)), max_samples=3)
    assert page.cards == ["row-000", "row-001", "row-002"]
    assert "it shows the 3 worst by ssim of 36 samples and 3 of 4 that failed." in page.text
    data = json.loads(page.inside["grid-data"])
    assert all(sorted(order) == list(range(6)) for order in data["orders"])


def test_the_first_metric_may_be_lacking(tmp_path):
    samples = [FakeSample(f"s{i}", {"psnr": 30.0 - i}) for i in range(4)]
    page = make_page(*write_run(tmp_path, samples), max_samples=2)
    assert page.cards == ["s3", "s2"]
    assert "2 worst by psnr" in page.text


def test_images_made_elsewhere_are_found_by_their_mapping(tmp_path):
    samples = [FakeSample("one", {"ssim": 0.5}), FakeSample("two", {"ssim": 0.6})]
    store, dataset = write_run(tmp_path / "run", samples)
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(png_bytes(picture(3)))
    page = make_page(store, dataset, image_paths={"two": elsewhere})
    assert page.cards == ["two"]
    assert page.text.count("no image") == 1


def test_a_damaged_output_is_named(tmp_path):
    store, dataset = write_run(tmp_path, [FakeSample("one", {"ssim": 0.5})])
    store.image_path("one").write_bytes(b"no picture")
    page = make_page(store, dataset)
    assert page.cards == []
    assert "unreadable" in page.text


def test_thumbnails_are_small(tmp_path):
    photo = np.full((400, 300, 3), (200, 30, 60), np.uint8)
    half = np.zeros((400, 400), bool)
    half[:, :200] = True
    with PIL.Image.open(io.BytesIO(base64.b64decode(photo_uri(photo).split(",")[1]))) as shown:
        assert shown.size == (THUMBNAIL_SIDE * 3 // 4, THUMBNAIL_SIDE)
        assert np.abs(np.asarray(shown.convert("RGB"), int) - photo[0, 0]).max() <= 6
    with PIL.Image.open(io.BytesIO(base64.b64decode(mask_uri(half).split(",")[1]))) as shown:
        mask = np.asarray(shown.convert("L")) > 0
    assert mask[:, :79].all()
    assert not mask[:, 81:].any()
    assert photo_uri(picture(0)).startswith("data:image/webp;base64,")


def test_an_unscored_run_is_refused(tmp_path):
    store, dataset = write_run(tmp_path, plain_samples())
    store.scores_path.unlink()
    with pytest.raises(TpgbenchError, match="not scored yet"):
        write_report(store, dataset)
    assert not store.report_path.exists()


def test_a_failed_write_keeps_the_old_page(tmp_path, monkeypatch):
    store, dataset = write_run(tmp_path, plain_samples(4))
    before = write_report(store, dataset).read_bytes()

    def broken(package, template, context):
        raise TpgbenchError("broken")

    monkeypatch.setattr(report_page, "render_page", broken)
    with pytest.raises(TpgbenchError):
        write_report(store, dataset)
    assert store.report_path.read_bytes() == before
