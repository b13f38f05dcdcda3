// A field for a singer's name that offers the known names, and a dialog with such a field.
import { get } from "../api";
import { debounced, el, latest, nameOf } from "../dom";
import { texts } from "../texts";
import type { SingerCard } from "../types";
import { dialog } from "./dialogs";
import { complain } from "./notices";

const MOST_OFFERED = 30;
let count = 0;

export interface NameField {
  element: HTMLElement;
  input: HTMLInputElement;
}

/** A labelled field that offers the library's names while a person types. */
export function nameField(label: string, options: { value?: string; hint?: string; except?: string } = {}): NameField {
  const id = `name-${++count}`;
  const list = el("datalist", { id: `${id}-list` });
  const input = el("input", {
    id,
    type: "text",
    list: `${id}-list`,
    autocomplete: "off",
    dir: "auto",
    value: options.value ?? "",
    "aria-describedby": options.hint ? `${id}-hint` : null,
  });
  const alike = latest(() => get<{ singers: SingerCard[] }>("/singers", { q: input.value.trim() }));
  const offer = async (): Promise<void> => {
    const found = await alike();
    if (found === null) return;
    const names = found.singers.map((singer) => singer.name).filter((name) => name !== options.except);
    list.replaceChildren(...names.slice(0, MOST_OFFERED).map((name) => el("option", { value: name })));
  };
  const soon = debounced(() => void offer().catch(complain), 150);
  input.addEventListener("input", soon);
  input.addEventListener("focus", soon);
  const hint = options.hint ? el("small", { id: `${id}-hint` }, options.hint) : null;
  return { input, element: el("div", { class: "field" }, el("label", { for: id }, label), input, list, hint) };
}

/** Ask for a name; null if none is given. */
export function askForName(
  title: string,
  options: { perhaps?: string[]; value?: string; label?: string; ok?: string; note?: string } = {},
): Promise<string | null> {
  return new Promise((resolve) => {
    const field = nameField(options.label ?? texts.naming.label, { value: options.value ?? "", hint: texts.naming.hint });
    const choices = (options.perhaps ?? []).map((name) =>
      el("button", { type: "button", class: "chip", onclick: () => done(name) }, nameOf(name)),
    );
    const form = el(
      "form",
      { method: "dialog", novalidate: true },
      options.note ? el("p", { class: "quiet" }, options.note) : null,
      choices.length ? el("div", { class: "chips", role: "group", "aria-label": texts.naming.perhaps }, ...choices) : null,
      field.element,
      el("div", { class: "row end" }, el("button", { type: "submit", class: "button main" }, options.ok ?? texts.naming.ok)),
    );
    const box = dialog(title, form);
    field.input.focus();
    field.input.select();
    function done(name: string): void {
      resolve(name);
      box.close();
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = field.input.value.trim();
      field.input.setAttribute("aria-invalid", String(!name));
      if (name) done(name);
      else field.input.setCustomValidity(texts.naming.empty);
      if (!name) field.input.reportValidity();
    });
    field.input.addEventListener("input", () => field.input.setCustomValidity(""));
    box.addEventListener("close", () => resolve(null));
  });
}
