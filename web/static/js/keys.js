// Single keys: "/" and Ctrl/Cmd-K search, "g" then a letter goes to a section.
// They can be switched off in the profile (WCAG 2.2, 2.1.4); Ctrl/Cmd-K always works.
import { openPalette } from "./palette.js";

const STORE = "keys";
let waiting = 0;

const enabled = () => localStorage.getItem(STORE) !== "off";
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

function go(letter) {
  const link = document.querySelector(`.k-nav a[data-key="${CSS.escape(letter)}"], .k-top a[data-key="${CSS.escape(letter)}"]`);
  link?.click();
  return Boolean(link);
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.code === "KeyK") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !enabled() || typing(event.target)) return;
  if (document.querySelector("dialog:modal")) return;
  // event.code: the same keys work with the Russian layout
  if (event.code === "Slash") {
    event.preventDefault();
    openPalette();
  } else if (event.code === "KeyG") {
    waiting = Date.now();
  } else if (waiting && Date.now() - waiting < 1500 && event.code.startsWith("Key")) {
    waiting = 0;
    if (go(event.code.slice(3).toLowerCase())) event.preventDefault();
  }
});

function show() {
  const box = document.querySelector("[data-keys]");
  if (box) box.checked = enabled();
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-keys]")) localStorage.setItem(STORE, event.target.checked ? "on" : "off");
});
document.addEventListener("htmx:afterSettle", show);
show();
