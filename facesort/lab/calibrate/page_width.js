// How wide the page is where this stands.  The browser side of page_width.py.

const PAUSE_MS = 150; // while an edge of the page is dragged, nothing is drawn

function render({ model, el }) {
  let timer;
  const tell = () => {
    const width = Math.floor(el.clientWidth);
    if (!width || width === model.get("px")) return; // hidden, or known
    model.set("px", width);
    model.save_changes();
  };
  const watch = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(tell, PAUSE_MS);
  });
  watch.observe(el);
  return () => (clearTimeout(timer), watch.disconnect());
}

export default { render };
