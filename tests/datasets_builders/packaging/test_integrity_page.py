"""The integrity report: printed and as a page, the same each time, and safe to open."""

from __future__ import annotations

import re

from tpgbench.datasets_builders.packaging import integrity_page
from tpgbench.datasets_builders.packaging.audit import AuditSummary
from tpgbench.datasets_builders.packaging.integrity_page import PAGE_NAME, write_integrity_page
from tpgbench.datasets_builders.reading.build_info import BuildInfo, SplitInfo
from tpgbench.datasets_builders.reading.findings import Finding, FindingKind

EVIL = "cloth/<img src=x onerror=alert(1)>.jpg"
SUMMARY = AuditSummary(
    sizes={"garment": {f"{side}x{side}": 50 - side for side in range(20, 34)}},
    size_outliers=((EVIL, "1x2"),),
    mask_shares={"mask": (0.1, 0.25, 0.5)},
    outlines_checked=1234,
    changes={"turned": (7, (EVIL,))},
)


def info(findings):
    return BuildInfo(
        name="ctp-hd",
        task="tpg",
        builder_version=3,
        options={},
        default_size=512,
        licence="x",
        fingerprint="f00",
        configs={"default": {"test": SplitInfo(rows=12345, unlabelled=3)}},
        findings=tuple(findings),
        files={},
    )


def page(tmp_path, findings, summary=SUMMARY):
    write_integrity_page(tmp_path, info(findings), summary)
    return (tmp_path / PAGE_NAME).read_text()


def test_the_page_says_what_the_build_found(tmp_path):
    findings = [
        Finding(FindingKind.LEAK, "train.txt:3", "is in test too"),
        Finding(FindingKind.NEAR_LEAK, "cloth/a.jpg", "looks like cloth/b.jpg", left_out=False),
    ]
    text = page(tmp_path, findings)
    assert re.search(r"<td>test</td><td[^>]*>12,345</td><td[^>]*>3</td>", text)
    assert re.search(r'left out</td><td class="number bad">1<', text)
    assert "1 near-leak" in text
    assert "looks like cloth/b.jpg" in text
    assert "4 other sizes" in text
    assert "25.0%" in text
    assert "1,234 masks" in text
    assert re.search(r"turned</td><td[^>]*>7<", text)


def test_every_kind_of_finding_is_explained(tmp_path):
    text = page(tmp_path, [Finding(kind, "x", "y") for kind in FindingKind])
    for kind in FindingKind:
        assert f'id="{kind}"' in text


def test_a_long_list_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(integrity_page, "_SHOWN", 5)
    text = page(tmp_path, [Finding(FindingKind.MISSING, f"line {i}", "y") for i in range(12)])
    assert "line 4<" in text
    assert "line 5<" not in text
    assert "And 7 more in <code>build.json</code>" in text


def test_names_of_other_people_are_no_markup(tmp_path):
    text = page(tmp_path, [Finding(FindingKind.UNLISTED, EVIL, EVIL)])
    assert "<img" not in text
    assert text.count("&lt;img") == 4
    assert "default-src 'none'" in text
    assert "script" not in text


def test_nothing_found_is_said_too(tmp_path):
    text = page(tmp_path, [], AuditSummary({}, (), {}, 0, {}))
    assert text.count("<p>None.</p>") == 2
    assert "byte by byte" in text


def test_equal_builds_give_equal_pages(tmp_path):
    assert page(tmp_path, []) == page(tmp_path, [])
