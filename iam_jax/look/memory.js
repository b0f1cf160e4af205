// The memory over time, and one of its units.

function memoryPanel(agent, part, episode, go) {
  part.hidden = !agent.units;
  if (part.hidden) return () => {};
  const heat = part.querySelector(".heat"), trace = part.querySelector(".trace"), choice = part.querySelector("select");
  const length = episode.memory.length, units = agent.units;
  const scales = Array.from({ length: units }, (_, unit) =>
    Math.max(1e-9, ...agent.episodes.flatMap((e) => column(e.memory, unit)).map(Math.abs)));
  const more = agent.unitsLeftOut ? ` The first ${units} of ${units + agent.unitsLeftOut} units are shown.` : "";
  part.querySelector(".note").textContent =
    "Each row is a unit and each column a step: blue below zero, orange above it, full where the unit is largest. " +
    "Click a unit to see its trace and what it follows." + more;
  choice.replaceChildren(...Array.from({ length: units }, (_, unit) => {
    const best = agent.follows[unit][0];
    const option = element("option", `${unit}${best ? ` (${nameOf(agent, best)}, r ${best.r.toFixed(2)})` : ""}`);
    option.value = unit;
    return option;
  }));
  if (agent.unit === undefined) agent.unit = clearest(agent);
  let image, imageColours, step = 0, followed = 0;

  const choose = (unit) => {
    agent.unit = unit;
    followed = 0;
    show(step);
  };
  choice.onchange = () => choose(Number(choice.value));
  goesTo(heat, length, (at, event, box) => {
    agent.unit = Math.min(units - 1, Math.floor(((event.clientY - box.top) / box.height) * units));
    followed = 0;
    go(at);
  });
  goesTo(trace, length, go);

  const show = (now) => {
    step = now;
    const frame = prepared(heat, Math.max(60, Math.min(420, 6 * units)));
    const colours = ["card", "one", "two"].map(rgb), [none, below, above] = colours;
    if (String(colours) !== imageColours) {
      imageColours = String(colours);
      image = cellImage(
        scales.map((_, unit) => column(episode.memory, unit)),
        (value, unit) => mixed(none, value < 0 ? below : above, Math.abs(value) / scales[unit]));
    }
    drawCells(frame, image);
    const high = frame.height / units;
    frame.pen.strokeStyle = colour("ink");
    frame.pen.lineWidth = 1.5;
    frame.pen.strokeRect(0.75, agent.unit * high, frame.width - 1.5, Math.max(high, 3));
    markStep(frame, step, length, false);
    choice.value = agent.unit;
    showFollowed();
    showTrace();
  };

  const showFollowed = () => {
    const buttons = agent.follows[agent.unit].map((found, i) => {
      const button = element("button", `${nameOf(agent, found)}, r ${found.r.toFixed(2)}`);
      button.type = "button";
      button.setAttribute("aria-pressed", String(i === followed));
      button.onclick = () => { followed = i; show(step); part.querySelectorAll(".follows button")[i].focus(); };
      return button;
    });
    const says = buttons.length ? `Unit ${agent.unit} follows most:` : `Unit ${agent.unit} follows nothing: it does not vary.`;
    part.querySelector(".follows").replaceChildren(element("span", says), ...buttons);
    const found = agent.follows[agent.unit][followed];
    part.querySelector(".legend").textContent = found
      ? `Blue: unit ${agent.unit}. Dashed: ${nameOf(agent, found)}${found.r < 0 ? ", upside down because r is below zero" : ""}.`
      : `Blue: unit ${agent.unit}.`;
  };

  const showTrace = () => {
    const frame = prepared(trace, 120), values = column(episode.memory, agent.unit);
    const found = agent.follows[agent.unit][followed];
    if (found) {
      const beside = seriesOf(episode, found);
      const [low, high] = rangeOf(...agent.episodes.map((e) => seriesOf(e, found)));
      drawLine(frame, beside, found.r < 0 ? [high, low] : [low, high], "two", { dash: [5, 4], wide: 1.5 });
    }
    const range = rangeOf(values);
    drawLine(frame, values, range, "one");
    drawLimits(frame, range);
    markStep(frame, step, length);
  };
  return show;
}

function nameOf(agent, { kind, place }) {
  if (kind === "time") return "the time since the start";
  if (kind === "hidden") return `hidden: ${agent.hidden[place]}`;
  const name = agent.seen.names[place];
  return `seen: ${Number.isNaN(Number(name)) ? name : "entry " + name}`;
}

function seriesOf(episode, { kind, place }) {
  if (kind === "time") return episode.value.map((_, step) => step);
  return column(kind === "hidden" ? episode.hidden : episode.seen, place);
}

/** The unit that follows something most. */
function clearest(agent) {
  const strength = agent.follows.map((found) => (found.length ? Math.abs(found[0].r) : 0));
  return strength.indexOf(Math.max(...strength));
}
