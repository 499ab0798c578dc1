// The whole photo of a face, or the clip, over the page, with all its faces framed and named.

function photoViewer({ ask, closed }) {
  const dialog = make("dialog", "facesort-photo");
  const [title, caption, note] = [make("b", ""), make("span", ""), make("p", "facesort-photo-note")];
  note.setAttribute("role", "status");
  const close = keyButton("", "Close", "Escape");
  close.onclick = () => dialog.close();
  const head = make("div", "facesort-photo-head");
  head.append(title, caption, close);
  const stage = make("div", "facesort-photo-stage");
  const strip = make("div", "");
  const buttons = make("div", "facesort-actions");
  dialog.append(head, note, stage, strip, buttons);
  dialog.addEventListener("close", () => (clear(), closed()));

  let shown; // id of the tile
  let url;
  let clip; // as it is shown

  function clear() {
    clip?.close();
    clip = undefined;
    URL.revokeObjectURL(url);
    url = undefined;
    stage.replaceChildren();
    strip.replaceChildren();
    shown = undefined;
  }

  function place(box, [left, top, right, bottom]) {
    const [x, y, width, height] = [left, top, right - left, bottom - top].map((share) => `${100 * share}%`);
    Object.assign(box.style, { left: x, top: y, width, height });
  }

  function framed({ name, frame, asked }) {
    const box = make("div", `facesort-photo-face${asked ? " asked" : ""}`);
    if (frame) place(box, frame);
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
    // Whether the key was one of the clip that is shown.
    press: (key) => clip?.press(key) ?? false,
    show(message, buffers) {
      if (message.photo !== shown || !dialog.open) return;
      [title.textContent, note.textContent] = [message.title, message.note];
      const at = clip?.now(); // what is stored of a clip was shown before
      clip?.close();
      const pictures = [...buffers];
      if (message.picture) url = objectUrl(pictures.shift());
      else if (!message.clip) return;
      const picture = make("div", "facesort-photo-picture");
      const image = make("img", "");
      image.alt = `${message.title}: ${message.faces.map((face) => face.name).join(", ")}`;
      if (url) image.src = url;
      const boxes = message.faces.map(framed);
      picture.append(image, ...boxes);
      stage.replaceChildren(picture);
      if (!message.clip) return;
      const faces = message.faces.map(({ seen }, index) => ({ box: boxes[index], seen }));
      clip = clipView({ clip: message.clip, picture, image, faces, pictures, place, at });
      strip.replaceChildren(clip.below);
    },
  };
}
