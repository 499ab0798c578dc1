// The part of a clip in which a face is seen: its boxes as they move, a strip of frames, and the clip where it plays.

const STEP_MS = 500; // between two frames of the strip, where the clip itself cannot be played
const JOINED_MS = 1000; // a face that was not found for longer may have been elsewhere meanwhile

function clock(ms) {
  const [seconds, minutes, hours] = [Math.floor(ms / 1000) % 60, Math.floor(ms / 60000) % 60, Math.floor(ms / 3600000)];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

// With tenths of a second, for frames that are near each other.
const exactly = (ms) => `${clock(ms)}.${Math.floor(ms / 100) % 10}`;

// Where a face is at a time, of [ms, left, top, right, bottom] each time that it was found; undefined if nowhere.
function frameAt(seen, ms, reach) {
  const next = seen.findIndex(([at]) => at >= ms);
  const [before, after] = next < 0 ? [seen.at(-1), undefined] : [seen[next - 1], seen[next]];
  if (before && after && after[0] - before[0] <= JOINED_MS) {
    const share = (ms - before[0]) / (after[0] - before[0]);
    return before.slice(1).map((from, side) => from + share * (after[side + 1] - from));
  }
  return [before, after].find((at) => at && Math.abs(at[0] - ms) <= reach)?.slice(1);
}

// `image` in `picture` shows the frame at best_ms, if it could be had; each face is a {box, seen}; `pictures` are those of
// the strip, and the clip itself if it is sent.  Returns what is below the picture, and its keys.
function clipView({ clip, picture, image, faces, pictures, place, at = clip.best_ms }) {
  const { start_ms, end_ms, best_ms, reach_ms, strip, from_ms } = clip;
  const below = make("div", "facesort-clip");
  const play = keyButton("", "Play", " ");
  const where = make("span", "facesort-clip-time");
  const frames = make("div", "facesort-strip");
  frames.setAttribute("role", "group");
  frames.setAttribute("aria-label", "frames of the clip");
  below.append(play, where, frames);

  const label = end_ms - start_ms < 1000 * strip.length ? exactly : clock;
  const still = image.src;
  const urls = pictures.slice(0, strip.length).map((jpeg) => objectUrl(jpeg));
  const media = pictures[strip.length];
  const buttons = strip.map((ms, index) => stripFrame(ms, urls[index]));
  let now = best_ms;
  let moved = false; // by the user
  let timer; // of what moves, whichever it is
  let video = media && moving(media);

  function stripFrame(ms, url) {
    const button = make("button", "facesort-strip-frame");
    const small = make("img", "");
    [small.src, small.alt] = [url, ""];
    button.append(small, make("span", "", label(ms)));
    button.setAttribute("aria-label", `go to ${label(ms)}`);
    button.onclick = () => stop(ms);
    frames.append(button);
    return button;
  }

  function moving(bytes) {
    const player = make("video", "");
    player.muted = player.playsInline = true;
    player.hidden = true;
    player.src = objectUrl(bytes, "video/mp4");
    urls.push(player.src);
    player.onerror = () => { // this browser has no decoder for it
      const played = timer !== undefined;
      pause();
      player.remove();
      video = undefined;
      if (played) start();
    };
    player.onseeked = () => follow();
    image.after(player);
    return player;
  }

  const nearest = () => strip.reduce((best, ms, index) => (Math.abs(ms - now) < Math.abs(strip[best] - now) ? index : best), 0);

  function draw() {
    where.textContent = `${label(now)} of ${clock(start_ms)}–${clock(Math.ceil(end_ms / 1000) * 1000)}`;
    const current = nearest();
    buttons.forEach((button, index) => button.setAttribute("aria-current", index === current));
    const [left, width] = [buttons[current]?.offsetLeft, buttons[current]?.offsetWidth];
    frames.scrollLeft = Math.min(left - 3, Math.max(frames.scrollLeft, left + width + 3 - frames.clientWidth));
    const small = image.src !== still && (!video || video.hidden); // a picture of one face alone
    faces.forEach(({ box, seen }) => {
      const frame = small ? undefined : frameAt(seen, now, reach_ms);
      box.hidden = !frame;
      if (frame) place(box, frame);
    });
    picture.classList.toggle("facesort-small", small);
  }

  function goTo(ms) {
    now = ms;
    if (video) {
      video.hidden = false;
      video.currentTime = Math.max(0, (ms - from_ms) / 1000);
    } else {
      image.src = (ms === best_ms && still) || urls[nearest()];
    }
    draw();
  }

  function follow() {
    now = from_ms + Math.round(video.currentTime * 1000);
    draw();
  }

  function tick() {
    if (!video) return goTo(strip[(nearest() + 1) % strip.length]);
    if (video.ended || from_ms + video.currentTime * 1000 >= end_ms) {
      goTo(start_ms);
      video.play().catch(() => {});
    } else follow();
  }

  function start() {
    moved = true;
    goTo(video || strip.length < 2 ? start_ms : strip[0]);
    video?.play().catch(() => {});
    timer = setInterval(tick, video ? 40 : STEP_MS);
    play.firstChild.textContent = "Pause";
  }

  function pause() {
    clearInterval(timer);
    timer = undefined;
    video?.pause();
    play.firstChild.textContent = "Play";
  }

  function stop(ms) {
    moved = true;
    pause();
    goTo(ms);
  }

  const turn = () => (timer === undefined ? start() : pause());
  const step = (by) => stop(strip[Math.max(0, Math.min(strip.length - 1, nearest() + by))]);
  play.onclick = turn;
  play.disabled = !video && strip.length < 2;
  if (at !== best_ms) goTo(at);
  else if (still || !strip.length) draw();
  else goTo(strip[nearest()]);
  return {
    now: () => (moved ? now : undefined),
    below,
    // Whether the key was one of the clip.
    press(key) {
      const act = { " ": play.disabled ? undefined : turn, ",": () => step(-1), ".": () => step(1) }[key];
      act?.();
      return act !== undefined;
    },
    close() {
      pause();
      urls.forEach((url) => URL.revokeObjectURL(url));
    },
  };
}
