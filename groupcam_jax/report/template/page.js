"use strict";
const { cards, colors } = JSON.parse(document.getElementById("data").textContent);
const control = (id) => document.getElementById(id);
const chosen = cards.map(() => 0);
const decoded = new Map();

function color(name, share) {
  const stops = colors[name];
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  const channel = (stop, c) => parseInt(stops[stop].slice(2 * c, 2 * c + 2), 16);
  return [0, 1, 2].map((c) => channel(first, c) + (place - first) * (channel(first + 1, c) - channel(first, c)));
}

async function values(map) {
  if (!decoded.has(map)) {
    const bytes = Uint8Array.from(atob(map.data), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const levels = new Uint8Array(await new Response(stream).arrayBuffer());
    const { width } = map;
    for (let i = 0; i < levels.length; i++) if (i % width) levels[i] += levels[i - 1];
    for (let i = width; i < levels.length; i++) levels[i] += levels[i - width];
    decoded.set(map, Float32Array.from(levels, (level) => map.low + (level / 255) * (map.high - map.low)));
  }
  return decoded.get(map);
}

async function draw(canvas) {
  const { card, method } = canvas.shown;
  const told = cards[card];
  const map = told.maps[method][chosen[card]];
  const name = told.classes[chosen[card]].name;
  const problem = !map ? "not finite, nothing to show" : map.blank ? "the same everywhere" : "";
  const note = canvas.parentElement.querySelector(".note");
  if (note) note.textContent = problem;
  canvas.setAttribute("aria-label", `Saliency of ${method} for ${name} in ${told.name}${problem && `: ${problem}`}`);
  const picture = await canvas.picture;
  const found = map && (await values(map));
  if (map !== told.maps[method][chosen[card]]) return; // another class has been chosen meanwhile
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  const context = canvas.getContext("2d");
  const share = control("blend").value / 100;
  context.filter = `grayscale(${Math.min(1, 2 * share)})`;
  context.drawImage(picture, 0, 0);
  context.filter = "none";
  if (map && share > 0) context.drawImage(colored(map, found, share), 0, 0, canvas.width, canvas.height);
  if (canvas.pointer) drawPointer(canvas);
}

function colored(map, found, share) {
  const top = control("stretch").checked ? map.brightest : map.high;
  const layer = new OffscreenCanvas(map.width, map.height);
  const pixels = new ImageData(map.width, map.height);
  const table = Array.from({ length: 256 }, (_, level) => color(control("colors").value, level / 255));
  found.forEach((value, i) => {
    const bright = Math.min(1, Math.max(0, (value - map.low) / (top - map.low)));
    const opacity = Math.min(1, 1.5 * share) * bright ** ((1 - share) / share);
    pixels.data.set([...table[Math.round(255 * bright)], 255 * opacity], 4 * i);
  });
  layer.getContext("2d").putImageData(pixels, 0, 0);
  return layer;
}

async function read(canvas, x, y) { // both in [0, 1)
  const { card, method } = canvas.shown;
  const map = cards[card].maps[method][chosen[card]];
  if (!map || x < 0 || y < 0 || x >= 1 || y >= 1) return;
  const value = (await values(map))[Math.floor(y * map.height) * map.width + Math.floor(x * map.width)];
  const place = `x ${Math.floor(x * cards[card].width)}, y ${Math.floor(y * cards[card].height)}`;
  const text = `${value.toFixed(3)} at ${place} (${method})`;
  document.querySelectorAll(".readout").forEach((output) => (output.textContent = text));
}

function underPointer(event) {
  const box = event.target.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
function walk(canvas, event) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const sides = [canvas.width, canvas.height];
  const stride = event.shiftKey ? 1 : Math.max(1, Math.round(Math.min(...sides) / 40));
  const from = canvas.pointer ?? sides.map((side) => Math.floor(side / 2));
  canvas.pointer = from.map((place, i) => Math.min(Math.max(place + stride * step[i], 0), sides[i] - 1));
  draw(canvas);
  read(canvas, (canvas.pointer[0] + 0.5) / sides[0], (canvas.pointer[1] + 0.5) / sides[1]);
}

function drawPointer(canvas) {
  const context = canvas.getContext("2d");
  const [x, y] = canvas.pointer.map((place) => place + 0.5);
  const reach = Math.max(6, canvas.width / 30);
  for (const [style, width] of [["#000", 3], ["#fff", 1]]) {
    context.strokeStyle = style;
    context.lineWidth = (width * Math.max(canvas.width, 300)) / 300;
    context.beginPath();
    for (const side of [-1, 1]) {
      context.moveTo(x + side * 2, y), context.lineTo(x + side * reach, y);
      context.moveTo(x, y + side * 2), context.lineTo(x, y + side * reach);
    }
    context.stroke();
  }
}

const visible = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) visible.add(target), draw(target);
    else visible.delete(target);
  }
}, { rootMargin: "300px" });
const redraw = () => {
  visible.forEach(draw);
  if (control("zoom").open) draw(document.querySelector("dialog canvas"));
};

document.querySelectorAll("article").forEach((article) => {
  const card = Number(article.dataset.card);
  const image = article.querySelector("img");
  const picture = image.decode().then(() => image);
  const buttons = [...article.querySelectorAll("button")];
  const choose = (which) => {
    if (!buttons[which]) return;
    chosen[card] = which;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === which)));
    article.querySelectorAll("canvas").forEach(draw);
  };
  buttons.forEach((button, which) => button.addEventListener("click", () => choose(which)));
  article.addEventListener("keydown", (event) => {
    if (event.key >= "1" && event.key <= "9") choose(Number(event.key) - 1);
  });
  article.querySelectorAll("canvas").forEach((canvas) => {
    canvas.shown = { card, method: canvas.dataset.method };
    canvas.picture = picture;
    canvas.addEventListener("click", () => enlarge(canvas));
    canvas.addEventListener("keydown", (event) => event.key === "Enter" && enlarge(canvas));
    watcher.observe(canvas);
  });
});
document.querySelectorAll("canvas").forEach((canvas) => {
  canvas.addEventListener("pointermove", (event) => read(canvas, ...underPointer(event)));
  canvas.addEventListener("keydown", (event) => walk(canvas, event));
  canvas.addEventListener("blur", () => {
    if (canvas.pointer) canvas.pointer = null, draw(canvas);
  });
});
["blend", "colors", "stretch"].forEach((id) => control(id).addEventListener("input", redraw));
const scale = () => {
  const stops = colors[control("colors").value].map((stop) => `#${stop}`);
  document.querySelector(".scale i").style.background = `linear-gradient(to right, ${stops})`;
};
control("colors").addEventListener("input", scale);
scale();
control("theme").addEventListener("change", () => (document.documentElement.dataset.theme = control("theme").value));
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
