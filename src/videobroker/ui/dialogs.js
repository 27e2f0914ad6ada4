// Modal dialogs. The browser makes the rest of the page inert, closes them on Escape, and restores the focus.

import { h } from "./dom.js";

let count = 0;

/**
 * A `<dialog>` with a heading. The caller adds it to the page, and calls `showModal()`.
 * @param {{ title: string, className?: string }} options
 * @param {...(Node | string)} children
 */
export function dialog({ title, className = "" }, ...children) {
  const id = `dialog-${(count += 1)}`;
  return h(
    "dialog",
    { className: `dialog ${className}`.trim(), "aria-labelledby": id },
    h("h2", { id }, title),
    ...children,
  );
}

/**
 * Ask for confirmation. Resolves to whether the person confirmed. Escape, and a click beside the dialog, cancel.
 *
 * With `act`, the dialog stays open until `act()` has succeeded. If that fails, it shows `failed`, and the person can try
 * again or cancel.
 * @param {{ title: string, text?: string, confirm: string, cancel: string, danger?: boolean,
 *   act?: () => Promise<unknown>, failed?: string, parent?: ParentNode }} options
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, text, confirm, cancel, danger = false, act, failed = "", parent = document.body }) {
  const status = h("p", { role: "status" });
  const yes = h("button", { type: "button", className: `button ${danger ? "danger" : "primary"}` }, confirm);
  const no = h("button", { type: "button", className: "button" }, cancel);
  const box = dialog({ title }, ...(text ? [h("p", {}, text)] : []), status, h("div", { className: "actions" }, no, yes));
  let isConfirmed = false;
  let isBusy = false;
  no.addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => event.target === box && isOutside(box, event) && box.close());
  yes.addEventListener("click", async () => {
    if (isBusy) return;
    isBusy = true;
    status.textContent = "";
    yes.setAttribute("aria-busy", "true");
    try {
      await act?.();
      isConfirmed = true;
      box.close();
    } catch {
      status.textContent = failed;
    }
    yes.removeAttribute("aria-busy");
    isBusy = false;
  });
  parent.append(box);
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      resolve(isConfirmed);
    });
    box.showModal();
    // The safe choice has the focus, so that Enter does nothing that cannot be undone.
    (danger ? no : yes).focus();
  });
}

/**
 * @param {Element} element
 * @param {MouseEvent} event
 */
function isOutside(element, { clientX, clientY }) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}
