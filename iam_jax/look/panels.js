// The panels of one agent. Each function takes the agent, its part of the page and what is chosen, prepares the
// part for an episode and returns what shows a step of it.

const png = (data) => "data:image/png;base64," + data;
const column = (rows, i) => rows.map((row) => row[i]);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A click on a chart goes to its step. */
function goesTo(canvas, length, go) {
  canvas.onclick = (event) => {
    const box = canvas.getBoundingClientRect();
    go(Math.min(length - 1, Math.floor(((event.clientX - box.left) / box.width) * length)), event, box);
  };
}

function picturePanel(agent, part, episode) {
  part.hidden = !episode.frames.length;
  const image = part.querySelector("img");
  return (step) => {
    if (part.hidden) return;
    image.src = png(agent.pictures[episode.frames[step]]);
    image.classList.toggle("smooth", image.naturalWidth > 200);
  };
}

function seenPanel(agent, part, episode) {
  const { names, leftOut } = agent.seen, reads = agent.reads;
  const more = leftOut ? ` The first ${names.length} of ${names.length + leftOut} entries are shown.` : "";
  part.querySelector(".note").textContent = reads.text + more;
  part.classList.toggle("wide", !episode.frames.length);
  const sights = sightPart(agent, part.querySelector(".sights"), episode);
  const box = part.querySelector(".cells");
  box.hidden = !names.length;
  box.classList.toggle("named", names.some((name) => name.length > 4));
  const heads = reads.attends && !reads.map ? episode.attention[0].length : reads.weights ? 1 : 0;
  const cells = names.map((name, i) => {
    const cell = element("div", undefined, "cell");
    cell.append(element("small", name), element("b"), ...Array.from({ length: heads }, () => element("i")));
    cell.classList.toggle("chosen", Boolean(reads.chosen && reads.chosen[i]));
    return cell;
  });
  box.replaceChildren(...cells);
  const largest = names.map((_, i) => Math.max(1e-9, ...agent.episodes.flatMap((e) => column(e.seen, i)).map(Math.abs)));
  return (step) => {
    sights(step);
    cells.forEach((cell, i) => {
      const value = episode.seen[step][i], strength = Math.abs(value) / largest[i];
      cell.querySelector("b").textContent = shown(value);
      cell.title = `${names[i]}: ${shown(value)}` + (reads.chosen && reads.chosen[i] ? ", in the d-set" : "");
      cell.classList.toggle("zero", value === 0);
      cell.style.background = `color-mix(in srgb, var(--one) ${Math.round(45 * strength)}%, var(--fill))`;
      cell.querySelectorAll("i").forEach((bar, head) => {
        const weight = reads.weights ? reads.weights[i] : episode.attention[step][head][i];
        bar.style.width = 100 * weight + "%";
        cell.title += reads.weights ? `, weight ${shown(weight)}` : `, attention of head ${head + 1}: ${shown(weight)}`;
      });
    });
  };
}

/** The picture that the agent sees, once for each head of its attention. */
function sightPart(agent, part, episode) {
  const map = agent.reads.map;
  const heads = map && agent.reads.attends ? episode.attention[0].length : 1;
  const figures = Array.from({ length: episode.sights.length ? heads : 0 }, () => {
    const figure = element("figure");
    figure.append(element("canvas"), element("figcaption"));
    return figure;
  });
  part.replaceChildren(...figures);
  const image = new Image();
  let now = 0;
  image.onload = () => figures.forEach((figure, head) => {
    const canvas = figure.querySelector("canvas");
    const weights = map && (map.regions || episode.attention[now][head]);
    if (weights) {
      drawAttended(canvas, image, weights, map);
      if (!map.regions) figure.querySelector("figcaption").textContent = `Head ${head + 1}, peak ${shown(Math.max(...weights))}`;
      return;
    }
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
  });
  return (step) => {
    now = step;
    if (figures.length) image.src = png(agent.sights[episode.sights[step]]);
  };
}

function policyPanel(agent, part, episode, go) {
  const box = part.querySelector(".choices"), parts = [];
  const make = episode.choices ? choicePart : numberPart;
  const count = episode.choices ? episode.choices.length : episode.numbers.mean[0].length;
  for (let i = 0; i < count; i++) parts.push(make(episode, i, count, go));
  box.replaceChildren(...parts.flatMap((made) => made.elements));
  return (step) => parts.forEach((made) => made.show(step));
}

/** One choice among several actions: their probabilities now, and over time. */
function choicePart(episode, i, count, go) {
  const most = 12, probabilities = episode.choices[i], length = probabilities.length;
  const title = element("h4", count > 1 ? `Choice ${i + 1}` : ""), bars = element("div", undefined, "bars");
  const canvas = element("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Probability of each action over time; the dot is the action taken");
  title.hidden = count === 1;
  goesTo(canvas, length, go);
  const actions = probabilities[0].map((_, action) => action);
  const show = (step) => {
    const now = probabilities[step], taken = episode.action[step][i];
    let listed = actions;
    if (actions.length > most) {
      listed = [...actions].sort((a, b) => now[b] - now[a]).slice(0, most);
      if (!listed.includes(taken)) listed[most - 1] = taken;
    }
    bars.replaceChildren(...listed.flatMap((action) => {
      const track = element("div", undefined, "track"), bar = element("i");
      bar.style.width = 100 * now[action] + "%";
      track.append(bar);
      const name = `action ${action}${action === taken ? ", taken" : ""}`;
      return [element("span", name, action === taken ? "taken" : ""), track, element("span", (100 * now[action]).toFixed(1) + "%")];
    }));
    const frame = prepared(canvas, Math.min(160, Math.max(44, 18 * actions.length)));
    const [from, to] = [rgb("card"), rgb("one")];
    drawCells(frame, cellImage(actions.map((action) => column(probabilities, action)), (p) => mixed(from, to, p)));
    const wide = frame.width / length, high = frame.height / actions.length;
    frame.pen.fillStyle = colour("two");
    for (let t = 0; t < length; t++) {
      frame.pen.beginPath();
      frame.pen.arc((t + 0.5) * wide, (episode.action[t][i] + 0.5) * high, Math.max(1, Math.min(4, wide / 3, high / 3)), 0, 7);
      frame.pen.fill();
    }
    markStep(frame, step, length, false);
  };
  return { elements: [title, bars, canvas], show };
}

/** One number that is drawn around a mean: where two thirds of the draws lie, and what was taken. */
function numberPart(episode, i, count, go) {
  const [low, mean, high] = ["low", "mean", "high"].map((name) => column(episode.numbers[name], i));
  const taken = column(episode.action, i), range = rangeOf(low, high, taken);
  const title = element("h4"), canvas = element("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Number ${i + 1} of the action over time`);
  goesTo(canvas, mean.length, go);
  const show = (step) => {
    const before = count > 1 ? `Number ${i + 1}: mean` : "Mean";
    title.textContent = `${before} ${shown(mean[step])}, two thirds from ${shown(low[step])} to ${shown(high[step])}; taken ${shown(taken[step])}`;
    const frame = prepared(canvas, 90);
    drawBand(frame, low, high, range);
    drawLine(frame, mean, range, "one");
    drawLine(frame, taken, range, "two", { wide: 1.2 });
    drawLimits(frame, range);
    markStep(frame, step, mean.length);
  };
  return { elements: [title, canvas], show };
}

function valuePanel(agent, part, episode, go) {
  const canvas = part.querySelector("canvas"), { value, reward } = episode, length = value.length;
  goesTo(canvas, length, go);
  const range = rangeOf(value), largest = Math.max(1e-9, ...reward.map(Math.abs));
  const sums = reward.reduce((all, x) => [...all, (all.at(-1) || 0) + x], []);
  return (step) => {
    part.querySelector(".note").textContent =
      `Value ${shown(value[step])} · reward of this step ${shown(reward[step])} · return so far ${shown(sums[step])}`;
    const frame = prepared(canvas, 120), wide = frame.width / length;
    frame.pen.fillStyle = colour("two");
    frame.pen.globalAlpha = 0.6;
    reward.forEach((x, t) => {
      const high = (Math.abs(x) / largest) * 36;
      frame.pen.fillRect(t * wide, x > 0 ? frame.height - high : 0, Math.max(1, wide - 1), high);
    });
    frame.pen.globalAlpha = 1;
    drawLine(frame, value, range, "one");
    drawLimits(frame, range);
    markStep(frame, step, length);
  };
}

function readingsPanel(agent, part, episode, go) {
  const note = part.querySelector(".note"), list = part.querySelector("ul");
  part.hidden = !agent.units;
  note.textContent = !agent.hidden.length
    ? "This environment does not say what it hides, so there is nothing to compare the memory with."
    : !agent.readings.length
      ? "Nothing that is hidden varies from episode to episode in what was played."
      : "The truth is drawn dark, and what a linear reading of the memory says of it blue. The reading was fitted on " +
        "other episodes. R² is the share of variance that it explains in episodes it was not fitted on" +
        (agent.readings[0].r2Seen === null ? "." : ", beside that of a reading of the present observation alone.");
  const shows = [];
  list.replaceChildren(...agent.readings.map((reading, i) => {
    const truthOf = (e) => column(e.hidden, reading.variable);
    const readOf = (e) => e.read[i].map((x, t) => (e.hidden[t][reading.variable] === null ? null : x));
    const truth = truthOf(episode), read = readOf(episode);
    const item = element("li"), names = element("div"), now = element("span"), canvas = element("canvas");
    const scores = `R² ${shown(reading.r2)}` + (reading.r2Seen === null ? "" : `, from what it sees now ${shown(reading.r2Seen)}`);
    names.append(element("strong", agent.hidden[reading.variable]), now);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${agent.hidden[reading.variable]} over time: truth and reading`);
    goesTo(canvas, truth.length, go);
    const range = rangeOf(...agent.episodes.flatMap((e) => [truthOf(e), readOf(e)]));
    item.append(names, element("div", scores, "scores"), canvas);
    shows.push((step) => {
      if (truth[step] === null) now.replaceChildren("not there now");
      else now.replaceChildren(element("span", `truth ${shown(truth[step])}`, "truth"), " · ", element("span", `read ${shown(read[step])}`, "read"));
      const frame = prepared(canvas, 56);
      drawLine(frame, truth, range, "ink", { wide: 2 });
      drawLine(frame, read, range, "one", { wide: 1.5 });
      markStep(frame, step, truth.length);
    });
    return item;
  }));
  return (step) => shows.forEach((show) => show(step));
}
