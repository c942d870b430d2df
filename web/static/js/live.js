// One stream of events tells what changed; parts of the page that care ask for themselves anew.
// A hidden tab lets go of its connection (browsers allow six per host) and catches up when shown.
const url = document.documentElement.dataset.live;
let source = null;
let retry = 0;

const PAUSE = 600;
const told = new Map();

// At once, then at most once in a pause; what came meanwhile is told at its end, so nothing is lost.
function tell(kind) {
  if (told.has(kind)) {
    told.set(kind, true);
    return;
  }
  told.set(kind, false);
  htmx.trigger(document.body, `live-${kind}`);
  setTimeout(() => {
    const again = told.get(kind);
    told.delete(kind);
    if (again) tell(kind);
  }, PAUSE);
}

// What is being pressed must not be swapped away: the click would go nowhere.
const held = { now: false, kinds: new Set() };

document.addEventListener("pointerdown", () => { held.now = true; });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => {
    held.now = false;
    for (const kind of held.kinds) tell(kind);
    held.kinds.clear();
  }));
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const cause = event.detail.requestConfig?.triggeringEvent?.type ?? "";
  if (!held.now || !cause.startsWith("live-")) return;
  event.detail.shouldSwap = false;
  held.kinds.add(cause.slice("live-".length));
});

function offline(yes) {
  document.documentElement.classList.toggle("is-offline", yes);
}

function open() {
  if (!url || source || document.hidden) return;
  source = new EventSource(url);
  source.addEventListener("change", (event) => tell(event.data));
  source.addEventListener("open", () => offline(false));
  source.addEventListener("error", () => {
    offline(true);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    close();
    retry = setTimeout(open, 5000);
  });
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else open(); // the first event is "resync", so nothing is missed
});
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
