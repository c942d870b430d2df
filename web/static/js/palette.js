// The command palette: a dialog that asks the server as one types; arrows choose, Enter goes.
const palette = () => document.getElementById("palette");

export function openPalette() {
  const dialog = palette();
  if (!dialog || dialog.open) return;
  const input = dialog.querySelector("input");
  dialog.showModal();
  input.value = "";
  input.focus();
  htmx.trigger(input, "ask");
}

function choose(step) {
  const links = [...palette().querySelectorAll(".k-hits a")];
  if (!links.length) return;
  const now = links.findIndex((link) => link.getAttribute("aria-selected") === "true");
  const next = (now + step + links.length) % links.length;
  links.forEach((link, index) => link.setAttribute("aria-selected", String(index === next)));
  links[next].scrollIntoView({ block: "nearest" });
  palette().querySelector("input").setAttribute("aria-activedescendant", links[next].id);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) {
    event.preventDefault();
    openPalette();
  } else if (event.target === palette()) {
    palette().close();
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  // what it points to is about to go
  if (event.detail.target.id === "hits") palette()?.querySelector("input").removeAttribute("aria-activedescendant");
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "hits" && palette()?.open) {
    choose(1);
  }
});

document.addEventListener("keydown", (event) => {
  if (!palette()?.open) return;
  if (event.key === "ArrowDown") choose(1);
  else if (event.key === "ArrowUp") choose(-1);
  else if (event.key === "Enter") palette().querySelector(".k-hits a[aria-selected='true']")?.click();
  else return;
  event.preventDefault();
});
