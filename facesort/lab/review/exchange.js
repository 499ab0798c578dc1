// What a page of faces asks of the kernel: one message at a time and in order, and whether anybody hears it.

const PATIENCE_MS = 4000;
const BUSY = "The kernel is busy: what you press waits for it, and is not stored yet.";
const ENDED = "The kernel was restarted: run the cells again. Nothing you press here is stored.";

// `changed` is called when something was heard, or never will be; `refused` with each act that the kernel did not do.
function exchange({ model, el, changed, refused }) {
  const view = `${Math.random()}`; // of several views of one sheet, each waits for its own
  let waiting = []; // acts: {message, ids that it removes, chosen}
  let sent = null; // {number, acts}
  let number = 0;
  let notice = "";
  let timer;

  const isCut = () => notice === ENDED || el.closest(".jupyter-widgets-disconnected") !== null;

  function end() {
    clearTimeout(timer);
    const some = sent !== null || waiting.length > 0;
    [waiting, sent, notice] = [[], null, some || !notice ? ENDED : notice];
    changed();
  }

  function flush() {
    if (sent || !waiting.length) return;
    sent = { number: ++number, acts: waiting };
    waiting = [];
    model.send({ view, number, acts: sent.acts.map((act) => act.message) });
    timer = setTimeout(doubt, PATIENCE_MS);
  }

  // A kernel that crashed and was started again has never heard of this page, and does not say so.
  async function doubt() {
    const asked = sent;
    notice = BUSY;
    changed();
    let there = false;
    try {
      const reply = await model.widget_manager.kernel.requestCommInfo({ target_name: "jupyter.widget" });
      there = model.get("layout").model_id in reply.content.comms; // anywidget hides the id of the sheet itself
    } catch {
      // it ended while it was asked
    }
    if (sent !== asked || isCut()) return;
    if (there) timer = setTimeout(doubt, PATIENCE_MS);
    else end();
  }

  function hear() {
    const heard = model.get("heard");
    if (heard.view !== view || heard.number !== sent?.number) return;
    clearTimeout(timer);
    const { acts } = sent;
    [sent, notice] = [null, ""];
    refused(heard.refused.map((index) => acts[index]));
    flush();
    changed();
  }

  const cut = () => setTimeout(() => isCut() && end()); // after the page is marked
  model.on("change:heard", hear);
  model.on("comm_live_update", cut);
  return {
    // Whether the act was taken: it is with the kernel, or waits for it.
    ask(message, { ids = [], chosen = [] } = {}) {
      if (isCut()) return (end(), false);
      waiting.push({ message, ids, chosen });
      flush();
      return true;
    },
    removing: () => new Set([...(sent?.acts ?? []), ...waiting].flatMap((act) => act.ids)),
    notice: () => notice,
    close() {
      clearTimeout(timer);
      model.off("change:heard", hear);
      model.off("comm_live_update", cut);
    },
  };
}
