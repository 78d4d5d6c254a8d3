// Copying and printing on the sheet of a dock that was just added.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
    } catch {
      // Without https there is no clipboard: select the value, so that Ctrl-C takes it.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      return;
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
document.querySelector("[data-print]").addEventListener("click", () => print());
