const frame = document.querySelector(".frame");
const large = frame.firstChild;
let view = { scale: 1, x: 0, y: 0 };

function look(scale, x, y) {
  const bounded = Math.min(24, Math.max(1, scale));
  const within = (shift, side) => Math.min(0, Math.max(side * (1 - bounded), shift));
  view = { scale: bounded, x: within(x, large.offsetWidth), y: within(y, large.offsetHeight) };
  large.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
}

function zoomAt(factor, x, y) { // what is at x, y of the frame stays there
  const grown = Math.min(24, Math.max(1, view.scale * factor)) / view.scale;
  look(view.scale * factor, x - (x - view.x) * grown, y - (y - view.y) * grown);
}

function enlarge(canvas) {
  large.shown = canvas.shown;
  large.picture = canvas.picture;
  const { width, height } = cards[canvas.shown.card];
  large.style.setProperty("--ratio", width / height);
  document.querySelector("dialog span").textContent = canvas.getAttribute("aria-label");
  control("zoom").showModal();
  look(1, 0, 0);
  draw(large);
}

frame.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = frame.getBoundingClientRect();
  zoomAt(1.002 ** -event.deltaY, event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
frame.addEventListener("pointermove", (event) => {
  if (event.buttons === 1) look(view.scale, view.x + event.movementX, view.y + event.movementY);
});
large.addEventListener("keydown", (event) => {
  const factor = { "+": 1.25, "=": 1.25, "-": 0.8 }[event.key];
  if (factor) zoomAt(factor, large.offsetWidth / 2, large.offsetHeight / 2);
});
document.querySelector("dialog button").addEventListener("click", () => control("zoom").close());
