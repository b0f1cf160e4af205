"""The page of the episode microscope, in a real browser without a window."""

import shutil
import time

import pytest
from look_agents import KINDS, fresh

from iam_jax.look import record as recording
from iam_jax.look.page import page
from iam_jax.look.record import record

NEEDS = "needs selenium: pip install -e '.[browser]'"
webdriver = pytest.importorskip("selenium.webdriver", reason=NEEDS)
Keys = pytest.importorskip("selenium.webdriver.common.keys", reason=NEEDS).Keys
Select = pytest.importorskip("selenium.webdriver.support.ui", reason=NEEDS).Select
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="needs a browser: apt-get install chromium chromium-driver"
    ),
]
ENOUGH = 10.0
"""Seconds until what must happen has happened."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Name -> address: of an agent with attention, of two beside each other, of one that sees pictures."""
    folder, kinds = tmp_path_factory.mktemp("pages"), ("dynamic", "no-memory", "manual", "picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "LONGEST", 12)
        patch.setattr(recording, "OTHERS", 16)
        agents = {kind: fresh(KINDS[kind]) for kind in kinds}
        records = {kind: record(agent, kind, 2, seed=3) for kind, agent in agents.items()}
    addresses = {}
    for name, shown in {"one": kinds[:1], "two": kinds[1:3], "picture": kinds[3:]}.items():
        file = folder / f"{name}.html"
        file.write_text(page([agents[k] for k in shown], [records[k] for k in shown]), encoding="utf-8")
        addresses[name] = file.as_uri()
    return addresses


@pytest.fixture(scope="module")
def started():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture
def browser(started):
    """In light mode, as wide as a desk's; whatever the page complained of fails the test."""
    view(started, 1280, "light")
    yield started
    assert started.get_log("browser") == []


def view(browser, width, mode):
    size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": mode}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def now(browser):
    return browser.find_element("id", "now").text


def press(browser, key):
    browser.switch_to.active_element.send_keys(key)


def until(condition):
    """Whether it becomes true in time."""
    end = time.monotonic() + ENOUGH
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def pixels(browser, selector):
    """What is drawn on a canvas."""
    script = "return document.querySelector(arguments[0]).toDataURL()"
    return browser.execute_script(script, selector)


def click_at(browser, selector, across, down):
    """Clicks a canvas at shares of its width and height."""
    canvas = browser.find_element("css selector", selector)
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    x, y = (int((share - 0.5) * canvas.size[side]) for share, side in ((across, "width"), (down, "height")))
    webdriver.ActionChains(browser).move_to_element_with_offset(canvas, x, y).click().perform()


def test_slider_keys_and_chooser_move_through_the_episode(browser, pages):
    browser.get(pages["one"])
    assert now(browser) == "Step 0 of 6" and "tmaze" in browser.title
    picture = browser.find_element("css selector", ".picture img")
    assert picture.get_property("naturalWidth") > 0 and picture.get_attribute("alt")
    before = picture.get_attribute("src"), pixels(browser, ".heat"), pixels(browser, ".value canvas")
    press(browser, Keys.ARROW_RIGHT)
    press(browser, Keys.ARROW_RIGHT)
    assert now(browser) == "Step 2 of 6"
    after = picture.get_attribute("src"), pixels(browser, ".heat"), pixels(browser, ".value canvas")
    assert all(a != b for a, b in zip(before, after, strict=True))
    for key, step in ((Keys.ARROW_LEFT, 1), (Keys.END, 6), (Keys.ARROW_RIGHT, 6), (Keys.HOME, 0)):
        press(browser, key)
        assert now(browser) == f"Step {step} of 6"
    slider = browser.find_element("id", "time")
    webdriver.ActionChains(browser).move_to_element(slider).click().perform()
    assert now(browser) == "Step 3 of 6"
    press(browser, Keys.ARROW_RIGHT)  # of the slider that was clicked: one step, not two
    assert now(browser) == "Step 4 of 6"
    seen = [cell.text for cell in browser.find_elements("css selector", ".cell")]
    Select(browser.find_element("id", "episode")).select_by_index(1)
    assert now(browser) == "Step 0 of 6"
    browser.execute_script("go(4)")
    assert seen != [cell.text for cell in browser.find_elements("css selector", ".cell")]


def test_play_goes_on_pauses_and_ends(browser, pages):
    browser.get(pages["one"])
    play = browser.find_element("id", "play")
    play.click()
    assert play.get_attribute("aria-label") == "Pause"
    assert until(lambda: now(browser) != "Step 0 of 6")
    press(browser, Keys.SPACE)  # the button has the focus: this presses it
    assert play.get_attribute("aria-label") == "Play"
    there = now(browser)
    time.sleep(0.5)
    assert now(browser) == there
    browser.execute_script("document.activeElement.blur()")
    press(browser, Keys.SPACE)
    assert until(lambda: now(browser) == "Step 6 of 6")
    assert until(lambda: play.get_attribute("aria-label") == "Play")
    play.click()
    assert until(lambda: now(browser) in ("Step 1 of 6", "Step 2 of 6"))


def test_a_click_on_a_unit_shows_its_trace_and_what_it_follows(browser, pages):
    browser.get(pages["one"])
    follows = browser.find_element("css selector", ".follows")
    for unit in (1, 6):
        before = pixels(browser, ".trace")
        click_at(browser, ".heat", 2.5 / 7, (unit + 0.5) / 8)
        assert now(browser) == "Step 2 of 6"
        assert follows.text.startswith(f"Unit {unit} follows most:") and pixels(browser, ".trace") != before
        assert browser.find_element("css selector", ".memory select").get_property("value") == str(unit)
    buttons = browser.find_elements("css selector", ".follows button")
    assert len(buttons) == 3 and all(", r " in button.text for button in buttons)
    before = pixels(browser, ".trace")
    buttons[1].click()
    pressed = browser.find_elements("css selector", ".follows button[aria-pressed='true']")
    assert len(pressed) == 1 and pixels(browser, ".trace") != before
    assert pressed[0].text.partition(",")[0] in browser.find_element("css selector", ".legend").text


def test_two_agents_stand_beside_each_other_and_one_without_memory_has_no_such_panel(browser, pages):
    browser.get(pages["two"])
    left, right = browser.find_elements("css selector", ".agent")
    assert left.location["y"] == right.location["y"] and left.location["x"] < right.location["x"]
    memories = [agent.find_element("css selector", ".memory") for agent in (left, right)]
    assert [memory.is_displayed() for memory in memories] == [False, True]
    assert len(right.find_elements("css selector", ".cell.chosen")) == 12
    first, second = (
        agent.find_element("css selector", "img").get_attribute("src") for agent in (left, right)
    )
    assert first == second  # the same draws
    view(browser, 390, "light")
    assert left.location["y"] < right.location["y"]


def test_attention_lies_over_the_picture_that_the_agent_sees(browser, pages):
    browser.get(pages["picture"])
    assert until(lambda: browser.find_element("css selector", ".sights figcaption").text.startswith("Head 1"))
    before = pixels(browser, ".sights canvas")
    browser.execute_script("go(5)")
    assert until(lambda: pixels(browser, ".sights canvas") != before)


@pytest.mark.parametrize("name", ["one", "two", "picture"])
def test_a_phone_shows_everything_without_scrolling_sideways(browser, pages, name):
    view(browser, 390, "light")
    browser.get(pages[name])
    browser.execute_script("go(3)")
    wide = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1] == 390
    parts = browser.find_elements("css selector", "button, select, input, canvas, img, .panel")
    for part in (part for part in parts if part.is_displayed()):
        box = part.rect
        assert box["width"] > 0 and box["x"] >= 0 and box["x"] + box["width"] <= 390.5


def test_dark_mode_has_colours_of_its_own_that_can_be_read(browser, pages):
    def colours():
        script = "const s = getComputedStyle(arguments[0]); return [s.color, s.backgroundColor]"
        panel = browser.find_element("css selector", ".panel")
        return [browser.execute_script(script, panel), pixels(browser, ".heat"), pixels(browser, ".trace")]

    browser.get(pages["one"])
    light = colours()
    view(browser, 1280, "dark")
    assert until(lambda: all(a != b for a, b in zip(light, colours(), strict=True)))
    for (ink, ground), _, _ in (light, colours()):
        assert contrast(ink, ground) > 7


def contrast(one, other):
    """Of two colours "rgb(r, g, b)", by the rule of WCAG 2."""

    def light(colour):
        parts = [int(x) / 255 for x in colour.removeprefix("rgb(").rstrip(")").split(",")]
        r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_control_has_a_name(browser, pages):
    browser.get(pages["one"])
    for part in browser.find_elements("css selector", "button, select, input"):
        assert part.accessible_name
