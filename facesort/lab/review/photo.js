// The whole photo of a face, over the page, with all its faces framed and named.

function photoViewer({ ask, closed }) {
  const dialog = make("dialog", "facesort-photo");
  const [title, caption, note] = [make("b", ""), make("span", ""), make("p", "facesort-photo-note")];
  note.setAttribute("role", "status");
  const close = keyButton("", "Close", "Escape");
  close.onclick = () => dialog.close();
  const head = make("div", "facesort-photo-head");
  head.append(title, caption, close);
  const stage = make("div", "facesort-photo-stage");
  const buttons = make("div", "facesort-actions");
  dialog.append(head, note, stage, buttons);
  dialog.addEventListener("close", () => (clear(), closed()));

  let shown; // id of the tile
  let url;

  function clear() {
    URL.revokeObjectURL(url);
    stage.replaceChildren();
    shown = undefined;
  }

  function framed({ name, frame: [left, top, right, bottom], asked }) {
    const box = make("div", `facesort-photo-face${asked ? " asked" : ""}`);
    const [x, y, width, height] = [left, top, right - left, bottom - top].map((share) => `${100 * share}%`);
    Object.assign(box.style, { left: x, top: y, width, height });
    box.append(make("span", "", name));
    return box;
  }

  return {
    dialog,
    buttons,
    isOpen: () => dialog.open,
    close: () => dialog.close(),
    open() {
      if (!dialog.open) dialog.showModal();
      dialog.focus();
    },
    // Show the photo of the tile that is under the cursor now; nothing is left to show without one.
    follow(tile) {
      if (!dialog.open) return;
      if (!tile) return dialog.close();
      const face = JSON.parse(tile.drawn);
      const said = [face.title, ...face.badges, ...face.lines]; // the file is named beside it
      caption.textContent = said.filter((text) => !`/${face.tooltip}`.endsWith(`/${text}`)).join(" · ");
      if (tile.id === shown) return;
      clear();
      shown = tile.id;
      [title.textContent, note.textContent] = [face.tooltip, "The photo is being read …"];
      ask(tile.id);
    },
    show(message, jpeg) {
      if (message.photo !== shown || !dialog.open) return;
      [title.textContent, note.textContent] = [message.title, message.note];
      if (!jpeg) return;
      URL.revokeObjectURL(url);
      url = objectUrl(jpeg);
      const picture = make("div", "facesort-photo-picture");
      const image = make("img", "");
      image.alt = `${message.title}: ${message.faces.map((face) => face.name).join(", ")}`;
      image.src = url;
      picture.append(image, ...message.faces.map(framed));
      stage.replaceChildren(picture);
    },
  };
}
