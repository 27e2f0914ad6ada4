/**
 * The texts of the page before and after the call, by their English source. Those of the call itself are in `ui/call-texts.js`.
 * Reasons for refusing a person come from the sandbox in English (`meeting/refusals.py`).
 */

/** @type {Record<string, Record<string, string>>} */
export const translations = {
  de: {
    "Your camera is blocked.": "Ihre Kamera ist blockiert.",
    "Your microphone is blocked.": "Ihr Mikrofon ist blockiert.",
    "No camera found.": "Keine Kamera gefunden.",
    "No microphone found.": "Kein Mikrofon gefunden.",
    "Another app is using your camera.": "Eine andere App verwendet Ihre Kamera.",
    "Another app is using your microphone.": "Eine andere App verwendet Ihr Mikrofon.",
    "A camera works only on https pages and on localhost.": "Eine Kamera funktioniert nur auf https-Seiten und auf localhost.",
    "A microphone works only on https pages and on localhost.":
      "Ein Mikrofon funktioniert nur auf https-Seiten und auf localhost.",
    "Allow access in the address bar of your browser.": "Erlauben Sie den Zugriff in der Adressleiste Ihres Browsers.",
    "You can join without.": "Sie können auch ohne beitreten.",
    "Your camera": "Ihre Kamera",
    "Your name": "Ihr Name",
    Camera: "Kamera",
    Microphone: "Mikrofon",
    Preview: "Vorschau",
    "Role: {role}": "Rolle: {role}",
    Mute: "Stumm schalten",
    Unmute: "Ton an",
    "Camera off": "Kamera aus",
    "Camera on": "Kamera an",
    "Try again": "Noch einmal versuchen",
    Join: "Beitreten",
    "Joining...": "Verbindung wird hergestellt ...",

    "Just a moment": "Einen Moment",
    "Invitation needed": "Einladung erforderlich",
    "The page around this one says who joins.": "Die umgebende Seite bestimmt, wer beitritt.",
    "Add a join credential after # in the address: app_id, channel, uid, and token.":
      "Fügen Sie der Adresse nach # die Zugangsdaten hinzu: app_id, channel, uid und token.",
    "The sandbox isn't responding. Retrying...": "Die Sandbox antwortet nicht. Neuer Versuch ...",

    "You left the call": "Sie haben das Gespräch verlassen",
    "You can join again.": "Sie können wieder beitreten.",
    Rejoin: "Wieder beitreten",
    "The call has ended": "Das Gespräch ist beendet",
    "It was ended for everyone.": "Es wurde für alle beendet.",
    "You joined on another device": "Sie sind auf einem anderen Gerät beigetreten",
    "This page has left the call.": "Diese Seite hat das Gespräch verlassen.",
    "Join here": "Hier beitreten",
    "You were removed": "Sie wurden entfernt",
    "The host removed you.": "Die Gesprächsleitung hat Sie entfernt.",
    "Reason: {reason}": "Grund: {reason}",

    "Your invitation has expired": "Ihre Einladung ist abgelaufen",
    "Ask for a new one and join again.": "Lassen Sie sich eine neue geben und treten Sie wieder bei.",
    "Meeting not found": "Gespräch nicht gefunden",
    "Check the link.": "Prüfen Sie den Link.",
    "This meeting is closed": "Dieses Gespräch ist geschlossen",
    "The room or its code is disabled.": "Der Raum oder sein Code ist deaktiviert.",
    "This meeting is full": "Dieses Gespräch ist voll",
    "The room has no free place. Try again later.": "Der Raum hat keinen freien Platz. Versuchen Sie es später noch einmal.",
    "Your role has no free place. Try again later.":
      "Für Ihre Rolle ist kein Platz frei. Versuchen Sie es später noch einmal.",
    "Invalid invitation": "Ungültige Einladung",
    "It is for another App ID. Ask for a new one.": "Sie gilt für eine andere App-ID. Lassen Sie sich eine neue geben.",
    "It is for another channel or another person. Ask for a new one.":
      "Sie gilt für einen anderen Kanal oder eine andere Person. Lassen Sie sich eine neue geben.",
    "Invalid token. Ask for a new one.": "Ungültiges Token. Lassen Sie sich ein neues geben.",
    "You can't join": "Sie können nicht beitreten",
    "You were removed from this channel and can't rejoin yet.":
      "Sie wurden aus diesem Kanal entfernt und können noch nicht wieder beitreten.",
  },
};

/** Translates into one language. English needs no translations. */
export class PageTexts {
  #translations;

  /** @param {string} language such as "de" */
  constructor(language) {
    this.#translations = translations[language] ?? {};
  }

  /**
   * The translation, or the English text if there is none.
   * @param {string} english
   * @param {Record<string, string>} [values] replace `{name}`
   */
  say(english, values = {}) {
    return (this.#translations[english] ?? english).replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
  }
}
