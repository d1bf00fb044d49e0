"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  let language = "en";
  const say = (key, values = {}) => data.words[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

  // ---- the table

  function sortBy(button) {
    const column = Number(button.dataset.column);
    const head = button.closest("th");
    const first = Number(button.dataset.better) > 0 ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? second : first;
    document.querySelectorAll("#numbers th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const body = document.querySelector("#numbers tbody");
    const key = (row) => row.children[column].dataset.sort;
    const sign = order === "ascending" ? 1 : -1;
    // What is missing stands last, however it is sorted.
    const compare = (a, b) =>
      (key(a) === "") - (key(b) === "") || (key(a) === "" ? 0 : sign * (Number(key(a)) - Number(key(b))));
    body.append(...[...body.children].sort(compare));
    byId("status").textContent = say("sorted", { column: button.innerText.trim(), order: say(order) });
  }

  function showGroup(box) {
    document.querySelectorAll(`#numbers .g-${box.dataset.group}`).forEach((cell) => { cell.hidden = !box.checked; });
  }

  // ---- charts

  const COLOURS = ["#2b87c8", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f7a00", "#7d8590"];
  const axis = (key) => data.axes.find((one) => one.key === key);
  const names = (rows, field) => [...new Set(rows.map((row) => row[field]))];
  const colour = (rows, field, title, legend) => ({
    field, type: "nominal", title, scale: { domain: names(rows, field), range: COLOURS }, legend,
  });
  // The page's own colour, so that light, dark and print need no other drawing.
  const ink = "currentColor";
  const config = {
    background: null, font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, tickColor: ink, domainColor: ink, gridColor: ink, gridOpacity: 0.15, labelFontSize: 12, titleFontSize: 13, labelLimit: 300 },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, labelLimit: 320, symbolSize: 110 },
  };

  async function draw(id, description, spec) {
    const place = byId(id);
    const whole = {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json", width: "container", height: 380,
      autosize: { type: "fit-x", contains: "padding" }, config, description, ...spec,
    };
    // `ast`: no code is made of strings, which the page's policy forbids.
    return (await vegaEmbed(place, whole, { renderer: "svg", actions: false, ast: true })).view;
  }

  function front(points, x, y) {
    const better = (key) => (key === x ? axis(x) : axis(y)).better;
    const beats = (a, b) => [x, y].every((key) => better(key) * (a[key] - b[key]) >= 0)
      && [x, y].some((key) => a[key] !== b[key]);
    return points.filter((one) => !points.some((other) => beats(other, one))).sort((a, b) => a[x] - b[x]);
  }

  const SIZE = 11; // of a name, in pixels
  // Where a name may stand, the best first, in pixels from the middle of its point: close beside it, then further away
  // in eight directions, where a thin line leads to it.
  const SIDES = [[10, 0], [-10, 0], ...[14, 24, 36, 50, 66].flatMap((far) => [[0.7, -1], [0.7, 1], [-0.7, -1], [-0.7, 1],
    [0, -1], [0, 1], [1, 0], [-1, 0]].map(([right, below]) => [right * far, below * far]))];

  // Points with a place for their names: inside the plot, on no other name, point or thin line, and with a thin line
  // over no other point, or where that cannot be, over points alone. Those of the front choose first; a name without
  // room is empty.
  function named(points, ahead, [x, y], view) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${SIZE}px system-ui, sans-serif`;
    const at = (one) => [view.scale("x")(one[x]), view.scale("y")(one[y])];
    const taken = points.map((one) => ({ one, box: around(at(one), 6) }));
    const free = (box, passes) => taken.every((other) => (other.one && passes(other.one)) || apart(box, other.box));
    const inside = ([left, top, right, bottom]) => left >= 0 && top >= 0 && right <= view.width() && bottom <= view.height();
    return [...ahead, ...points.filter((one) => !ahead.includes(one))].map((one) => {
      const [width, [across, down]] = [pen.measureText(one.name).width + 2, at(one)];
      for (const [number, [dx, dy]] of [...SIDES, ...SIDES].entries()) {
        const left = across + dx - width * (dx > 0 ? 0 : dx < 0 ? 1 : 0.5);
        const box = [left, down + dy - SIZE / 2, left + width, down + dy + SIZE / 2];
        const far = number % SIDES.length > 1;
        const passes = (point) => point === one || number >= SIDES.length;
        const steps = far ? [0.2, 0.35, 0.5, 0.65, 0.8].map((part) => around([across + part * dx, down + part * dy], 1)) : [];
        if (!inside(box) || !free(box, () => false) || !steps.every((step) => free(step, passes))) continue;
        taken.push(...[box, ...steps].map((box) => ({ box })));
        const end = dx === 0 ? dy - Math.sign(dy) * SIZE / 2 : dy;
        return { ...one, dx, dy, align: dx > 0 ? "left" : dx < 0 ? "right" : "center", toX: far ? dx : 0, toY: far ? end : 0 };
      }
      return nameless(one);
    });
  }

  const nameless = (one) => ({ ...one, name: "", dx: 0, dy: 0, align: "left", toX: 0, toY: 0 });
  const around = ([x, y], far) => [x - far, y - far, x + far, y + far];
  const apart = (a, b) => a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3];

  // Nothing that is measured is below 0: room that names need there is not a part of the axis.
  const above = { condition: { test: "datum.value < 0", value: 0 }, value: 1 };
  const fromZero = { labelExpr: "datum.value < 0 ? '' : datum.label", tickOpacity: above, gridOpacity: above };

  async function drawScatter() {
    const [x, y] = [byId("across").value, byId("up").value];
    const field = (key) => key.replace(/[.\[\]]/g, "\\$&");
    const points = data.points.filter((one) => x in one && y in one);
    const ahead = front(points, x, y);
    const along = (key) => ({
      field: field(key), type: "quantitative", title: axis(key)[language], axis: fromZero,
      scale: { zero: false, padding: 24, nice: true },
    });
    const place = { x: along(x), y: along(y) };
    const tooltip = [
      { field: "name", title: say("model") },
      { field: field(x), title: axis(x)[language], format: ",.4~g" },
      { field: field(y), title: axis(y)[language], format: ",.4~g" },
      { field: "variant", title: say("variant") },
      { field: "detector", title: say("detector") },
    ];
    const view = await draw("scatter", `${say("scatter")}: ${axis(x)[language]}, ${axis(y)[language]}`, {
      data: { values: points },
      layer: [
        { data: { values: ahead }, mark: { type: "line", interpolate: "linear", color: ink, opacity: 0.45, strokeDash: [5, 4], aria: false }, encoding: place },
        {
          data: { name: "names", values: points.map(nameless) },
          mark: { type: "rule", x2Offset: { expr: "datum.toX" }, y2Offset: { expr: "datum.toY" }, color: ink, opacity: 0.5, aria: false },
          encoding: { ...place, x2: { field: field(x) }, y2: { field: field(y) } },
        },
        {
          name: "points", mark: { type: "point", filled: true, size: 150, opacity: 1 },
          encoding: {
            ...place, tooltip,
            color: colour(points, "yolo", say("yolo"), { orient: "bottom" }),
            shape: { field: "kind", type: "nominal", title: say("variant"), legend: { orient: "bottom", symbolFillColor: ink, symbolStrokeColor: ink }, scale: { domain: ["stock", "RevCol"], range: ["circle", "diamond"] } },
          },
        },
        {
          data: { name: "names" },
          mark: { type: "text", align: { expr: "datum.align" }, dx: { expr: "datum.dx" }, dy: { expr: "datum.dy" }, baseline: "middle", fontSize: SIZE, fill: ink, aria: false },
          encoding: { ...place, text: { field: "name" } },
        },
      ],
    });
    // Where there is room is known when the scales are, and changes with the width.
    const name = () => view.data("names", named(points, ahead, [x, y], view)).runAsync();
    view.addSignalListener("width", () => setTimeout(name));
    await name();
    reachable();
  }

  function reachable() {
    // Vega names every point for screen readers; with the Tab key they are reached too.
    byId("scatter").querySelectorAll("path[aria-label][role='graphics-symbol']").forEach((point) => {
      if (point.closest(".role-legend, .role-axis")) return;
      point.setAttribute("tabindex", "0");
      point.addEventListener("focus", () => { byId("scatter-detail").textContent = point.getAttribute("aria-label"); });
      point.addEventListener("blur", () => { byId("scatter-detail").textContent = ""; });
    });
  }

  async function drawCurves() {
    const y = byId("curve").value;
    const field = y.replace(/[.\[\]]/g, "\\$&");
    const rows = data.curves.filter((row) => y in row);
    const legend = { orient: "bottom", columns: 2 };
    await draw("curves", `${say("curves")}: ${y}`, {
      data: { values: rows },
      mark: { type: "line", point: { size: 40 }, strokeWidth: 2 },
      encoding: {
        x: { field: "epoch", type: "quantitative", title: say("epoch"), axis: { tickMinStep: 1 } },
        y: { field, type: "quantitative", title: y, scale: { zero: false } },
        color: colour(rows, "name", say("model"), legend),
        detail: { field: "run" },
        tooltip: [
          { field: "run", title: say("model") }, { field: "seed", title: say("seed") },
          { field: "epoch", title: say("epoch") }, { field, title: y, format: ".4~g" },
        ],
      },
    });
  }

  async function drawMemory() {
    const rows = data.memory;
    await draw("memory", say("memory_over_columns"), {
      data: { values: rows },
      mark: { type: "line", point: { size: 60 }, strokeWidth: 2 },
      encoding: {
        x: { field: "columns", type: "quantitative", title: say("columns"), axis: { tickMinStep: 1, values: names(rows, "columns") } },
        y: { field: "mb", type: "quantitative", title: "MB" },
        color: colour(rows, "name", say("model"), { orient: "bottom", columns: 2 }),
        strokeDash: { field: "mode", type: "nominal", title: say("mode"), legend: { orient: "bottom", symbolStrokeColor: ink, symbolFillColor: "transparent" }, scale: { domain: ["exact", "plain"], range: [[1, 0], [6, 4]] } },
        tooltip: [
          { field: "name", title: say("model") }, { field: "mode", title: say("mode") },
          { field: "columns", title: say("columns") }, { field: "mb", title: "MB", format: ",.0f" },
        ],
      },
    });
  }

  async function drawAll() {
    await drawScatter();
    if (byId("curves")) await drawCurves();
    if (byId("memory")) await drawMemory();
    root.dataset.drawn = language;
  }

  // ---- words

  function fill(select, options, chosen) {
    const before = select.value || chosen;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === before)));
  }

  function speak(chosen) {
    language = chosen;
    root.dataset.lang = chosen;
    root.lang = say("lang");
    document.title = say("title");
    byId("language").textContent = say("language");
    byId("language").lang = chosen === "en" ? "zh-CN" : "en";
    byId("status").textContent = "";
    const axes = data.axes.map((one) => [one.key, `${say(`group_${one.group}`)}: ${one[language]}`]);
    fill(byId("across"), axes, data.across);
    fill(byId("up"), axes, data.up);
    if (byId("curve")) {
      const skip = new Set(["name", "run", "seed", "epoch"]);
      const fields = [...new Set(data.curves.flatMap((row) => Object.keys(row)))].filter((key) => !skip.has(key));
      fill(byId("curve"), fields.map((key) => [key, key]), fields.includes("mAP50-95") ? "mAP50-95" : fields[0]);
    }
    return drawAll();
  }

  root.classList.add("live");
  document.querySelectorAll("#numbers thead button").forEach((one) => one.addEventListener("click", () => sortBy(one)));
  document.querySelectorAll("[data-group]").forEach((one) => one.addEventListener("change", () => showGroup(one)));
  byId("language").addEventListener("click", () => speak(language === "en" ? "zh" : "en"));
  ["across", "up"].forEach((id) => byId(id).addEventListener("change", drawScatter));
  byId("curve")?.addEventListener("change", drawCurves);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  speak(navigator.language.startsWith("zh") ? "zh" : "en");
})();
