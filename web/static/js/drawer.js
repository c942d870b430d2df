// The card beside a list: marks its row, takes the focus, closes on Escape and gives the focus back.
const narrow = matchMedia("(max-width: 1100px)");
let opener = null;

function current() {
  return document.querySelector("#drawer .k-drawer");
}

function settle() {
  const drawer = current();
  for (const row of document.querySelectorAll("tr[data-row]")) {
    row.classList.toggle("is-sel", drawer?.dataset.row === row.dataset.row);
  }
  const page = document.querySelector(".k-page");
  if (page) page.inert = Boolean(drawer) && narrow.matches;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.target.closest?.("a[hx-target='#drawer']");
  if (link && !link.closest("#drawer")) opener = link.id;
});

document.addEventListener("htmx:afterSettle", (event) => {
  settle();
  if (event.target.id !== "drawer") return;
  const drawer = current();
  const keeps = drawer?.contains(document.activeElement) || document.querySelector("dialog:modal");
  if (drawer && !keeps) (drawer.querySelector("[aria-invalid='true']") ?? drawer.querySelector("h2"))?.focus();
  if (!drawer && opener) document.getElementById(opener)?.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog:modal")) return;
  current()?.querySelector("[data-close-drawer]")?.click();
});

narrow.addEventListener("change", settle);
settle();
