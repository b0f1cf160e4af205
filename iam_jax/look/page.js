// What is chosen, and the controls that choose it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const STEPS_PER_SECOND = 6;
const chosen = { episode: 0, step: 0, playing: null };
const controls = Object.fromEntries(["episode", "play", "time", "now"].map((id) => [id, document.getElementById(id)]));
const PANELS = {
  picture: picturePanel, seen: seenPanel, policy: policyPanel, value: valuePanel, memory: memoryPanel, readings: readingsPanel,
};
let shows = [];

const lengthOf = (agent) => agent.episodes[chosen.episode].value.length;
const length = () => Math.max(...DATA.agents.map(lengthOf));

function go(step) {
  chosen.step = Math.max(0, Math.min(length() - 1, step));
  controls.time.value = chosen.step;
  controls.now.textContent = `Step ${chosen.step} of ${length() - 1}`;
  controls.time.setAttribute("aria-valuetext", controls.now.textContent);
  document.querySelectorAll(".agent .outcome").forEach((part, i) => { part.textContent = outcomeOf(DATA.agents[i]); });
  shows.forEach(({ agent, show }) => show(Math.min(chosen.step, lengthOf(agent) - 1)));
}

function chooseEpisode(number) {
  chosen.episode = number;
  controls.time.max = length() - 1;
  shows = [];
  document.querySelectorAll(".agent").forEach((section, i) => {
    const agent = DATA.agents[i], episode = agent.episodes[number];
    for (const [name, panel] of Object.entries(PANELS)) {
      shows.push({ agent, show: panel(agent, section.querySelector("." + name), episode, go) });
    }
  });
  go(0);
}

function outcomeOf(agent) {
  const episode = agent.episodes[chosen.episode], over = chosen.step >= lengthOf(agent);
  const earned = shown(episode.reward.reduce((sum, x) => sum + x, 0));
  return episode.cut
    ? `The first ${episode.value.length} steps are shown, which earned ${earned}; the episode goes on.`
    : `${episode.value.length} steps, return ${earned}.${over ? " It is over: its last step is shown." : ""}`;
}

function play(on) {
  clearInterval(chosen.playing);
  if (on && chosen.step === length() - 1) go(0);
  chosen.playing = on ? setInterval(advance, 1000 / STEPS_PER_SECOND) : null;
  controls.play.setAttribute("aria-pressed", String(on));
  controls.play.setAttribute("aria-label", on ? "Pause" : "Play");
}

function advance() {
  go(chosen.step + 1);
  if (chosen.step === length() - 1) play(false);
}

const KEYS = {
  ArrowLeft: () => go(chosen.step - 1),
  ArrowRight: () => go(chosen.step + 1),
  Home: () => go(0),
  End: () => go(length() - 1),
  " ": () => play(!chosen.playing),
};

function onKey(event) {
  const on = event.target.tagName;
  if (!KEYS[event.key] || on === "SELECT" || (on === "BUTTON" && event.key === " ")) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key]();
}

function begin() {
  const main = document.getElementById("agents"), template = document.getElementById("agent");
  main.classList.toggle("two", DATA.agents.length > 1);
  DATA.agents.forEach((agent) => {
    const section = template.content.cloneNode(true);
    section.querySelector("h2").textContent = agent.name;
    section.querySelector(".about").append(...agent.about.map((words) => element("li", words)));
    main.append(section);
  });
  controls.episode.append(...DATA.agents[0].episodes.map((_, i) => {
    const option = element("option", String(i + 1));
    option.value = i;
    return option;
  }));
  controls.episode.onchange = () => { play(false); chooseEpisode(Number(controls.episode.value)); };
  controls.play.onclick = () => play(!chosen.playing);
  controls.time.oninput = () => go(Number(controls.time.value));
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", () => go(chosen.step));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => go(chosen.step));
  chooseEpisode(0);
}

begin();
