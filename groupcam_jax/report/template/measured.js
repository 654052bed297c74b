document.querySelectorAll(".measured table:not(.extremes)").forEach((table) => {
  const heads = [...table.querySelectorAll("thead th")];
  const value = (row, column) => {
    const cell = row.cells[column];
    if (!("value" in cell.dataset)) return cell.textContent;
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const rising = column === 0 ? head.ariaSort !== "ascending" : head.ariaSort === "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].sort((one, other) => {
      const [a, b] = [value(one, column), value(other, column)];
      if (a === null || b === null) return (a === null) - (b === null); // what was not measured comes last
      return (a < b ? -1 : a > b ? 1 : 0) * (rising ? 1 : -1);
    });
    table.tBodies[0].append(...rows);
  }));
});

const tip = control("tip");
function tell(point) { // with those of other curves at its place: they may lie beneath it
  const box = point.getBoundingClientRect();
  const curves = [...point.closest(".curve").parentElement.querySelectorAll(":scope > .curve")];
  const beside = curves.flatMap((curve) => [...curve.querySelectorAll(`use[x="${point.getAttribute("x")}"]`)]);
  tip.textContent = beside.map((one) => one.querySelector("title").textContent).join("\n");
  tip.hidden = false;
  const left = box.left + box.width / 2 - tip.offsetWidth / 2;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${box.top > 60 ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
}
const untell = () => (tip.hidden = true);
document.querySelectorAll(".curve").forEach((curve) => {
  const points = [...curve.querySelectorAll("use")];
  let place = -1;
  points.forEach((point) => {
    point.addEventListener("pointerenter", () => tell(point));
    point.addEventListener("pointerleave", untell);
  });
  curve.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !points.length) return;
    event.preventDefault();
    place = Math.min(Math.max(place + step, 0), points.length - 1);
    tell(points[place]);
  });
  curve.addEventListener("blur", untell);
});
