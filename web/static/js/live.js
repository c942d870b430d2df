// One stream of events tells what changed; parts of the page that care ask for themselves anew.
// A hidden tab lets go of its connection (browsers allow six per host) and catches up when shown.
const url = document.documentElement.dataset.live;
let source = null;
let retry = 0;

function tell(kind) {
  htmx.trigger(document.body, `live-${kind}`);
}

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
