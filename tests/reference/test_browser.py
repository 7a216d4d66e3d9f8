"""The pages in a browser: on a phone, in the dark, on paper, without script, with the keyboard."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fakes import FakePlatform
from graft_docs.html import HtmlSite
from support.chromium import Browser, chromium
from support.reference_pages import api
from support.wire import running_gateway

SITE = HtmlSite(api())
PAGES = [name for name in SITE.files if name.endswith(".html")]
LANGUAGES = [call.key for call in SITE.calls(SITE.api.methods["Volume.resize"])]

CONTRAST = """
(() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const light = ([r, g, b]) => {
    const part = (value) => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0, 1] : [255, 255, 255, 1];
  };
  const bad = new Set();
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true })) continue;
    const style = getComputedStyle(element);
    const one = light(parse(style.color));
    const other = light(ground(element));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) bad.add(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return [seen, [...bad]];
})()
"""
OPEN_ALL = "document.querySelectorAll('details').forEach((details) => { details.open = true; })"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
async def docs() -> AsyncIterator[str]:
    """The address of a gateway's reference."""
    async with running_gateway(FakePlatform(api=api())) as running:
        yield f"{running.url}/docs"


async def test_phones_show_whole_lines(browser: Browser, docs: str) -> None:
    widths = "[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    async with browser.tab(360, 740) as tab:
        for name in PAGES:
            await tab.open(f"{docs}/{name}")
            await tab.run(OPEN_ALL)
            assert await tab.run(widths) == [360, 360, 360], name
        await tab.open(f"{docs}/class-Volume.html")
        for language in LANGUAGES:
            await tab.run(f"document.querySelector('.calls input[value={language}]').click()")
            assert await tab.run(widths) == [360, 360, 360], language
        assert tab.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out(browser: Browser, docs: str, scheme: str) -> None:
    async with browser.tab(scheme=scheme) as tab:
        for name in PAGES:
            await tab.open(f"{docs}/{name}")
            await tab.run(OPEN_ALL)
            seen, bad = await tab.run(CONTRAST)
            assert seen > 20
            assert bad == [], name
        ground = await tab.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert max(ground) < 60 if scheme == "dark" else min(ground) > 230


async def test_without_script_everything_can_be_read(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(f"{docs}/class-Volume.html")
        text = await tab.run("document.getElementById('Volume.resize').innerText")
        for part in (
            "Grow or shrink a volume.",
            "passphrase",
            "VOLUME_IN_USE",
            'curl "$GRAFT_URL/api/v1/methods/Volume.resize"',
        ):
            assert part in text
        await tab.run("document.getElementById('call-Volume.resize-python').click()")
        text = await tab.run("document.getElementById('Volume.resize').innerText")
        assert "from graft_client import" in text
        assert 'curl "$GRAFT_URL' not in text
        seen = len(tab.events)
        await tab.run("document.querySelector('.search').requestSubmit()")
        await tab.event("Page.loadEventFired", seen)
        assert (await tab.run("location.pathname")).endswith("/docs/methods.html")
        assert "old-tool.run_it" in await tab.run("document.querySelector('main').innerText")


async def test_search_while_typing(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/")
        await tab.press("/", 191, "/")
        assert await tab.run("document.activeElement.id") == "search"
        await tab.type("volu res")
        await tab.until("document.querySelectorAll('.found [role=option]').length")
        assert "Volume.resize" in await tab.run("document.querySelector('.found [role=option]').innerText")
        assert await tab.run("document.getElementById('search').getAttribute('aria-expanded')") == "true"
        await tab.press("ArrowDown", 40)
        assert await tab.run("document.getElementById('search').getAttribute('aria-activedescendant')") == "found-0"
        await tab.press("Enter", 13, "\r")
        await tab.until("location.hash === '#Volume.resize' && document.readyState === 'complete'")
        top = await tab.run("document.getElementById('Volume.resize').getBoundingClientRect().top")
        assert 0 <= top < 200
        await tab.press("/", 191, "/")
        await tab.type("<script>")
        await tab.until("document.querySelectorAll('.found a').length")
        assert "volume.hostile" in await tab.run("document.querySelector('.found').innerText")
        assert await tab.run("document.querySelectorAll('.found script').length") == 0
        await tab.press("Escape", 27)
        assert await tab.run("document.querySelector('.found').childElementCount") == 0
        await tab.open(f"{docs}/methods.html?q=disk")
        await tab.until("document.querySelectorAll('.found [role=option]').length")
        assert tab.complaints() == []


async def test_nothing_is_asked_from_elsewhere(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        for name in PAGES:
            await tab.open(f"{docs}/{name}")
            await tab.run("document.getElementById('search').focus()")
            await tab.until("window.graftSearchIndex?.length")
        assert {url.rpartition("/")[0] for url in tab.requested()} == {docs}
        assert tab.complaints() == []


async def test_one_language_is_chosen_for_all_examples(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/class-Volume.html")
        await tab.run("document.getElementById('call-Volume.copy-graft').click()")
        chosen = "[...document.querySelectorAll('.calls input:checked')].map((input) => input.value)"
        assert set(await tab.run(chosen)) == {"graft"}
        await tab.open(f"{docs}/class-task.html")
        assert set(await tab.run(chosen)) == {"graft"}


async def test_places_and_calls_are_copied(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/class-Volume.html")
        await tab.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        await tab.run("document.querySelector('[id=\"Volume.copy\"] .anchor').click()")
        copied = "navigator.clipboard.readText()"
        await tab.until(f"{copied}.then((text) => text === '{docs}/class-Volume.html#Volume.copy')")
        assert await tab.run("location.hash") == "#Volume.copy"
        await tab.run("document.querySelector('[id=\"Volume.copy\"] .copy').click()")
        await tab.until(f"{copied}.then((text) => text.startsWith('curl \"$GRAFT_URL/api/v1/methods/Volume.copy\"'))")


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/class-Volume.html")
        await tab.press("Tab", 9)
        assert await tab.run("document.activeElement.className") == "skip"
        assert await tab.run("document.activeElement.getBoundingClientRect().top >= 0")
        await tab.press("Enter", 13, "\r")
        assert await tab.run("document.activeElement.id") == "main"
        reached = set()
        for _ in range(400):
            await tab.press("Tab", 9)
            told = await tab.run(
                "(() => { const e = document.activeElement; const s = getComputedStyle(e.matches('.calls input') ? e.nextElementSibling : e);"
                " return [e.tagName, e.className || e.name || '', s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0]; })()"
            )
            if told[0] == "BODY":
                break
            assert told[2], told
            reached.add(told[0])
        else:
            pytest.fail("the keyboard does not come to the end of the page")
        assert {"A", "PRE", "INPUT", "SUMMARY"} <= reached


async def test_paper_has_all_and_nothing_that_moves(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/class-Volume.html")
        await tab.media("dark", "print")
        assert await tab.run("getComputedStyle(document.querySelector('.side')).display") == "none"
        assert await tab.run("getComputedStyle(document.querySelector('.search')).display") == "none"
        assert await tab.run("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        printed = await tab.call("Page.printToPDF", printBackground=True)
        data = base64.b64decode(printed["data"])
        assert data.startswith(b"%PDF-")
        # What was closed is open on paper, and closed again after that.
        assert await tab.run("document.querySelectorAll('details:not([open])').length") > 0
        await tab.run("dispatchEvent(new Event('beforeprint'))")
        assert await tab.run("document.querySelectorAll('details:not([open])').length") == 0


async def test_paper_has_the_addresses_of_links(browser: Browser, docs: str) -> None:
    async with browser.tab() as tab:
        await tab.open(f"{docs}/class-volume.2.html")
        await tab.media("light", "print")
        links = "[...document.querySelectorAll('main .method > p a')].map((a) => [a.innerText, getComputedStyle(a, '::after').content])"
        (text, address), bare = await tab.run(links)
        assert text == "ok"
        assert "https://example.org/%22onclick=%22" in address
        assert bare == ["https://example.org/", "none"]


async def test_files_on_a_disk_are_as_good(browser: Browser, tmp_path: Path) -> None:
    for name in SITE.files:
        (tmp_path / name).write_bytes(SITE.file(name))
    async with browser.tab() as tab:
        await tab.open((tmp_path / "index.html").as_uri())
        await tab.run("document.getElementById('search').focus()")
        await tab.type("disk")
        await tab.until("document.querySelectorAll('.found [role=option]').length")
        await tab.press("Enter", 13, "\r")
        await tab.until("location.pathname.endsWith('/types.html') && location.hash === '#record-disk'")
        assert {url.partition(":")[0] for url in tab.requested()} == {"file"}
        assert tab.complaints() == []
