"use strict";
const cards = JSON.parse(document.getElementById("data").textContent);
const control = (id) => document.getElementById(id);
const chosen = cards.map(() => 0);
const decoded = new Map();
const COLORS = {
  viridis: ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"],
  cividis: ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"],
  grey: ["000000", "ffffff"],
};

function color(name, share) {
  const stops = COLORS[name];
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
  if (!map || share === 0) return;
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
  context.drawImage(layer, 0, 0, canvas.width, canvas.height);
}

async function read(canvas, event) {
  const { card, method } = canvas.shown;
  const map = cards[card].maps[method][chosen[card]];
  if (!map) return;
  const box = canvas.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
  const value = (await values(map))[Math.floor(y * map.height) * map.width + Math.floor(x * map.width)];
  const place = `x ${Math.floor(x * cards[card].width)}, y ${Math.floor(y * cards[card].height)}`;
  control("readout").textContent = `${value.toFixed(3)} at ${place} (${method})`;
}

function enlarge(canvas) {
  const large = document.querySelector("dialog canvas");
  large.shown = canvas.shown;
  large.picture = canvas.picture;
  document.querySelector("dialog span").textContent = canvas.getAttribute("aria-label");
  control("zoom").showModal();
  draw(large);
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
document.querySelectorAll("canvas").forEach((canvas) => canvas.addEventListener("pointermove", (e) => read(canvas, e)));
document.querySelector("dialog button").addEventListener("click", () => control("zoom").close());
["blend", "colors", "stretch"].forEach((id) => control(id).addEventListener("input", redraw));
control("theme").addEventListener("change", () => (document.documentElement.dataset.theme = control("theme").value));
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
