// Makes elements. Text goes in as text, never as markup, so nothing that a provider or a caller wrote can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

/** `h("td.num", {title: "…"}, child, …)`: an element; `on…` members are listeners, `false` and `null` leave an attribute out. */
export function h(what, ...rest) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const part of rest) put(element, part);
  return element;
}

function put(element, part) {
  if (part === null || part === undefined || part === false) return;
  if (Array.isArray(part)) part.forEach((inner) => put(element, inner));
  else if (part instanceof Node) element.append(part);
  else if (typeof part === "object") Object.entries(part).forEach(([name, value]) => set(element, name, value));
  else element.append(String(part));
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "selected" || name === "disabled") element[name] = value;
  else if (name === "width%") element.style.width = `${value}%`;
  else if (name === "left%") element.style.left = `${value}%`;
  else if (name === "color") element.style.setProperty("--own", value);
  else element.setAttribute(name, value === true ? "" : value);
}

/** Puts these children in place of the old ones. */
export function fill(element, ...children) {
  element.replaceChildren();
  for (const child of children) put(element, child);
  return element;
}

const PATHS = {
  overview: "M3 13h3l2.5-7 4 12 2.5-5h6",
  keys: "M14.5 3.5a5 5 0 1 0 0 10 5 5 0 0 0 0-10M11 12l-7.5 7.5M6 17l2.5 2.5",
  plans: "M5 3.5h14v17H5zM8.5 8h7M8.5 12h7M8.5 16h4",
  channels: "M4 7h6c4 0 4 10 8 10h2M4 17h4M14 7h6M17.5 4.5 20 7l-2.5 2.5M17.5 14.5 20 17l-2.5 2.5",
  log: "M4 6h2M9 6h11M4 12h2M9 12h11M4 18h2M9 18h7",
  statements: "M6 3.5h12v17l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
  users:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M3 20c0-4 2.7-6 6-6s6 2 6 6M16 4.5a3.5 3.5 0 0 1 0 6M18 14.5c2 .8 3 2.6 3 5.5",
  audit: "M12 3.5 19 6v6c0 4.5-3 7.3-7 8.5-4-1.2-7-4-7-8.5V6zM9 12l2.2 2.2L15.5 10",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 20.5c.5-4 3.5-6 7.5-6s7 2 7.5 6",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  plus: "M12 5v14M5 12h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5 20 20",
  out: "M14 4h5v16h-5M4 12h11M11 8l4 4-4 4",
  down: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  right: "M9 5l7 7-7 7",
  left: "M15 5l-7 7 7 7",
};

/** A line drawing of this name; only beside words, or in a button that has a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A small line of values, scaled to its own largest one. */
export function spark(values) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const most = Math.max(...values, 0) || 1;
  const step = 100 / Math.max(values.length - 1, 1);
  const point = (value, at) => `${(at * step).toFixed(2)} ${(23 - (21 * value) / most).toFixed(2)}`;
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", values.length > 1 ? `M${values.map(point).join("L")}` : "M0 23L100 23");
  path.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(path);
  return svg;
}
