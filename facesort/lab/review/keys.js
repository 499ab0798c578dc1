// The keys of a page of faces, over the page.

const KEYS = [
  ["Arrows, Home, End", "move the frame; with Shift, select"],
  ["Space, click", "select; with Shift, all in between"],
  ["Ctrl+A", "select all"],
  ["Escape", "select none"],
  ["Page Up, Page Down", "another page"],
  ["?", "these keys"],
];
const PHOTO_KEYS = [
  ["Enter, double click", "the whole photo, or the clip; arrows go on, all keys work there, Escape closes"],
  ["Space", "in a clip: play, and stop"],
  [", and .", "in a clip: the frame before, and the next"],
];

function keyHelp(closed) {
  const dialog = make("dialog", "facesort-keys");
  dialog.setAttribute("aria-label", "keys");
  const list = make("dl", "");
  const close = make("button", "facesort-action", "Close");
  close.onclick = () => dialog.close();
  dialog.append(make("b", "", "Keys"), list, close);
  dialog.addEventListener("close", closed);
  return {
    dialog,
    open(actions, photos) {
      const own = actions.filter((action) => action.key).map(({ key, label, tooltip }) => [
        key.length === 1 ? key.toUpperCase() : key,
        tooltip ? `${label}: ${tooltip}` : label,
      ]);
      const taken = new Set(own.map(([key]) => key));
      const general = KEYS.filter(([key]) => !taken.has(key));
      const rows = [...own, ...(photos ? PHOTO_KEYS : []), ...general];
      list.replaceChildren(...rows.flatMap(([key, does]) => [make("dt", "", key), make("dd", "", does)]));
      dialog.showModal();
    },
  };
}
