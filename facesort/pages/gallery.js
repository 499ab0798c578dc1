"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const photos = [...document.querySelectorAll("a.photo")];
  const people = [...document.querySelectorAll("[data-person]")];
  const links = new Map(people.map((one) => [one.dataset.person, one]));

  // Chapters that are far away are not laid out. How high each will be is computed as the browser breaks its rows, so that
  // nothing jumps; without scripts all are laid out.
  const rows = [...document.querySelectorAll(".photos")].map((box) => ({
    box,
    shapes: [...box.children].map((photo) => ({ photo, ratio: photo.className.match(/ r(\d+)/)[1] / 100 })),
  }));
  const height = (ratios, width, row, gap) => {
    let total = 0, sum = 0, count = 0;
    const end = (highest) => { total += Math.min(highest, (width - (count - 1) * gap) / sum) + gap; };
    for (const ratio of ratios) {
      if (count && (sum + ratio) * row + count * gap > width) {
        end(Infinity);
        sum = count = 0;
      }
      sum += ratio;
      count += 1;
    }
    if (count) end(row);
    return Math.max(0, total - gap);
  };
  const layOut = () => {
    const width = document.querySelector(".photos")?.getBoundingClientRect().width;
    const style = width && getComputedStyle(document.querySelector(".photos"));
    for (const { box, shapes } of rows) {
      const ratios = shapes.filter(({ photo }) => !photo.hidden).map(({ ratio }) => ratio);
      box.style.containIntrinsicBlockSize = `${height(ratios, width, parseFloat(style.minHeight), parseFloat(style.gap))}px`;
      box.style.contentVisibility = "auto";
    }
  };
  layOut();
  addEventListener("resize", layOut);

  // Search. Names stand in the page as facesort folds them; what is typed is folded in the same way.
  const plain = (text) =>
    Array.from(text.normalize("NFKD").toUpperCase(), (letter) => letter.toLowerCase())
      .join("").normalize("NFKD").replace(/[\p{M}\p{Cf}]/gu, "");
  const several = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  const cards = people.filter((one) => one.matches(".people a"));
  const names = new Map(people.map((one) => [one, plain(one.dataset.plain)]));

  const search = () => {
    const words = plain(element("name").value).split(/\s+/).filter(Boolean);
    const matches = people.filter((one) => words.every((word) => names.get(one).includes(word)));
    const wanted = new Set(matches.map((one) => one.dataset.person));
    const named = matches.filter((one) => !("guests" in one.dataset)).length;
    for (const card of cards) card.parentElement.hidden = !wanted.has(card.dataset.person);
    let count = 0;
    for (const photo of photos) {
      photo.hidden = words.length > 0 && !photo.dataset.people.split(" ").some((key) => wanted.has(key));
      count += !photo.hidden;
    }
    for (const chapter of document.querySelectorAll(".chapter"))
      chapter.hidden = !chapter.querySelector(".photo:not([hidden])");
    for (const link of document.querySelectorAll(".times a"))
      link.hidden = element(link.hash.slice(1)).hidden;
    layOut();
    element("found").textContent = !words.length ? ""
      : !matches.length ? "Nobody here has this name."
      : [named && several(named, "person", "people"), several(count, "photo", "photos")].filter(Boolean).join(", ");
  };
  element("name").addEventListener("input", search);
  document.querySelector(".search").addEventListener("submit", (event) => event.preventDefault());

  // A browser downloads nothing from a page that is a file, but opens it: beside the page, not in place of it.
  if (location.protocol === "file:") {
    element("save").textContent = "Full size";
    element("save").target = "_blank";
  }

  // Viewer. The address names the photo, so that Back closes it and a link opens it.
  const viewer = element("viewer"), shown = element("shown");
  let current = null;
  const visible = () => photos.filter((photo) => !photo.hidden || photo === current);

  const load = (image, photo) => {
    const small = photo.querySelector("img");
    const { width, height } = small.attributes;
    image.sizes = `min(100vw, ${Math.round((100 * width.value) / height.value)}vh)`;
    image.srcset = [small.getAttribute("srcset"), `${photo.getAttribute("href")} ${width.value}w`].filter(Boolean).join(", ");
  };

  const describe = (photo) => {
    const caption = element("caption");
    caption.replaceChildren();
    const add = (node) => caption.append(...(caption.hasChildNodes() ? [" \u00b7 "] : []), node);
    for (const key of photo.dataset.people.split(" ")) {
      const person = links.get(key);
      const name = document.createElement(person.href ? "a" : "span");
      name.textContent = person.dataset.name;
      if (person.href) name.href = person.href;
      add(name);
    }
    if (photo.dataset.clip) add(`\u25b6\ufe0e ${photo.dataset.clip} of a video`);
    if (photo.dataset.time) {
      const time = document.createElement("time");
      time.textContent = photo.dataset.time;
      add(time);
    }
  };

  const show = (photo) => {
    current = photo;
    const all = visible(), at = all.indexOf(photo), small = photo.querySelector("img");
    shown.removeAttribute("srcset");
    shown.alt = small.alt;
    shown.width = small.getAttribute("width");
    shown.height = small.getAttribute("height");
    shown.style.backgroundImage = small.currentSrc && `url("${small.currentSrc}")`; // until the large one is there
    load(shown, photo);
    element("count").textContent = `${(at + 1).toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
    element("save").href = photo.href;
    element("before").disabled = at === 0;
    element("after").disabled = at === all.length - 1;
    describe(photo);
    if (!viewer.open) {
      viewer.showModal();
      shown.focus();
    } else if (document.activeElement?.disabled) shown.focus();
    for (const next of [all[at + 1], all[at - 1]]) if (next) load(new Image(), next);
  };
  const step = (to) => {
    const all = visible(), at = all.indexOf(current);
    const next = all[{ first: 0, last: all.length - 1, before: at - 1, after: at + 1 }[to]];
    if (!next || next === current) return;
    history.replaceState(history.state, "", `#${next.id}`);
    show(next);
  };
  const hide = () => {
    if (!viewer.open) return;
    viewer.close();
    shown.removeAttribute("srcset");
    const last = current;
    current = null;
    last.focus({ preventScroll: true });
    requestAnimationFrame(() => last.scrollIntoView({ block: "nearest" }));
  };
  const leave = () => {
    if (history.state?.viewer) history.back();
    else {
      history.replaceState(null, "", location.href.split("#")[0]);
      hide();
    }
  };
  const follow = () => {
    const photo = element(decodeURIComponent(location.hash.slice(1)));
    if (photo?.matches("a.photo")) show(photo);
    else hide();
  };

  document.addEventListener("click", (event) => {
    const photo = event.target.closest("a.photo");
    if (!photo || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    history.pushState({ viewer: true }, "", `#${photo.id}`);
    show(photo);
  });
  viewer.addEventListener("click", (event) => event.target === viewer && leave());
  viewer.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  viewer.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: "before", ArrowRight: "after", Home: "first", End: "last" }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(to);
  });
  element("before").addEventListener("click", () => step("before"));
  element("after").addEventListener("click", () => step("after"));
  element("close").addEventListener("click", leave);

  let touch = null;
  viewer.addEventListener("touchstart", (event) => {
    touch = event.touches.length === 1 ? event.touches[0] : null;
  }, { passive: true });
  viewer.addEventListener("touchend", (event) => {
    if (!touch || (window.visualViewport?.scale ?? 1) > 1.05) return;
    const across = event.changedTouches[0].clientX - touch.clientX;
    const down = event.changedTouches[0].clientY - touch.clientY;
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(down)) step(across < 0 ? "after" : "before");
    touch = null;
  }, { passive: true });

  addEventListener("popstate", follow);
  follow();
})();
