// Draws series over time with uPlot: stacked bars for what adds up, lines for what does not. Colours come from theme.css, and a table beside the
// chart says the same in words.

import { fill, h } from "./dom.js";
import { day } from "./format.js";

const DAY = 86_400;

/** The colour of series `index`, as theme.css has it now; a canvas does not know variables. */
function resolved(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** The variable's name for series `index`; the last one is for what is left over. */
export const tint = (index) => `s${Math.min(index, 7)}`;

const clock = (seconds) => {
  const at = new Date(seconds * 1000);
  return `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
};

function timeLabels(_, splits, __, ___, step) {
  return splits.map((at) => (step >= DAY || new Date(at * 1000).getHours() === 0 ? day(at) : clock(at)));
}

function axes(format) {
  const stroke = resolved("muted");
  const grid = { stroke: resolved("grid"), width: 1 };
  const font = "11px Inter, system-ui, sans-serif";
  return [
    { stroke, font, grid: { show: false }, ticks: { show: false }, values: timeLabels, space: 64, size: 28, gap: 6 },
    {
      stroke,
      font,
      grid,
      ticks: { show: false },
      values: (_, splits) => splits.map(format),
      size: 54,
      gap: 8,
      space: 36,
    },
  ];
}

/** Sums from the bottom up, so that the first drawn bar is the whole and each later one covers its own part. */
function stacked(series) {
  const sums = [];
  series.forEach(({ values }, at) =>
    sums.push(values.map((value, index) => (value ?? 0) + (at ? sums[at - 1][index] : 0))),
  );
  return sums.reverse();
}

function tooltip(state) {
  const box = h("div.tip", { "aria-hidden": "true" });
  const move = (plot) => {
    const { idx, left } = plot.cursor;
    box.hidden = idx === null || idx === undefined || left < 0;
    if (box.hidden) return;
    fill(box, tip(state.data, idx));
    const right = left > plot.over.clientWidth / 2;
    box.style.left = right ? "" : `${left + 12}px`;
    box.style.right = right ? `${plot.over.clientWidth - left + 12}px` : "";
  };
  return { hooks: { init: (plot) => plot.over.append(box), setCursor: move } };
}

function tip(data, index) {
  const rows = data.series.map((one, at) => [one, at, one.values[index]]).filter(([, , value]) => value);
  const at = data.times[index];
  const when = data.step >= DAY ? day(at) : `${day(at)}, ${clock(at)}–${clock(at + data.step)}`;
  const line = ([one, place, value]) =>
    h(
      "div",
      h("i.swatch", { color: `var(--${one.tint ?? tint(place)})` }),
      h("span", one.name),
      h("b.num", data.format(value)),
    );
  return [h("p", when), rows.length ? rows.sort((a, b) => b[2] - a[2]).map(line) : h("div.muted", "nothing")];
}

/** A chart in `host`: `draw({times, step, series: [{name, values}], format, lines})`, again and again; `end()` takes it away. */
export function chart(host, label) {
  const state = { data: null, plot: null, shape: "" };
  const canvas = h("div.plot", { role: "img", "aria-label": label });
  fill(host, canvas);
  const resize = new ResizeObserver(() =>
    state.plot?.setSize({ width: canvas.clientWidth, height: canvas.clientHeight }),
  );
  resize.observe(canvas);
  const draw = (data) => {
    state.data = data;
    // New values go into the same plot; other series need another one.
    const shape = JSON.stringify([data.lines, data.name, data.series.map((one) => one.name)]);
    if (state.plot && shape === state.shape) state.plot.setData(values(data));
    else build(state, canvas);
    state.shape = shape;
  };
  const repaint = () => state.data && build(state, canvas);
  addEventListener("themechange", repaint);
  const end = () => {
    resize.disconnect();
    removeEventListener("themechange", repaint);
    state.plot?.destroy();
  };
  return { draw, end };
}

const values = (data) => [data.times, ...(data.lines ? data.series.map((one) => one.values) : stacked(data.series))];

function build(state, canvas) {
  const { data } = state;
  state.plot?.destroy();
  const bars = uPlot.paths.bars({ size: [0.82, 44], align: 1, radius: 0 });
  const colours = data.series.map((one, at) => resolved(one.tint ?? tint(at)));
  const line = (colour) => ({
    stroke: colour,
    width: 1.8,
    points: { size: 5, show: data.times.length < 48 },
    spanGaps: true,
  });
  const bar = (colour) => ({ fill: colour, width: 0, paths: bars, points: { show: false } });
  const drawn = data.lines ? colours.map(line) : [...colours].reverse().map(bar);
  const options = {
    width: canvas.clientWidth,
    height: canvas.clientHeight,
    legend: { show: false },
    cursor: { y: false, points: { show: Boolean(data.lines) }, drag: { x: false, y: false } },
    padding: [8, 18, 0, 0],
    scales: {
      x: { time: true, range: () => [state.data.times[0], state.data.times.at(-1) + state.data.step] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: axes((value) => state.data.axis(value)),
    series: [{}, ...drawn],
    plugins: [tooltip(state)],
  };
  state.plot = new uPlot(options, values(data), canvas);
}
