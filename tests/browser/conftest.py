"""Debian's chromium on a real Orthanc; a page that may not complain."""

import pytest
from playwright.sync_api import sync_playwright

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SIZE = {"width": 1440, "height": 1000}


def launch(playwright, program="/usr/bin/chromium"):
    return playwright.chromium.launch(executable_path=program, args=OPTIONS)


# Of a module, no longer: while it lives, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens pages; at the end none may have complained, nor have tried to go elsewhere.

    `page.complaints` has what the console said (violations of the policy are said
    there), and errors of scripts. A test that expects one takes it out.
    """
    pages = []

    def open_one(url, prepare=None, **options):
        context = browser.new_context(viewport=SIZE, **options)
        page = context.new_page()
        page.complaints = complaints = []
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type in {"error", "warning"}
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        origin = "/".join(url.split("/")[:3])
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((origin, "data:"))
                else complaints.append(f"asked elsewhere: {asked.url}")
            ),
        )
        pages.append(page)
        if prepare is not None:
            prepare(page)
        page.goto(url)
        return page

    yield open_one
    for page in pages:
        assert page.complaints == []
        page.context.close()


@pytest.fixture(scope="module")
def orthanc(start_orthanc_for_module):
    """An Orthanc for the tests of a module, which know what is in it."""
    return start_orthanc_for_module()
