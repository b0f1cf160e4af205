"""The documentation: its links lead somewhere, its reference is whole, and the site needs no network."""

import os
import re
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jax
import pytest

import envs_jax
import iam_jax
from iam_jax.models.actor_critic import count_parameters, forward
from iam_jax.ppo.groups import pick

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
NEEDED = ("mkdocs", "material", "mkdocstrings")
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src"}


def inner_links(page):
    for to in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if not urlsplit(to).scheme:
            yield to


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_in_the_repository_too(page):
    for to in inner_links(page):
        assert (page.parent / urlsplit(to).path).exists(), f"{page.name} links to {to}"


def documented():
    text = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    return set(re.findall(r"^::: (\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("package", [iam_jax, envs_jax], ids=lambda package: package.__name__)
def test_every_public_name_is_in_the_reference(package):
    for name in package.__all__:
        value = getattr(package, name)
        if name == "spaces":
            continue  # a module: its classes are there
        place = "iam_jax.api.train" if name == "train" else f"{value.__module__}.{name}"
        assert place in documented(), place


def test_what_the_reference_names_exists():
    for place in documented():
        module, _, name = place.rpartition(".")
        assert hasattr(import_module(module), name), place


def labels(picture):
    text = (ROOT / "docs" / "images" / picture).read_text()
    return " | ".join(re.findall(r"<text[^>]*>([^<]*)</text>", text))


def test_the_picture_of_an_update_has_the_shapes_of_the_built_learner():
    config = iam_jax.preset("warehouse")
    env, params = envs_jax.make("warehouse")
    model = iam_jax.model_for(config.model, env, params)
    learner = iam_jax.Learner(env, params, model, config.ppo, 1)
    key = jax.random.key(0)
    state = jax.eval_shape(learner.init, key)
    _, rollout = jax.eval_shape(learner.collect, state.params, state.actor, key)
    indices = jax.eval_shape(learner.shuffle, key)
    batch = jax.eval_shape(learner._batch, rollout)
    picked = jax.eval_shape(partial(pick, num_groups=1), batch, indices.update(shape=indices.shape[2:]))
    outputs, value = jax.eval_shape(
        partial(forward, model), state.params, picked.carry, picked.obs, picked.first
    )[1:]
    shown = labels("update.svg")
    for words in (
        f"obs {list(state.actor.obs.shape)}",
        f"carry {list(state.actor.carry[0].shape)}, cleared where first {list(state.actor.first.shape)}",
        f"transitions {list(rollout.transitions.reward.shape)}",
        f"carries {list(rollout.carries[0].shape)}",
        f"last_value {list(rollout.last_value.shape)}",
        f"indices {list(indices.shape)}",
        f"minibatch {list(picked.first.shape)}, carry {list(picked.carry[0].shape)}",
        f"outputs {list(outputs.shape)}, value {list(value.shape)}",
        f"{indices.shape[1]} gradient steps",
        f"{count_parameters(state.params):,} parameters",
    ):
        assert words in shown, words


def test_the_picture_of_the_architecture_says_what_the_diagram_says():
    mermaid = re.search(r"```mermaid(.*?)```", (ROOT / "docs" / "parity.md").read_text(), re.DOTALL)[1]
    nodes = re.findall(r'\["?"?([^\]\[]*?)"\]', mermaid)
    assert len(nodes) == 9
    for node in nodes:
        assert node in labels("architecture.svg"), node


class Page(HTMLParser):
    """What a built page links to, what it loads, and the places that a link may lead to."""

    def __init__(self, file):
        super().__init__()
        self.links, self.loaded, self.ids = [], [], {""}
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        if tag in LOADED and found.get(LOADED[tag]):
            self.loaded.append(found[LOADED[tag]])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the built site by its file."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs the extra docs ({missing[0]} is not installed)")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stderr
    return {file: Page(file) for file in folder.rglob("*.html") if file.name != "404.html"}


@pytest.mark.slow
def test_every_link_and_anchor_of_the_built_site_leads_somewhere(site):
    assert len(site) > 25
    for file, page in site.items():
        for to in (*page.links, *page.loaded):
            parts = urlsplit(to)
            if parts.scheme in ("http", "https"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file(), f"{file.name} leads to {to}"
            if target in site:
                assert unquote(parts.fragment) in site[target].ids, f"{file.name} leads to {to}"


@pytest.mark.slow
def test_the_built_site_loads_nothing_from_the_network(site):
    for file, page in site.items():
        assert not [to for to in page.loaded if urlsplit(to).scheme in ("http", "https")], file.name
        assert 'class="mermaid"' not in file.read_text(encoding="utf-8")  # its script would come from there


@pytest.mark.slow
def test_the_built_site_speaks_of_no_machine(site):
    for file in site:
        assert str(ROOT) not in file.read_text(encoding="utf-8"), file.name
