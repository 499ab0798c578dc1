// A page of faces: select with mouse or keyboard, act on the selection.  The browser side of sheet.py.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

function make(tag, name, text = "") {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text; // never HTML: names and paths are user input
  return node;
}

function objectUrl(bytes) {
  const view = bytes instanceof DataView ? bytes : new DataView(bytes.buffer ?? bytes);
  return URL.createObjectURL(new Blob([view], { type: "image/jpeg" }));
}

function render({ model, el }) {
  const root = make("div", "facesort-faces");
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes Y, M and D as its own commands
  const bar = make("div", "facesort-bar");
  const buttons = make("span", "facesort-actions"); // not redrawn with the tiles: a click spans two events
  const count = make("span", "facesort-selected");
  const pager = make("span", "facesort-pager");
  const [back, where, next] = [make("button", "facesort-action", "‹"), make("span", ""), make("button", "facesort-action", "›")];
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

  let tiles = []; // {id, node}
  let cursor = 0; // index into open()
  let anchor = 0;
  let objectUrls = [];
  let shownPage = 0;
  const selected = new Set(); // ids
  const handled = new Set(); // ids of tiles that an action removed; they fade until the next redraw

  const open = () => tiles.filter((tile) => !handled.has(tile.id));
  const targets = () => {
    const ids = open().map((tile) => tile.id);
    const some = ids.filter((id) => selected.has(id));
    return some.length ? some : ids.slice(cursor, cursor + 1);
  };

  function paint() {
    open().forEach((tile, index) => {
      tile.node.classList.toggle("facesort-cursor", index === cursor);
      tile.node.setAttribute("aria-selected", selected.has(tile.id));
    });
    count.textContent = selected.size ? `${selected.size} selected` : "";
  }

  function moveTo(index, extend) {
    const all = open();
    cursor = Math.max(0, Math.min(all.length - 1, index));
    if (extend) {
      selected.clear();
      const [low, high] = [Math.min(anchor, cursor), Math.max(anchor, cursor)];
      all.slice(low, high + 1).forEach((tile) => selected.add(tile.id));
    } else {
      anchor = cursor;
    }
    all[cursor]?.node.scrollIntoView({ block: "nearest" });
    paint();
  }

  function toggle(id) {
    selected.delete(id) || selected.add(id);
    paint();
  }

  function act(action) {
    if (action.whole_page) return model.send({ action: action.name, ids: [] });
    const ids = targets();
    if (!ids.length) return;
    if (action.removes) {
      ids.forEach((id) => handled.add(id));
      tiles.forEach((tile) => tile.node.classList.toggle("facesort-handled", handled.has(tile.id)));
    }
    selected.clear();
    model.send({ action: action.name, ids });
    moveTo(cursor, false);
  }

  function perRow() {
    const all = open();
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
    else if (held && key === "a") (open().forEach((tile) => selected.add(tile.id)), paint());
    else if (held || event.altKey) return; // a shortcut of the browser
    else if (key === " ") toggle(open()[cursor]?.id);
    else if (key === "Escape") (selected.clear(), paint());
    else if (key in STEPS) moveTo(cursor + STEPS[key], event.shiftKey);
    else if (key === "ArrowDown") moveTo(cursor + perRow(), event.shiftKey);
    else if (key === "ArrowUp") moveTo(cursor - perRow(), event.shiftKey);
    else if (key === "PageDown") turn(model.get("page") + 1);
    else if (key === "PageUp") turn(model.get("page") - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function drawActions() {
    buttons.replaceChildren();
    for (const action of model.get("actions")) {
      const button = make("button", `facesort-action ${action.tone}`, action.label);
      if (action.key) button.append(make("kbd", "", action.key.toUpperCase()));
      button.title = action.tooltip;
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
    face.pictures.forEach((bytes, index) => {
      const frame = make("div", "facesort-frame");
      if (bytes.byteLength) {
        const image = make("img", "");
        image.alt = face.captions[index] ?? "";
        image.src = objectUrl(bytes);
        image.draggable = false;
        objectUrls.push(image.src);
        frame.append(image);
      }
      if (face.captions[index]) frame.append(make("span", "facesort-caption", face.captions[index]));
      pictures.append(frame);
    });
    const text = make("div", "facesort-text");
    text.append(make("b", "", face.title));
    face.badges.forEach((badge) => text.append(make("span", "facesort-badge", badge)));
    face.lines.forEach((line) => text.append(make("div", "", line)));
    node.append(pictures, text);
    node.title = face.tooltip;
    node.onclick = (event) => {
      const index = open().findIndex((tile) => tile.id === face.id);
      if (index < 0) return;
      sheet.focus({ preventScroll: true });
      if (event.shiftKey) return moveTo(index, true);
      moveTo(index, false);
      toggle(face.id);
    };
    node.ondblclick = () => {
      const action = model.get("actions").find((a) => a.double_click);
      if (action) (selected.clear(), selected.add(face.id), act(action));
    };
    return { id: face.id, node };
  }

  function draw() {
    const turned = shownPage !== model.get("page");
    const atCursor = turned ? undefined : open()[cursor]?.id;
    objectUrls.forEach((old) => URL.revokeObjectURL(old));
    objectUrls = [];
    handled.clear();
    tiles = model.get("tiles").map(drawTile);
    sheet.setAttribute("aria-label", model.get("label"));
    sheet.replaceChildren(...tiles.map((tile) => tile.node));
    sheet.hidden = !tiles.length;
    const ids = tiles.map((tile) => tile.id);
    [...selected].forEach((id) => ids.includes(id) || selected.delete(id));
    const index = ids.indexOf(atCursor);
    shownPage = model.get("page");
    drawPager();
    bar.hidden = !tiles.length;
    if (turned) sheet.scrollTop = 0;
    moveTo(turned ? 0 : index < 0 ? cursor : index, false);
  }

  // What is opened takes the keyboard; what is back takes it only if it was lost with what has gone.
  function takeKeyboard({ focus, move }) {
    if (!focus) return;
    requestAnimationFrame(() => {
      const holder = document.activeElement;
      if (!move && holder?.closest(".facesort-faces, input, textarea, select, [contenteditable]")?.checkVisibility()) return;
      if (move) root.scrollIntoView({ block: "nearest" });
      sheet.focus({ preventScroll: true });
    });
  }

  for (const [button, step] of [[back, -1], [next, 1]])
    button.onclick = () => (turn(model.get("page") + step), sheet.focus({ preventScroll: true }));
  sheet.addEventListener("keydown", press);
  model.on("msg:custom", takeKeyboard);
  model.on("change:revision", draw);
  model.on("change:actions", drawActions);
  drawActions();
  draw();
  return () => {
    model.off("msg:custom", takeKeyboard);
    model.off("change:revision", draw);
    model.off("change:actions", drawActions);
    objectUrls.forEach((old) => URL.revokeObjectURL(old));
  };
}

export default { render };
