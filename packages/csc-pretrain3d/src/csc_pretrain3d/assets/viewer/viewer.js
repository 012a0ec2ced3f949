"use strict";
// A point cloud on a canvas: points are drawn into a depth buffer, so that nothing but the canvas is needed.
(() => {
  const cloud = JSON.parse(document.getElementById("cloud").textContent);
  const element = (id) => document.getElementById(id);
  const decode = (text, type) => {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new type(bytes.buffer);
  };
  const points = decode(cloud.points, Float32Array), count = points.length / 3;
  const numbers = {};
  for (const [name, each] of Object.entries(cloud.numbers)) numbers[name] = decode(each.values, Float32Array);
  const labels = cloud.labels && decode(cloud.labels, Uint16Array);
  const features = cloud.features && decode(cloud.features, Uint8Array);
  const shown = (cloud.classes || []).map(() => true);

  // colours, as the canvas wants them: 0xAABBGGRR
  const packed = (r, g, b) => (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  const table = (name) => decode(cloud.numbers[name].colours, Uint8Array);
  const colours = {};
  const modes = [...(labels ? ["class"] : []), ...(features ? ["features"] : []), ...Object.keys(numbers).filter(
    (name) => cloud.numbers[name].colours)];
  const coloursOf = (mode) => {
    if (colours[mode]) return colours[mode];
    const made = new Uint32Array(count);
    if (mode === "class") {
      const each = cloud.classes.map((known) => packed(...known.colour));
      for (let i = 0; i < count; i++) made[i] = each[labels[i]];
    } else if (mode === "features") {
      for (let i = 0; i < count; i++) made[i] = packed(features[3 * i], features[3 * i + 1], features[3 * i + 2]);
    } else {
      const [low, high] = cloud.numbers[mode].range, map = table(mode), values = numbers[mode];
      for (let i = 0; i < count; i++) {
        const place = 3 * Math.round(255 * Math.min(1, Math.max(0, (values[i] - low) / (high - low))));
        made[i] = packed(map[place], map[place + 1], map[place + 2]);
      }
    }
    return (colours[mode] = made);
  };

  // the view: an eye at a distance from a target, turned by two angles
  const behind = { target: [6, 0, -1], distance: 26, turn: Math.PI, rise: 0.42 };
  const above = { target: [0, 0, 0], distance: 90, turn: Math.PI, rise: Math.PI / 2 - 1e-3 };
  const whole = (() => {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    for (let i = 0; i < points.length; i++) {
      low[i % 3] = Math.min(low[i % 3], points[i]);
      high[i % 3] = Math.max(high[i % 3], points[i]);
    }
    const size = Math.hypot(...high.map((value, axis) => value - low[axis]));
    return { target: high.map((value, axis) => (value + low[axis]) / 2), distance: Math.max(size * 0.8, 2), turn: 2.6,
      rise: 0.6 };
  })();
  const near = Math.hypot(...whole.target) < whole.distance; // the sensor stands inside what it saw
  const view = { ...structuredClone(near ? behind : whole), mode: modes[0], size: 1 };
  const canvas = element("view"), context = canvas.getContext("2d");
  let raster, pixels, depths, owners, picked = -1, waiting = 0, settled = 0;

  const axes = () => {
    const [ct, st, cr, sr] = [Math.cos(view.turn), Math.sin(view.turn), Math.cos(view.rise), Math.sin(view.rise)];
    return { right: [-st, ct, 0], up: [-sr * ct, -sr * st, cr], ahead: [-cr * ct, -cr * st, -sr] };
  };
  const project = (i) => {
    const { right, up, ahead } = axes(), away = [0, 1, 2].map((axis) => points[3 * i + axis] - view.target[axis]);
    const dot = (axis) => axis[0] * away[0] + axis[1] * away[1] + axis[2] * away[2];
    const depth = dot(ahead) + view.distance, focal = 1.1 * canvas.clientHeight;
    return { depth, x: canvas.clientWidth / 2 + focal * dot(right) / depth,
      y: canvas.clientHeight / 2 - focal * dot(up) / depth };
  };

  const resize = (scale) => {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * scale)));
    if (raster && canvas.width === width && canvas.height === height) return;
    [canvas.width, canvas.height] = [width, height];
    raster = context.createImageData(width, height);
    pixels = new Uint32Array(raster.data.buffer);
    depths = new Float32Array(width * height);
    owners = new Int32Array(width * height);
  };

  const draw = (fine) => {
    const scale = fine ? Math.min(window.devicePixelRatio || 1, 2) : 1;
    resize(scale);
    const { width, height } = canvas, { right, up, ahead } = axes(), [tx, ty, tz] = view.target;
    const focal = 1.1 * height, colour = coloursOf(view.mode);
    pixels.fill(packed(13, 17, 23));
    depths.fill(Infinity);
    owners.fill(-1);
    for (let i = 0; i < count; i++) {
      if (labels && !shown[labels[i]]) continue;
      const x = points[3 * i] - tx, y = points[3 * i + 1] - ty, z = points[3 * i + 2] - tz;
      const depth = ahead[0] * x + ahead[1] * y + ahead[2] * z + view.distance;
      if (depth < 0.2) continue;
      const column = Math.floor(width / 2 + focal * (right[0] * x + right[1] * y) / depth);
      const row = Math.floor(height / 2 - focal * (up[0] * x + up[1] * y + up[2] * z) / depth);
      const radius = Math.min(7 * scale, Math.max(0.8 * scale, 0.06 * view.size * focal / depth));
      const reach = Math.floor(radius), disc = radius * radius + 0.25;
      if (column < -reach || row < -reach || column >= width + reach || row >= height + reach) continue;
      for (let down = -reach; down <= reach; down++) {
        const r = row + down;
        if (r < 0 || r >= height) continue;
        for (let along = -reach; along <= reach; along++) {
          const c = column + along, place = r * width + c;
          if (c < 0 || c >= width || down * down + along * along > disc || depth >= depths[place]) continue;
          depths[place] = depth;
          owners[place] = i;
          pixels[place] = colour[i];
        }
      }
    }
    if (fine) shade(width, height);
    context.putImageData(raster, 0, 0);
    mark();
  };

  // eye-dome lighting: darker where a neighbour is nearer
  const shade = (width, height) => {
    const log = depths.map(Math.log2), data = raster.data;
    for (let place = width + 1; place < width * (height - 1) - 1; place++) {
      if (owners[place] < 0) continue;
      let nearer = 0;
      for (const step of [-1, 1, -width, width]) nearer += Math.min(1, Math.max(0, log[place] - log[place + step]));
      if (!nearer) continue;
      const light = Math.exp(-2.2 * nearer);
      for (let channel = 0; channel < 3; channel++) data[4 * place + channel] *= light;
    }
  };

  const mark = () => {
    const ring = element("ring"), seen = picked >= 0 && (!labels || shown[labels[picked]]) && project(picked);
    ring.hidden = !seen || seen.depth < 0.2;
    if (!ring.hidden) [ring.style.left, ring.style.top] = [`${seen.x}px`, `${seen.y}px`];
  };

  // while something moves, quickly; once it rests, finely
  const redraw = () => {
    clearTimeout(settled);
    settled = setTimeout(() => { draw(true); document.body.dataset.drawn = "fine"; }, 120);
    if (waiting) return;
    waiting = requestAnimationFrame(() => { waiting = 0; document.body.dataset.drawn = "quick"; draw(false); });
  };

  const at = (event) => {
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
    const column = Math.round((event.clientX - box.left) * scale), row = Math.round((event.clientY - box.top) * scale);
    let best = -1, nearest = Infinity;
    for (let down = -4; down <= 4; down++) {
      for (let along = -4; along <= 4; along++) {
        const [c, r] = [column + along, row + down], off = down * down + along * along;
        if (c < 0 || r < 0 || c >= canvas.width || r >= canvas.height || off >= nearest) continue;
        const owner = owners[r * canvas.width + c];
        if (owner >= 0) [best, nearest] = [owner, off];
      }
    }
    return best;
  };

  const pick = (index) => {
    picked = index;
    const list = document.createElement("dl"), box = element("picked");
    const say = (what, value) => {
      for (const [tag, text] of [["dt", what], ["dd", value]]) {
        list.append(Object.assign(document.createElement(tag), { textContent: text }));
      }
    };
    if (index < 0) box.replaceChildren(Object.assign(document.createElement("p"), { textContent: "No point there." }));
    else {
      if (labels) say("class", cloud.classes[labels[index]].name);
      ["x", "y", "z"].forEach((axis, place) => say(axis, `${points[3 * index + place].toFixed(3)} m`));
      for (const name of Object.keys(numbers)) if (name !== "height") say(name, `${+numbers[name][index].toPrecision(4)}`);
      say("number", `${cloud.numbered ? decode(cloud.numbered, Uint32Array)[index] : index}`);
      box.replaceChildren(list);
    }
    mark();
  };

  const pan = (across, down) => {
    const { right, up } = axes(), step = view.distance / (1.1 * canvas.clientHeight);
    view.target = view.target.map((value, axis) => value + step * (down * up[axis] - across * right[axis]));
  };
  const zoom = (by) => { view.distance = Math.min(5000, Math.max(0.5, view.distance * by)); };

  const touches = new Map();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!touches.size) travelled = 0;
    touches.set(event.pointerId, event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = touches.get(event.pointerId);
    if (!before) return;
    const across = event.clientX - before.clientX, down = event.clientY - before.clientY;
    travelled += Math.hypot(across, down);
    if (touches.size === 2) {
      const other = [...touches.values()].find((touch) => touch.pointerId !== event.pointerId);
      const apart = (touch) => Math.hypot(touch.clientX - other.clientX, touch.clientY - other.clientY);
      zoom(apart(before) / Math.max(1, apart(event)));
      pan(across / 2, down / 2);
    } else if (before.shiftKey || before.buttons === 2) pan(across, down);
    else {
      view.turn -= across * 0.006;
      view.rise = Math.min(Math.PI / 2 - 1e-3, Math.max(-1.5, view.rise + down * 0.006));
    }
    touches.set(event.pointerId, event);
    redraw();
  });
  const lift = (event) => {
    if (touches.delete(event.pointerId) && event.type === "pointerup" && travelled < 4) pick(at(event));
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("dblclick", (event) => {
    const index = at(event);
    if (index < 0) return;
    view.target = [...points.subarray(3 * index, 3 * index + 3)];
    redraw();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(event.deltaY * 0.0012));
    redraw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0.06, 0], ArrowRight: [-0.06, 0], ArrowUp: [0, 0.06], ArrowDown: [0, -0.06] }[event.key];
    if (step) {
      view.turn += step[0];
      view.rise = Math.min(Math.PI / 2 - 1e-3, Math.max(-1.5, view.rise + step[1]));
    } else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.9 : 1.1);
    else return;
    event.preventDefault();
    redraw();
  });

  const colourBy = (mode) => {
    view.mode = mode;
    for (const button of element("modes").children) button.setAttribute("aria-pressed", button.value === mode);
    element("bar").hidden = !cloud.numbers[mode];
    if (cloud.numbers[mode]) {
      const bar = element("scale").getContext("2d"), line = bar.createImageData(256, 1), map = table(mode);
      for (let i = 0; i < 256; i++) line.data.set([map[3 * i], map[3 * i + 1], map[3 * i + 2], 255], 4 * i);
      bar.putImageData(line, 0, 0);
      cloud.numbers[mode].range.forEach((end, place) => {
        element("ends").children[place].textContent = `${+end.toPrecision(3)} ${cloud.numbers[mode].unit}`;
      });
    }
    redraw();
  };
  for (const mode of modes) {
    const button = Object.assign(document.createElement("button"), { textContent: mode, value: mode });
    button.addEventListener("click", () => colourBy(mode));
    element("modes").append(button);
  }
  element("count").textContent = cloud.count;
  element("notice").textContent = cloud.notice;
  for (const [id, target] of Object.entries({ behind, above, whole })) {
    element(id).addEventListener("click", () => { Object.assign(view, structuredClone(target)); redraw(); });
  }
  element("size").addEventListener("input", (event) => { view.size = +event.target.value; redraw(); });

  const boxes = [];
  element("classes").hidden = !labels;
  if (labels) {
    const each = cloud.classes.map(() => 0);
    for (let i = 0; i < count; i++) each[labels[i]]++;
    const order = each.map((_, place) => place).filter((place) => each[place]).sort((a, b) => each[b] - each[a]);
    for (const place of order) {
      const label = document.createElement("label"), box = document.createElement("input");
      Object.assign(box, { type: "checkbox", checked: true, name: cloud.classes[place].name });
      box.addEventListener("change", () => { shown[place] = box.checked; redraw(); });
      boxes.push([box, place]);
      const [swatch, name, share] = [0, 1, 2].map(() => document.createElement("span"));
      swatch.style.background = `rgb(${cloud.classes[place].colour})`;
      name.textContent = cloud.classes[place].name;
      const percent = 100 * each[place] / count;
      share.textContent = percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
      label.append(box, swatch, name, share);
      element("legend").append(label);
    }
  }
  for (const [id, state] of [["all", true], ["none", false]]) {
    element(id).addEventListener("click", () => {
      for (const [box, place] of boxes) box.checked = shown[place] = state;
      redraw();
    });
  }
  new ResizeObserver(redraw).observe(canvas);
  colourBy(modes[0]);
  window.pointCloud = { view, count, project, picked: () => picked, drawn: () => owners.filter((i) => i >= 0).length };
})();
