// A photo with several faces: press one of them, or its number.  The browser side of face_choice.py.

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "facesort-choice";
  root.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes 1 to 6 for headings
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("label"));
  const photo = document.createElement("img");
  photo.alt = "";
  const url = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/jpeg" }));
  photo.src = url;
  root.append(photo);
  let typed = "";

  function choose(number) {
    if (root.inert || el.closest(".jupyter-widgets-disconnected")) return;
    root.inert = true; // the kernel replaces it, whatever comes of it
    buttons[number - 1].classList.add("facesort-chosen");
    model.send({ face: number });
  }

  const buttons = model.get("boxes").map(([left, top, width, height], index) => {
    const button = document.createElement("button");
    const number = document.createElement("span");
    number.textContent = index + 1;
    button.append(number);
    button.setAttribute("aria-label", `face ${index + 1}`);
    const place = { left, top, width, height };
    for (const side in place) button.style[side] = `${100 * place[side]}%`;
    button.onclick = () => choose(index + 1);
    return button;
  });
  root.append(...buttons);

  root.onkeydown = (event) => {
    if (!/^\d$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    typed = buttons[typed + event.key - 1] ? typed + event.key : event.key;
    const button = buttons[typed - 1];
    if (!button) return;
    if (buttons.length < 10) choose(Number(typed));
    else button.focus(); // another digit may follow; Enter takes it
    event.preventDefault();
    event.stopPropagation();
  };
  el.append(root);
  return () => URL.revokeObjectURL(url);
}

export default { render };
