// Durations that run: <span data-since="epoch seconds"> shows how long ago that was.
const two = (n) => String(n).padStart(2, "0");

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

// The server's clock counts, not this machine's: pages carry the moment they were made.
const made = Number(document.documentElement.dataset.now);
const ahead = made ? Date.now() / 1000 - made : 0;

function tick() {
  const now = Date.now() / 1000 - ahead;
  for (const element of document.querySelectorAll("[data-since]")) {
    const text = span(now - Number(element.dataset.since));
    if (element.textContent !== text) element.textContent = text;
  }
}

setInterval(tick, 1000);
document.addEventListener("htmx:afterSwap", tick);
tick();
