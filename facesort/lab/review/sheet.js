// A page of faces: select with mouse or keyboard, act on the selection.  The browser side of sheet.py.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
const STEADY_MS = 500; // how long a key is refused that was meant for what is no longer under the cursor

function make(tag, name, text = "") {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text; // never HTML: names and paths are user input
  return node;
}

// A button with its key, which is no part of its name.
function keyButton(tone, label, key) {
  const button = make("button", `facesort-action ${tone}`, label);
  if (!key) return button;
  const hint = make("kbd", "", { Escape: "ESC", " ": "SPACE" }[key] ?? key.toUpperCase());
  hint.setAttribute("aria-hidden", "true");
  button.append(hint);
  button.setAttribute("aria-keyshortcuts", key === " " ? "Space" : key.length === 1 ? key.toUpperCase() : key);
  return button;
}

function objectUrl(bytes, type = "image/jpeg") {
  const view = bytes instanceof DataView ? bytes : new DataView(bytes.buffer ?? bytes);
  return URL.createObjectURL(new Blob([view], { type }));
}

// The pictures of the tiles, each sent once: object URLs by key.
function pictureStore(ask) {
  const urls = new Map();
  return {
    add: (key, bytes) => urls.has(key) || urls.set(key, objectUrl(bytes)),
    url: (key) => urls.get(key),
    // Forget all but these, and ask for those that are not here: a page that was reloaded has none.
    keep(keys) {
      for (const [key, url] of urls) keys.has(key) || (URL.revokeObjectURL(url), urls.delete(key));
      const missing = [...keys].filter((key) => !urls.has(key));
      if (missing.length) ask(missing);
    },
  };
}

function render({ model, el }) {
  const root = make("div", "facesort-faces");
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes Y, M and D as its own commands
  root.tabIndex = -1; // has the focus while there are no tiles: else JupyterLab takes the next keys
  const bar = make("div", "facesort-bar");
  const buttons = make("span", "facesort-actions"); // not redrawn with the tiles: a click spans two events
  const count = make("span", "facesort-selected");
  count.setAttribute("role", "status");
  const pager = make("span", "facesort-pager");
  const [back, where, next] = [make("button", "facesort-action", "‹"), make("span", ""), make("button", "facesort-action", "›")];
  back.setAttribute("aria-label", "previous page");
  next.setAttribute("aria-label", "next page");
  pager.append(back, where, next);
  const keys = make("button", "facesort-action", "?");
  keys.title = "keys";
  keys.setAttribute("aria-label", "keys");
  keys.onclick = () => help.open(model.get("actions"), model.get("photos"));
  bar.append(buttons, count, pager, keys);
  const alarm = make("div", "facesort-alarm");
  alarm.setAttribute("role", "alert");
  const sheet = make("div", "facesort-sheet");
  sheet.tabIndex = 0;
  sheet.setAttribute("role", "listbox");
  sheet.setAttribute("aria-multiselectable", "true");
  root.append(bar, alarm, sheet);
  el.append(root);

  let tiles = []; // {id, node, drawn}
  let cursor = 0; // index into open()
  let anchor = 0;
  let shownPage = 0;
  let steadyAt = 0; // no key acts on the tile under the cursor before
  let why = "";
  let remark = "";
  const selected = new Set(); // ids
  const kernel = exchange({
    model,
    el,
    changed: () => paint(),
    refused: (acts) => acts.flatMap((act) => act.chosen).forEach((id) => selected.add(id)),
  });
  const photo = photoViewer({ ask: (id) => kernel.ask({ action: "photo", ids: [id] }), closed: focus });
  const help = keyHelp(() => (photo.isOpen() ? photo.open() : focus()));
  root.append(photo.dialog, help.dialog);
  const pictures = pictureStore((keys) => kernel.ask({ action: "pictures", keys }));

  const open = () => {
    const removing = kernel.removing();
    return tiles.filter((tile) => !removing.has(tile.id));
  };
  const chosen = () => open().map((tile) => tile.id).filter((id) => selected.has(id));

  function paint() {
    const [all, removing] = [open(), kernel.removing()];
    cursor = Math.max(0, Math.min(all.length - 1, cursor));
    tiles.forEach(({ id, node }) => {
      node.classList.toggle("facesort-handled", removing.has(id));
      node.classList.toggle("facesort-cursor", id === all[cursor]?.id);
      node.setAttribute("aria-selected", selected.has(id) && !removing.has(id));
    });
    sheet.setAttribute("aria-activedescendant", all[cursor]?.node.id ?? "");
    const number = chosen().length;
    count.textContent = remark || (number ? `${number} selected` : "");
    alarm.textContent = kernel.notice();
    photo.follow(all[cursor]);
  }

  // Only for a key of the user: whatever else changes, the page stays where it is.
  function reveal() {
    const node = open()[cursor]?.node;
    if (!node) return;
    const [top, bottom] = [node.offsetTop - 6, node.offsetTop + node.offsetHeight + 6];
    sheet.scrollTop = Math.min(top, Math.max(sheet.scrollTop, bottom - sheet.clientHeight));
    root.scrollIntoView({ block: "nearest" });
  }

  function moveTo(index, extend) {
    const all = open();
    cursor = Math.max(0, Math.min(all.length - 1, index));
    [remark, steadyAt] = ["", 0];
    if (extend) {
      selected.clear();
      const [low, high] = [Math.min(anchor, cursor), Math.max(anchor, cursor)];
      all.slice(low, high + 1).forEach((tile) => selected.add(tile.id));
    } else {
      anchor = cursor;
    }
    paint();
  }

  function toggle(id) {
    if (id === undefined) return;
    selected.delete(id) || selected.add(id);
    remark = "";
    paint();
  }

  function hold(reason) {
    [steadyAt, why] = [performance.now() + STEADY_MS, reason];
  }

  function act(action) {
    remark = "";
    if (action.whole_page) return kernel.ask({ action: action.name, ids: [] });
    const some = chosen();
    const ids = some.length ? some : open().slice(cursor, cursor + 1).map((tile) => tile.id);
    if (!ids.length) return;
    if (!some.length && performance.now() < steadyAt) {
      hold(why);
      remark = why;
      return paint();
    }
    if (!kernel.ask({ action: action.name, ids }, { ids: action.removes ? ids : [], chosen: some })) return;
    selected.clear();
    if (some.length) hold("Pressed twice: only the selected ones were answered.");
    anchor = cursor;
    paint();
  }

  function openPhoto() {
    if (!model.get("photos") || !open().length) return;
    selected.clear();
    photo.open();
    paint();
  }

  function perRow() {
    if (photo.isOpen()) return 1;
    const all = open();
    const top = all[0]?.node.offsetTop;
    const first = all.findIndex((tile) => tile.node.offsetTop !== top);
    return first < 0 ? all.length : first;
  }

  function turn(page) {
    if (page >= 0 && page < model.get("pages")) kernel.ask({ action: "page", page });
  }

  function press(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.target.tagName === "BUTTON" && (key === "Enter" || key === " ")) return;
    const held = event.ctrlKey || event.metaKey;
    const action = !held && !event.altKey && model.get("actions").find((a) => a.key === key);
    if (help.dialog.open) return event.stopPropagation(); // Escape closes it
    if (key === "?") help.open(model.get("actions"), model.get("photos"));
    else if (photo.isOpen() && (key === "Escape" || key === "Enter")) photo.close();
    else if (action) act(action);
    else if (photo.isOpen() && !held && photo.press(key)) paint();
    else if (key === "Enter" && !held) openPhoto();
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
    reveal();
    event.preventDefault();
    event.stopPropagation();
  }

  function focus() {
    (sheet.hidden ? root : sheet).focus({ preventScroll: true });
  }

  function drawButton(action) {
    const button = keyButton(action.tone, action.label, action.key);
    button.title = action.tooltip;
    button.onclick = () => (act(action), photo.isOpen() ? photo.open() : focus());
    return button;
  }

  function drawActions() {
    const actions = model.get("actions");
    buttons.replaceChildren(...actions.map(drawButton));
    photo.buttons.replaceChildren(...actions.filter((action) => action.name !== "close").map(drawButton));
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
    node.id = `facesort-${Math.random()}`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-label", [face.title, ...face.badges, ...face.lines].join(", "));
    const frames = make("div", `facesort-pictures facesort-${face.layout}`);
    face.pictures.forEach((key, index) => {
      const frame = make("div", "facesort-frame");
      if (key) {
        const image = make("img", "");
        image.alt = face.captions[index] ?? "";
        image.dataset.key = key;
        image.draggable = false;
        frame.append(image);
      }
      if (face.captions[index]) frame.append(make("span", "facesort-caption", face.captions[index]));
      frames.append(frame);
    });
    const text = make("div", "facesort-text");
    text.append(make("b", "", face.title));
    face.badges.forEach((badge) => text.append(make("span", "facesort-badge", badge)));
    face.lines.forEach((line) => text.append(make("div", "", line)));
    node.append(frames, text);
    node.title = face.tooltip;
    node.onclick = (event) => {
      const index = open().findIndex((tile) => tile.id === face.id);
      if (index < 0) return;
      focus();
      moveTo(index, event.shiftKey);
      if (!event.shiftKey) toggle(face.id);
    };
    node.ondblclick = () => {
      const action = model.get("actions").find((a) => a.double_click);
      if (action) (selected.clear(), selected.add(face.id), act(action));
      else openPhoto();
    };
    return node;
  }

  function drawPictures() {
    sheet.querySelectorAll("img:not([src])").forEach((image) => {
      const url = pictures.url(image.dataset.key);
      if (url) image.src = url;
    });
  }

  function draw() {
    const turned = shownPage !== model.get("page");
    const framed = turned ? undefined : open()[cursor]?.id;
    const drawn = new Map(tiles.map((tile) => [tile.drawn, tile]));
    tiles = model.get("tiles").map((face) => {
      const text = JSON.stringify(face);
      return drawn.get(text) ?? { id: face.id, node: drawTile(face), drawn: text };
    });
    const [nodes, focused] = [tiles.map((tile) => tile.node), root.contains(document.activeElement)];
    const top = sheet.scrollTop;
    sheet.replaceChildren(...nodes);
    sheet.scrollTop = turned ? 0 : top;
    Object.entries(model.get("pictures")).forEach(([key, bytes]) => pictures.add(key, bytes));
    pictures.keep(new Set(model.get("tiles").flatMap((face) => face.pictures.filter(Boolean))));
    drawPictures();
    sheet.setAttribute("aria-label", model.get("label"));
    sheet.hidden = bar.hidden = !tiles.length;
    shownPage = model.get("page");
    drawPager();
    const ids = new Set(tiles.map((tile) => tile.id));
    const gone = [...selected].filter((id) => !ids.has(id));
    gone.forEach((id) => selected.delete(id));
    const index = open().findIndex((tile) => tile.id === framed);
    if (turned) cursor = 0;
    else if (index >= 0) cursor = index;
    if (!turned && (gone.length || (framed !== undefined && index < 0 && open().length)))
      hold("The page has just changed: look, and press again.");
    anchor = cursor;
    if (focused) focus();
    paint();
  }

  // What is opened takes the keyboard; what is back takes it only if it was lost with what has gone.
  function takeKeyboard(move) {
    requestAnimationFrame(() => {
      const holder = document.activeElement;
      if (!move && holder?.closest(".facesort-faces, input, textarea, select, [contenteditable]")?.checkVisibility()) return;
      if (move) root.scrollIntoView({ block: "nearest" });
      focus();
    });
  }

  function hear(message, buffers) {
    if ("photo" in message) return photo.show(message, buffers);
    if (message.focus) return takeKeyboard(message.move);
    message.pictures?.forEach((key, index) => pictures.add(key, buffers[index]));
    drawPictures();
  }

  for (const [button, step] of [[back, -1], [next, 1]])
    button.onclick = () => (turn(model.get("page") + step), focus());
  root.addEventListener("keydown", press);
  model.on("change:revision", draw);
  model.on("change:actions", drawActions);
  model.on("msg:custom", hear);
  drawActions();
  draw();
  return () => {
    model.off("change:revision", draw);
    model.off("change:actions", drawActions);
    model.off("msg:custom", hear);
    kernel.close();
    pictures.keep(new Set());
  };
}

export default { render };
