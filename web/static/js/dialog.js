// A dialog arrives as an open <dialog> (so it shows without scripts too) and is made modal here.
// Closing it leads back to the page it was opened from.
function raise(root) {
  const dialog = root.querySelector("dialog[data-dialog]");
  if (!dialog || dialog.matches(":modal")) return;
  dialog.removeAttribute("open");
  dialog.classList.remove("is-page");
  dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
  dialog.addEventListener("close", () => {
    const opener = document.getElementById(dialog.dataset.opener);
    dialog.remove();
    opener?.focus();
    if (dialog.dataset.back) history.replaceState(null, "", dialog.dataset.back);
  });
}

document.addEventListener("htmx:afterSettle", () => raise(document));
document.addEventListener("click", async (event) => {
  const closer = event.target.closest("[data-close-dialog]");
  if (closer?.closest("dialog")?.matches(":modal")) {
    event.preventDefault();
    closer.closest("dialog").close();
    return;
  }
  const copier = event.target.closest("[data-copy]");
  if (!copier) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(copier.dataset.copy).textContent);
    document.dispatchEvent(new CustomEvent("say", { detail: { text: copier.dataset.done } }));
  } catch {
    getSelection().selectAllChildren(document.getElementById(copier.dataset.copy));
  }
});
raise(document);
