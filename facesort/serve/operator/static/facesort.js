// Keeps a page current while a sort runs. Without it the page is reloaded every few seconds.
"use strict";

const now = document.getElementById("now");
const spoken = document.getElementById("spoken");

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("now");
  if (!fresh) return location.reload(); // logged out
  const focused = document.activeElement && document.activeElement.id;
  now.replaceChildren(...fresh.childNodes);
  if (focused) document.getElementById(focused)?.focus();
  const said = page.getElementById("spoken").textContent;
  if (spoken.textContent !== said) spoken.textContent = said; // is read aloud
}

if (now) {
  const events = new EventSource("/api/tracker/events");
  events.addEventListener("progress", refresh);
}
