"use strict";
// Drawing on canvases. Time runs from left to right, and every step has a column of the same width.

const STRONG = [[20, 24, 48], [0, 104, 160], [40, 210, 200], [255, 250, 150]];

/** A colour of the page's style sheet, which depends on light or dark mode. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function rgb(name) {
  const hex = colour(name);
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function mixed(from, to, share) {
  return from.map((x, i) => x + (to[i] - x) * share);
}

/** A context of a canvas whose pixels are those of the screen, with its size in units of the page. */
function prepared(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.style.height = height + "px";
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** Marks the column of a step, which keeps its colours where they mean something. */
function markStep({ pen, width, height }, step, length, fill = true) {
  const column = width / length;
  if (column < 6) {
    pen.fillStyle = colour("ink");
    pen.fillRect((step + 0.5) * column - 0.75, 0, 1.5, height);
    return;
  }
  pen.fillStyle = fill ? colour("shade") : "transparent";
  pen.fillRect(step * column, 0, column, height);
  pen.strokeStyle = colour("ink");
  pen.lineWidth = 1;
  pen.strokeRect(step * column + 0.5, 0.5, column - 1, height - 1);
}

/** Rows of cells, [row][step], each colour made by `shade(value, row)`. Cached as an image of one pixel a cell. */
function cellImage(rows, shade) {
  const image = document.createElement("canvas");
  image.width = rows[0].length;
  image.height = rows.length;
  const pen = image.getContext("2d");
  const pixels = pen.createImageData(image.width, image.height);
  rows.forEach((row, y) => row.forEach((value, x) => {
    pixels.data.set([...shade(value, y), 255], 4 * (y * image.width + x));
  }));
  pen.putImageData(pixels, 0, 0);
  return image;
}

function drawCells(frame, image) {
  frame.pen.imageSmoothingEnabled = false;
  frame.pen.drawImage(image, 0, 0, frame.width, frame.height);
}

/** Least and greatest of all numbers, somewhat apart. */
function rangeOf(...lists) {
  const all = lists.flat().filter((x) => x !== null);
  const low = Math.min(...all), high = Math.max(...all);
  return !all.length ? [0, 1] : high > low ? [low, high] : [low - 1, high + 1];
}

/** A line through values; null is a gap. */
function drawLine(frame, values, [low, high], name, options = {}) {
  const { pen, width, height } = frame;
  const column = width / values.length, margin = 6;
  const y = (x) => height - margin - ((x - low) / (high - low)) * (height - 2 * margin);
  pen.beginPath();
  let down = false;
  values.forEach((value, step) => {
    if (value === null) { down = false; return; }
    const x = (step + 0.5) * column;
    if (down) pen.lineTo(x, y(value)); else pen.moveTo(x, y(value));
    if (!down && (values[step + 1] ?? null) === null) pen.arc(x, y(value), 1.5, 0, 7);
    down = true;
  });
  pen.setLineDash(options.dash || []);
  pen.strokeStyle = colour(name);
  pen.lineWidth = options.wide || 2;
  pen.lineJoin = "round";
  pen.stroke();
  pen.setLineDash([]);
}

/** The space between two lines. */
function drawBand(frame, lower, upper, [low, high]) {
  const { pen, width, height } = frame;
  const column = width / lower.length, margin = 6;
  const y = (x) => height - margin - ((x - low) / (high - low)) * (height - 2 * margin);
  pen.beginPath();
  upper.forEach((value, step) => pen.lineTo((step + 0.5) * column, y(value)));
  for (let step = lower.length - 1; step >= 0; step--) pen.lineTo((step + 0.5) * column, y(lower[step]));
  pen.fillStyle = colour("shade");
  pen.fill();
}

/** The limits of an axis, written into its corners. */
function drawLimits({ pen, height }, [low, high]) {
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = colour("soft");
  pen.strokeStyle = colour("card");
  pen.lineWidth = 4;
  for (const [value, baseline, y] of [[high, "top", 2], [low, "bottom", height - 1]]) {
    pen.textBaseline = baseline;
    pen.strokeText(shown(value), 3, y);
    pen.fillText(shown(value), 3, y);
  }
}

/** An image under a map of the agent's attention, of the weights of regions. */
function drawAttended(canvas, picture, weights, map) {
  const enlarge = Math.max(1, Math.round(240 / map.across.length));
  canvas.width = map.across.length * enlarge;
  canvas.height = map.down.length * enlarge;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const full = Math.max(...weights, 4 / weights.length);
  const rows = map.down.map((down) => map.across[0].map((_, column) =>
    down.reduce((sum, share, row) => sum + share * weights[row * map.columns + column], 0)));
  const image = document.createElement("canvas");
  image.width = map.across.length;
  image.height = map.down.length;
  const heat = image.getContext("2d"), pixels = heat.createImageData(image.width, image.height);
  rows.forEach((row, y) => map.across.forEach((across, x) => {
    const light = Math.min(1, across.reduce((sum, share, column) => sum + share * row[column], 0) / full);
    pixels.data.set([...strong(light), 191 * light ** 0.75], 4 * (y * image.width + x));
  }));
  heat.putImageData(pixels, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
}

function strong(light) {
  const place = Math.min(light * 3, 2.999), part = Math.floor(place);
  return mixed(STRONG[part], STRONG[part + 1], place - part);
}

/** A number as a person reads it. */
function shown(value) {
  if (value === null) return "–";
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.001 ? "0.00" : Math.abs(value) < 10 ? value.toFixed(2) : value.toPrecision(3);
}
