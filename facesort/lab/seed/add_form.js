// A form that offers photos of a person.  The browser side of add_form.py.
//
// A press takes the content and clears the fields in the same moment, here: what is typed next is never touched, however
// long the kernel is busy.  A press waits in a list until the kernel takes it, and what it could not do comes back.

const PIECE = 4 << 20; // bytes of one message: Jupyter's server closes the connection on more than 10 MB
const LARGEST = 500 << 20; // bytes of one press, which are held in memory on the way
const NOTHING = { name: "", folder: "", path: "", files: [] };
const ACCEPT = "image/*,.arw,.cr2,.cr3,.dng,.heic,.heif,.nef,.orf,.raf,.rw2";

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, attributes);
  node.append(...children); // never HTML: names and paths are user input
  return node;
}

function fileList(files) {
  const held = new DataTransfer();
  files.forEach((file) => held.items.add(file));
  return held.files;
}

function render({ model, el }) {
  const names = make("datalist", { id: `facesort-names-${Math.random()}` });
  const name = make("input", { required: true, pattern: ".*\\S.*", placeholder: "new or existing person" });
  name.setAttribute("list", names.id);
  const folder = make("input", { placeholder: "default: the name" });
  const files = make("input", { type: "file", multiple: true, accept: ACCEPT });
  const path = make("input", { placeholder: "a photo or a folder on the computer that runs Jupyter" });
  const button = make("button", { className: "facesort-add-button", textContent: "Add references" });
  const list = make("ul", { className: "facesort-waiting" });
  list.setAttribute("aria-live", "polite");
  const form = make(
    "form",
    { className: "facesort-add", autocomplete: "off" },
    make("label", {}, "Name", name),
    make("label", {}, "Folder", folder),
    make("label", {}, "Photos", files),
    make("label", {}, "or path", path),
    button,
    names,
  );
  form.dataset.lmSuppressShortcuts = "true"; // JupyterLab's
  el.append(form, list);

  const presses = new Map(); // those that the kernel has not done, by id
  let sent = Promise.resolve(); // photos and presses go to the kernel in order
  let given = ""; // the name that was put back, until somebody types another

  const isEmpty = () => ![name, folder, path, files].some((field) => field.value);
  const isCut = () => el.closest(".jupyter-widgets-disconnected") !== null; // the kernel ended, or was restarted

  function fill(content) {
    [name.value, folder.value, path.value] = [content.name, content.folder, content.path];
    files.files = fileList(content.files);
  }

  function complain() {
    const size = [...files.files].reduce((sum, file) => sum + file.size, 0);
    let wrong = "";
    if (isCut()) wrong = "The kernel of this page has ended: run all cells again.";
    else if (!files.files.length && !path.value.trim()) wrong = "Choose photos, or give a path.";
    else if (size > LARGEST) wrong = "These photos have more than 500 MB: choose fewer, or give their path.";
    path.setCustomValidity(wrong);
  }

  async function send(press) {
    try {
      for (const [index, file] of press.files.entries())
        for (let from = 0; from < file.size || from === 0; from += PIECE) {
          const piece = await file.slice(from, from + PIECE).arrayBuffer();
          model.send({ press: press.id, photo: index }, undefined, [piece]);
        }
      const { id, files: photos, ...texts } = press;
      model.send({ press: id, ...texts, photos: photos.map((file) => file.name) });
    } catch (error) {
      giveBack(press, `a photo could not be read: ${error.message}`);
    }
  }

  function giveBack(press, why) {
    presses.delete(press.id);
    const line = make("li", { className: "facesort-failed" }, `${describe(press)}: ${why} `);
    list.append(line);
    if (isEmpty()) return fill(press);
    line.classList.add("facesort-kept"); // until it is taken back
    const back = make("button", { type: "button", textContent: "Take back" });
    back.onclick = () => {
      if (isEmpty()) (fill(press), line.remove());
      else back.textContent = "Take back (empty the form first)";
    };
    line.append(back);
  }

  function describe(press) {
    const photos = press.files.length === 1 ? press.files[0].name : `${press.files.length} photos`;
    return `${press.name}: ${[press.files.length ? photos : "", press.path].filter(Boolean).join(" and ")}`;
  }

  function showWaiting() {
    list.querySelectorAll(".facesort-waits").forEach((line) => line.remove());
    for (const press of presses.values())
      if (!press.taken) list.append(make("li", { className: "facesort-waits" }, `${describe(press)}: waiting`));
  }

  form.addEventListener("input", () => (complain(), (given = "")));
  button.onclick = complain;
  form.onsubmit = (event) => {
    event.preventDefault();
    const press = {
      id: `${Date.now()}-${Math.random()}`,
      ...{ name: name.value.trim(), folder: folder.value.trim(), path: path.value.trim(), files: [...files.files] },
    };
    fill(NOTHING);
    given = "";
    list.querySelectorAll(".facesort-failed:not(.facesort-kept)").forEach((line) => line.remove());
    presses.set(press.id, press);
    showWaiting();
    sent = sent.then(() => send(press));
  };

  function hear(message) {
    if (given && message.added === given) name.value = given = "";
    const press = presses.get(message.press);
    if (!press) return; // of another view of this form
    press.taken = true;
    if (message.failed) giveBack(press, message.failed);
    else if (message.done) presses.delete(press.id);
    const another = message.done && !message.added; // photo of this person is wanted
    if (another && isEmpty() && document.activeElement !== name) name.value = given = press.name;
    showWaiting();
  }

  function offerNames() {
    names.replaceChildren(...model.get("names").map((value) => make("option", { value })));
  }

  function cut() {
    [...presses.values()].forEach((press) => giveBack(press, "the kernel has ended: run all cells again"));
    showWaiting();
  }

  model.on("msg:custom", hear);
  model.on("comm_live_update", cut);
  model.on("change:names", offerNames);
  offerNames();
  return () => {
    model.off("msg:custom", hear);
    model.off("comm_live_update", cut);
    model.off("change:names", offerNames);
  };
}

export default { render };
