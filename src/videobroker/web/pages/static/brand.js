// How the app presents itself: its name or logo at the top, its contact, and the way back to it.

import { byId, h, meta } from "../ui/dom.js";
import { isolated } from "./texts.js";

/**
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {{ name?: string, logo?: string, email?: string, phone?: string, url?: string, back?: string,
 *   languages?: string[] }} BrandSettings
 */

/** @returns {BrandSettings} */
export function readBrand() {
  return JSON.parse(meta("brand") || "{}");
}

export class Brand {
  #brand;
  #voice;

  /**
   * @param {BrandSettings} brand
   * @param {Voice} voice
   */
  constructor(brand, voice) {
    this.#brand = brand;
    this.#voice = voice;
    this.#drawName();
    this.#drawContact();
    this.#drawWayBack();
  }

  /**
   * The person or place to ask for help, as part of a sentence: the app if it has a contact, or else the host, if this
   * person may know the name.
   * @param {import("videobroker-models").Visit | null} visit
   */
  contact(visit) {
    const { name, email, phone, url } = this.#brand;
    if (!email && !phone && !url) {
      if (visit?.visitor.is_host) return this.#voice.say("contact.support");
      return visit?.host_name ?? this.#voice.say("contact.inviter");
    }
    return name ?? this.#voice.say("contact.support");
  }

  /**
   * Show the contact and the way back where a screen has them.
   * @param {{ contact?: boolean, back?: boolean }} screen
   */
  draw({ contact, back }) {
    byId("contact").hidden = !(contact && byId("contact").childElementCount > 0);
    byId("back").hidden = !(back && this.#brand.back);
    byId("back").classList.toggle("primary", !document.querySelector("#go.primary:not([hidden])"));
  }

  #drawName() {
    const { name, logo } = this.#brand;
    const brand = byId("brand");
    if (logo) brand.append(h("img", { src: logo, alt: name ?? "", height: 32 }));
    else if (name) brand.append(isolated(name));
    brand.hidden = !logo && !name;
  }

  #drawContact() {
    const { email, phone, url } = this.#brand;
    const links = [
      ...(email ? [h("a", { href: `mailto:${email}` }, email)] : []),
      ...(phone ? [h("a", { href: `tel:${phone.replace(/[^+\d]/g, "")}` }, phone)] : []),
      ...(url ? [h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, this.#voice.say("contact.page"))] : []),
    ];
    if (links.length === 0) return;
    const parts = links.flatMap((link, index) => (index > 0 ? [" · ", link] : [link]));
    byId("contact").append(`${this.#voice.say("contact.questions")} `, ...parts);
  }

  #drawWayBack() {
    const { name, back } = this.#brand;
    if (!back) return;
    const link = /** @type {HTMLAnchorElement} */ (byId("back"));
    link.href = back;
    link.textContent = name ? this.#voice.say("back.to", { name }) : this.#voice.say("back.plain");
  }
}
