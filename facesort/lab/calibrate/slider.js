// A threshold as a slider and as a number, both labelled.  The browser side of slider.py.

function render({ model, el }) {
  const name = model.get("name");
  const [slider, number] = ["range", "number"].map((type) => {
    const input = document.createElement("input");
    Object.assign(input, { type, min: 0, max: 2, step: 0.01 });
    return input;
  });
  const label = document.createElement("label");
  const text = document.createElement("span");
  text.textContent = name;
  text.style.cssText = "min-width:5em;font-weight:600";
  label.style.cssText = "display:flex;align-items:center;flex:1";
  label.append(text, slider); // no id, which another widget could have
  number.setAttribute("aria-label", `${name}, as a number`);
  number.style.width = "5.5em";
  slider.style.cssText = "flex:1;min-width:8em;accent-color:#0072B2";
  const row = document.createElement("div");
  row.style.cssText = "display:flex;align-items:center;gap:8px;max-width:760px;margin:4px 0;color:var(--jp-ui-font-color1)";
  row.dataset.lmSuppressShortcuts = "true";
  row.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab takes Enter: no change is heard
  row.append(label, number);
  el.append(row);

  const show = () => {
    slider.value = model.get("value");
    number.value = model.get("value").toFixed(2);
  };
  slider.addEventListener("input", () => (number.value = Number(slider.value).toFixed(2)));
  for (const input of [slider, number]) {
    input.addEventListener("change", () => {
      if (input.value !== "" && input.checkValidity()) {
        model.set("value", Number(input.value));
        model.save_changes();
      }
      show(); // the kernel may answer that it stopped at the other threshold
    });
  }
  model.on("change:value", show);
  show();
}

export default { render };
