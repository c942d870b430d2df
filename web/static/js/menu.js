// The side bar: folds to its icons on wide screens, slides in on phones; drop-downs close by themselves.
const root = document.documentElement;

function fold(yes) {
  root.classList.toggle("is-rail", yes);
  document.cookie = `sunsim_rail=${yes ? 1 : 0}; path=/; max-age=31536000; samesite=lax`;
  const button = document.querySelector("[data-fold]");
  button?.setAttribute("aria-expanded", String(!yes));
}

function slide(yes) {
  root.classList.toggle("is-menu", yes);
  document.querySelector("[data-menu]")?.setAttribute("aria-expanded", String(yes));
  if (yes) document.querySelector(".k-nav a")?.focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-fold]")) fold(!root.classList.contains("is-rail"));
  else if (event.target.closest("[data-menu]")) slide(!root.classList.contains("is-menu"));
  else if (root.classList.contains("is-menu") && !event.target.closest(".k-side")) slide(false);
  for (const open of document.querySelectorAll("details[data-drop][open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details[data-drop][open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
    event.preventDefault();
  } else if (root.classList.contains("is-menu")) {
    slide(false);
    document.querySelector("[data-menu]")?.focus();
    event.preventDefault();
  }
}, true);

// Sections are swapped into the page, so the side bar learns from the address where one is.
function mark() {
  for (const link of document.querySelectorAll(".k-nav a")) {
    const here = location.pathname === link.pathname || location.pathname.startsWith(`${link.pathname}/`);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  mark();
  if (event.target.id !== "main") return;
  slide(false);
  event.target.focus();
});
addEventListener("popstate", () => setTimeout(mark));
