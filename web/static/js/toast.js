// Short messages: what the server put into #toasts, or a "say" event, gone after a while.
const SECONDS = 6;
const box = () => document.getElementById("toasts");

function expire() {
  for (const toast of box()?.children ?? []) {
    if (toast.dataset.timed) continue;
    toast.dataset.timed = "1";
    setTimeout(() => toast.remove(), SECONDS * 1000);
  }
}

function say({ text, bad }) {
  const toast = document.createElement("div");
  toast.className = bad ? "k-toast is-bad" : "k-toast";
  toast.textContent = text;
  box()?.append(toast);
  expire();
}

document.addEventListener("say", (event) => say(event.detail));
document.addEventListener("htmx:afterSettle", expire);
document.addEventListener("htmx:sendError", () => say({ text: document.documentElement.dataset.offline, bad: true }));
expire();
