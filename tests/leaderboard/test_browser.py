"""The pages in a real browser: do they draw, fit, filter, and keep strangers out?"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from fake_run import FakeSample, plain_samples, write_run
from tpgbench.benchmark.comparing.compare import compare_runs
from tpgbench.leaderboard.comparison_page import write_comparison
from tpgbench.leaderboard.report_page import write_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PHONE, DESKTOP = 390, 1280


class Browser:
    """One tab of a headless Chromium, driven by the DevTools protocol over a pipe."""

    def __init__(self, executable: str, profile: Path) -> None:
        # The browser reads commands from descriptor 3 and answers on 4. Ours are moved out of
        # the way first, so that putting them there closes nothing of our own.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 64) for end in (*os.pipe(), *os.pipe())]
        commands, self._to_browser, self._from_browser, answers = ends

        def place() -> None:
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self._process = subprocess.Popen(
            [executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=place,  # noqa: PLW1509 - no threads here
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._unread = b""
        self._count = 0
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        tab = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._count:
            self._events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            data = os.read(self._from_browser, 1 << 16)
            assert data, "the browser is gone"
            self._unread += data
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def open(
        self, page: Path, width: int = DESKTOP, *, view: str = "", script: bool = True
    ) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width == PHONE,
        )
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self._go("about:blank")  # else a new view of the same page would not load it again
        self._go(page.as_uri() + view)

    def _go(self, url: str) -> None:
        self._events.clear()
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._read())

    def evaluate(self, expression: str) -> Any:
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self) -> list[str]:
        """Errors, refusals by the policy, and anything that a script said."""
        self.evaluate("0")
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [json.dumps(event) for event in self._events if event["method"] in kinds]

    def requests(self) -> list[str]:
        """What was asked for beside the page itself and the pictures within it."""
        urls = [
            event["params"]["request"]["url"]
            for event in self._events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls[1:] if not url.startswith("data:")]

    def screenshot(self) -> np.ndarray:
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        with PIL.Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))

    def visible_cards(self) -> list[str]:
        return self.evaluate(
            "[...document.querySelectorAll('#grid > li')].filter(card => !card.hidden)"
            ".map(card => card.querySelector('h3 bdi').textContent)"
        )

    def click(self, selector: str) -> None:
        self.evaluate(
            f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center', "
            "behavior: 'instant'})"
        )
        x, y = self.evaluate(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def choose(self, name: str, value: str) -> None:
        self.evaluate(
            f"(field => {{ field.value = {json.dumps(value)};"
            "field.dispatchEvent(new Event('input', {bubbles: true})); })"
            f"(document.querySelector('#filter [name={name}]'))"
        )

    def close(self) -> None:
        try:
            self.call("Browser.close")
        finally:
            self._process.wait(timeout=20)
            os.close(self._to_browser)
            os.close(self._from_browser)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    executable = next((found for name in NAMES if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    browser = Browser(executable, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return write_report(*write_run(tmp_path_factory.mktemp("run"), plain_samples()))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    names = ("one", "two", "a-run-with-quite-a-long-name-indeed")
    for shift, name in enumerate(names):
        samples = [
            FakeSample(f"s{i}", {"ssim": 0.3 + i / 50 + shift / 10, "psnr": 20.0 + i})
            for i in range(12)
        ]
        write_run(folder / name, samples, model=name)
    return write_comparison(compare_runs([folder / name for name in names]), folder / "page.html")


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_the_page_draws_and_fits(browser, request, name, width):
    browser.open(request.getfixturevalue(name), width)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate("document.documentElement.classList.contains('scripts')")
    assert browser.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    assert browser.complaints() == []
    assert browser.requests() == []
    colours = np.unique(browser.screenshot().reshape(-1, 3), axis=0)
    assert len(colours) > 20  # a blank page has one


def test_opened_details_fit_a_phone_too(browser, report):
    browser.open(report, PHONE)
    browser.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_the_page_is_dark_where_the_reader_wants_it(browser, report):
    brightness = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.call("Emulation.setEmulatedMedia", features=features)
        browser.open(report)
        brightness[scheme] = np.median(browser.screenshot())
        axis, text = browser.evaluate(
            "[getComputedStyle(document.querySelector('.chart text')).fill,"
            " getComputedStyle(document.body).color]"
        )
        assert axis == text  # the charts' ink is the page's
    browser.call("Emulation.setEmulatedMedia", features=[])
    assert brightness["dark"] < 60
    assert brightness["light"] > 200


def test_typing_filters_and_the_view_can_be_shared(browser, report):
    browser.open(report)
    assert len(browser.visible_cards()) == 24
    browser.click("#filter [name=find]")
    browser.call("Input.insertText", text="tartan NUMBER")
    tartans = browser.visible_cards()
    assert tartans
    assert all(int(name.removeprefix("row-")) % 3 == 1 for name in tartans)
    assert browser.evaluate("document.querySelector('#filter output').value") == "8 of 24 shown"
    browser.choose("severity", "2")
    both = browser.visible_cards()
    assert both == [name for name in tartans if int(name.removeprefix("row-")) % 4 == 1]

    view = browser.evaluate("location.hash")
    browser.open(report, view=view)
    assert browser.visible_cards() == both
    assert browser.evaluate("document.querySelector('#filter [name=severity]').value") == "2"


def test_failed_samples_can_be_singled_out(browser, report):
    browser.open(report, view="#status=failed")
    assert browser.visible_cards() == ["row-003", "row-013", "row-023"]
    browser.open(report, view="#status=nonsense&sort=99")
    assert len(browser.visible_cards()) == 24
    assert browser.complaints() == []


def test_another_order_can_be_chosen(browser, report):
    browser.open(report)
    assert browser.visible_cards()[:4] == ["row-003", "row-013", "row-023", "row-000"]
    browser.choose("sort", "2")
    assert browser.visible_cards() == [f"row-{index:03d}" for index in range(24)]


def test_pictures_can_be_enlarged_and_closed(browser, report):
    browser.open(report)
    browser.click("#grid > li:nth-child(4) button.pictures")
    assert browser.evaluate("document.querySelector('dialog').open")
    assert browser.evaluate("document.querySelector('#enlarged-title').textContent") == "row-000"
    small, large = browser.evaluate(
        "['#grid > li:nth-child(4) img', 'dialog img'].map(selector =>"
        " document.querySelector(selector).getBoundingClientRect().width)"
    )
    assert large > 1.5 * small
    browser.click("dialog form button")
    assert not browser.evaluate("document.querySelector('dialog').open")


def test_the_command_can_be_copied(browser, report):
    browser.open(report)
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    browser.call("Browser.grantPermissions", permissions=permissions)
    browser.click("[data-copy=command]")
    command = browser.evaluate("document.querySelector('#command').textContent")
    assert command.startswith("tpgbench run --model lattice ")
    assert browser.evaluate("navigator.clipboard.readText()") == command


def test_without_its_script_the_page_still_serves(browser, report):
    browser.open(report, script=False)
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    form = browser.call("DOM.querySelector", nodeId=root, selector="#filter")["nodeId"]
    with pytest.raises(AssertionError, match="box model"):
        browser.call("DOM.getBoxModel", nodeId=form)  # it would do nothing, so it is not shown
    card = browser.call("DOM.querySelector", nodeId=root, selector="#grid > li")["nodeId"]
    assert browser.call("DOM.getBoxModel", nodeId=card)["model"]["height"] > 100


def test_hostile_names_run_nothing(browser, tmp_path):
    attack = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>\"'"
    samples = [
        FakeSample(
            f"{i}{attack}", {"ssim": i / 10}, caption=attack, meta={"family": attack + str(i)}
        )
        for i in range(3)
    ]
    run = write_run(tmp_path, samples, model=attack, dataset=attack, options={attack: attack})
    browser.open(write_report(*run), PHONE)
    assert browser.evaluate("window.pwned") is None
    assert browser.evaluate("document.images.length") == 12
    assert browser.complaints() == []  # nor was anything tried that the policy had to stop
    assert browser.evaluate("document.documentElement.scrollWidth") <= PHONE
    browser.click("#grid > li button.pictures")
    assert browser.evaluate("document.querySelector('#enlarged-title').textContent").startswith(
        "0<"
    )
    assert browser.evaluate("window.pwned") is None


def test_the_policy_holds_even_where_escaping_fails(browser, report, tmp_path):
    attack = (
        "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
        "<p id=seen style='color: red'>seen</p>"
    )
    broken = tmp_path / "broken.html"
    text = report.read_text(encoding="utf-8").replace("<main>", "<main>" + attack)
    broken.write_text(text, encoding="utf-8")
    browser.open(broken)
    assert browser.evaluate("document.querySelector('#seen').textContent") == "seen"
    assert browser.evaluate("window.pwned") is None
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def test_colours_have_contrast():
    """Text needs 4.5 to 1 (WCAG 2.2, 1.4.3), in light and in dark."""
    style = (files("tpgbench.core") / "templates" / "base.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 2
    pairs = [
        *((name, "page") for name in ("ink", "quiet", "accent", "bad")),
        *((name, "raised") for name in ("ink", "quiet")),
        *((name, f"{name}-page") for name in ("bad", "good", "mark")),
        ("ink", "bad-page"),
        ("ink", "mark-page"),
        ("ink", "good-page"),
        ("quiet", "good-page"),
        ("bad", "good-page"),
    ]
    for scheme in schemes:
        for text, ground in pairs:
            assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)


def contrast(first: str, second: str) -> float:
    lights = sorted(luminance(colour) for colour in (first, second))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c + c for c in colour[1:])
    srgb = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
