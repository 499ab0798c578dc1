// A page of faces: look, choose with mouse or keyboard, act.  Shown by review_faces.py.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

function make(tag, name, text = "") {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text; // never HTML: names and paths are what users wrote
  return node;
}

function address(bytes) {
  const part = bytes instanceof DataView ? bytes : new DataView(bytes.buffer ?? bytes);
  return URL.createObjectURL(new Blob([part], { type: "image/jpeg" }));
}

function render({ model, el }) {
  const root = make("div", "facesort-faces");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take Y, M and D for commands of its own
  const bar = make("div", "facesort-bar");
  const buttons = make("span", "facesort-acts"); // stay while pages come and go: a click takes a moment
  const count = make("span", "facesort-chosen");
  const pager = make("span", "facesort-pager");
  const [back, where, next] = [make("button", "facesort-act", "‹"), make("span", ""), make("button", "facesort-act", "›")];
  back.setAttribute("aria-label", "previous page");
  next.setAttribute("aria-label", "next page");
  pager.append(back, where, next);
  bar.append(buttons, count, pager);
  const sheet = make("div", "facesort-sheet");
  sheet.tabIndex = 0;
  sheet.setAttribute("role", "listbox");
  sheet.setAttribute("aria-multiselectable", "true");
  root.append(bar, sheet);
  el.append(root);

  let tiles = []; // {id, node}: those that are not acted on yet can be chosen
  let cursor = 0;
  let anchor = 0;
  let addresses = [];
  let shown = 0; // page
  const chosen = new Set();
  const done = new Set();

  const left = () => tiles.filter((tile) => !done.has(tile.id));
  const meant = () => {
    const ids = left().map((tile) => tile.id);
    const some = ids.filter((id) => chosen.has(id));
    return some.length ? some : ids.slice(cursor, cursor + 1);
  };

  function paint() {
    left().forEach((tile, place) => {
      tile.node.classList.toggle("facesort-here", place === cursor);
      tile.node.setAttribute("aria-selected", chosen.has(tile.id));
    });
    count.textContent = chosen.size ? `${chosen.size} chosen` : "";
    model.set("chosen", meant());
    model.save_changes();
  }

  function go(place, extend) {
    const all = left();
    cursor = Math.max(0, Math.min(all.length - 1, place));
    if (extend) {
      chosen.clear();
      const [low, high] = [Math.min(anchor, cursor), Math.max(anchor, cursor)];
      all.slice(low, high + 1).forEach((tile) => chosen.add(tile.id));
    } else {
      anchor = cursor;
    }
    all[cursor]?.node.scrollIntoView({ block: "nearest" });
    paint();
  }

  function toggle(id) {
    chosen.delete(id) || chosen.add(id);
    paint();
  }

  function act(action) {
    if (action.whole) return model.send({ action: action.name, ids: [] });
    const ids = meant();
    if (!ids.length) return;
    if (action.takes) {
      ids.forEach((id) => done.add(id));
      tiles.forEach((tile) => tile.node.classList.toggle("facesort-done", done.has(tile.id)));
    }
    chosen.clear();
    model.send({ action: action.name, ids });
    go(cursor, false);
  }

  function perRow() {
    const all = left();
    const top = all[0]?.node.offsetTop;
    const first = all.findIndex((tile) => tile.node.offsetTop !== top);
    return first < 0 ? all.length : first;
  }

  function turn(page) {
    if (page >= 0 && page < model.get("pages")) model.send({ action: "page", page });
  }

  function press(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const held = event.ctrlKey || event.metaKey;
    const action = !held && !event.altKey && model.get("actions").find((a) => a.key === key);
    if (action) act(action);
    else if (held && key === "a") (left().forEach((tile) => chosen.add(tile.id)), paint());
    else if (held || event.altKey) return; // the browser's own
    else if (key === " ") toggle(left()[cursor]?.id);
    else if (key === "Escape") (chosen.clear(), paint());
    else if (key in STEPS) go(cursor + STEPS[key], event.shiftKey);
    else if (key === "ArrowDown") go(cursor + perRow(), event.shiftKey);
    else if (key === "ArrowUp") go(cursor - perRow(), event.shiftKey);
    else if (key === "PageDown") turn(model.get("page") + 1);
    else if (key === "PageUp") turn(model.get("page") - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function drawActions() {
    buttons.replaceChildren();
    for (const action of model.get("actions")) {
      const button = make("button", `facesort-act ${action.tone}`, action.label);
      if (action.key) button.append(make("kbd", "", action.key.toUpperCase()));
      button.title = action.help;
      button.onclick = () => (act(action), sheet.focus({ preventScroll: true }));
      buttons.append(button);
    }
  }

  function drawPager() {
    const [page, pages] = [model.get("page"), model.get("pages")];
    where.textContent = `page ${page + 1} of ${pages}`;
    back.disabled = page === 0;
    next.disabled = page + 1 >= pages;
    pager.hidden = pages < 2;
  }

  function drawTile(face) {
    const node = make("div", "facesort-tile");
    node.setAttribute("role", "option");
    node.setAttribute("aria-label", [face.title, ...face.lines].join(", "));
    const pictures = make("div", `facesort-pictures facesort-${face.layout}`);
    face.pictures.forEach((bytes, place) => {
      const frame = make("div", "facesort-frame");
      if (bytes.byteLength) {
        const image = make("img", "");
        image.alt = face.alts[place] ?? "";
        image.src = address(bytes);
        image.draggable = false;
        addresses.push(image.src);
        frame.append(image);
      }
      if (face.alts[place]) frame.append(make("span", "facesort-alt", face.alts[place]));
      pictures.append(frame);
    });
    const words = make("div", "facesort-words");
    words.append(make("b", "", face.title));
    face.badges.forEach((badge) => words.append(make("span", "facesort-badge", badge)));
    face.lines.forEach((line) => words.append(make("div", "", line)));
    node.append(pictures, words);
    node.title = face.hint;
    node.onclick = (event) => {
      const place = left().findIndex((tile) => tile.id === face.id);
      if (place < 0) return;
      sheet.focus({ preventScroll: true });
      if (event.shiftKey) return go(place, true);
      go(place, false);
      toggle(face.id);
    };
    node.ondblclick = () => {
      const action = model.get("actions").find((a) => a.opens);
      if (action) (chosen.clear(), chosen.add(face.id), act(action));
    };
    return { id: face.id, node };
  }

  function draw() {
    const turned = shown !== model.get("page");
    const here = turned ? undefined : left()[cursor]?.id;
    addresses.forEach((old) => URL.revokeObjectURL(old));
    addresses = [];
    done.clear();
    tiles = model.get("tiles").map(drawTile);
    sheet.setAttribute("aria-label", model.get("label"));
    sheet.replaceChildren(...tiles.map((tile) => tile.node));
    sheet.hidden = !tiles.length;
    const ids = tiles.map((tile) => tile.id);
    [...chosen].forEach((id) => ids.includes(id) || chosen.delete(id));
    const at = ids.indexOf(here);
    shown = model.get("page");
    drawPager();
    bar.hidden = !tiles.length;
    if (turned) sheet.scrollTop = 0;
    go(turned ? 0 : at < 0 ? cursor : at, false);
  }

  for (const [button, step] of [[back, -1], [next, 1]])
    button.onclick = () => (turn(model.get("page") + step), sheet.focus({ preventScroll: true }));
  sheet.addEventListener("keydown", press);
  model.on("change:drawn", draw);
  model.on("change:actions", drawActions);
  drawActions();
  draw();
  return () => {
    model.off("change:drawn", draw);
    model.off("change:actions", drawActions);
    addresses.forEach((old) => URL.revokeObjectURL(old));
  };
}

export default { render };
