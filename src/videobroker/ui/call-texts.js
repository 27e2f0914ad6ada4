// The texts of the call view, in English and German.

/** @type {Record<string, Record<string, string>>} */
export const callTexts = {
  en: {
    "call.toolbar": "Call",
    "call.people": "People",
    "call.unnamed": "Participant",
    "call.you": "You",
    "call.name.you": "{name} (you)",
    "call.name.guest": "{name} (guest)",
    "call.alone": "You're the only one here",
    "call.count": "{count} people",
    "call.recording": "Recording",
    "call.connecting": "Connecting...",
    "call.reconnecting": "Connection lost. Reconnecting...",
    "call.reconnected": "You're connected again.",
    "call.sound": "Tap to hear the others",

    "tool.mute": "Mute",
    "tool.unmute": "Unmute",
    "tool.camera_off": "Camera off",
    "tool.camera_on": "Camera on",
    "tool.share": "Share screen",
    "tool.unshare": "Stop sharing",
    "tool.hand": "Raise hand",
    "tool.lower": "Lower hand",
    "tool.chat": "Chat",
    "tool.chat.unread": "Chat ({count} new)",
    "tool.people": "People",
    "tool.more": "More options",
    "tool.leave": "Leave",
    "tool.end": "End for everyone",

    "more.layout": "Layout",
    "more.grid": "Grid",
    "more.speaker": "Speaker",
    "more.pip": "Picture-in-picture",
    "more.pip.close": "Close picture-in-picture",
    "more.devices": "Devices",
    "more.shortcuts": "Keyboard shortcuts",

    "tile.muted": "muted",
    "tile.hand": "hand raised",
    "tile.absent": "Not connected",
    "tile.connecting": "Connecting...",
    "tile.lost": "Connection lost",
    "tile.screen": "{name}'s screen",
    "tile.pin": "Pin {name}",
    "tile.unpin": "Unpin {name}",
    "tile.remove": "Remove {name}",

    "pages.label": "Pages of people",
    "pages.previous": "Previous page",
    "pages.next": "Next page",
    "pages.count": "Page {page} of {pages}",

    "self.region": "Your video",
    "self.move": "Move your video",
    "self.hint": "Use the arrow keys, or drag it to a corner.",
    "self.at.top-start": "Your video is at the top left.",
    "self.at.top-end": "Your video is at the top right.",
    "self.at.bottom-start": "Your video is at the bottom left.",
    "self.at.bottom-end": "Your video is at the bottom right.",

    "share.own": "You're sharing your screen.",
    "share.failed": "We couldn't share your screen.",
    "share.replaces_camera": "Your camera is off while you share your screen.",

    "chat.heading": "Chat",
    "chat.close": "Close chat",
    "chat.log": "Messages",
    "chat.label": "Message to everyone",
    "chat.placeholder": "Message everyone",
    "chat.send": "Send",
    "chat.service": "Message",
    "chat.empty": "No messages yet.",
    "chat.no_history": "People who join later don't see earlier messages. If you reload this page, you won't see them either.",
    "chat.failed": "We couldn't send your message. Try again.",
    "chat.preview": "{name}: {text}",

    "people.heading": "People ({count})",
    "people.close": "Close people",
    "people.list": "Everyone in the call",
    "people.hand": "hand raised, number {order}",
    "people.microphone_on": "microphone on",
    "people.microphone_off": "muted",
    "people.camera_on": "camera on",
    "people.camera_off": "camera off",

    "devices.heading": "Devices",
    "devices.camera": "Camera",
    "devices.microphone": "Microphone",
    "devices.speaker": "Speaker",
    "devices.default": "System default",
    "devices.none": "We found no devices to choose from. Allow access to your camera and microphone first.",
    "devices.close": "Done",
    "devices.unplugged.camera": "Your camera was disconnected.",
    "devices.unplugged.microphone": "Your microphone was disconnected.",
    "devices.switched": "Now using {label}.",
    "devices.failed": "We couldn't switch to that device.",
    "devices.unavailable.camera": "We can't access your camera. Check your browser's permission.",
    "devices.unavailable.microphone": "We can't access your microphone. Check your browser's permission.",
    "devices.unavailable.both": "We can't access your camera or microphone. Others can't see or hear you.",

    "shortcuts.heading": "Keyboard shortcuts",
    "shortcuts.microphone": "Microphone on or off",
    "shortcuts.camera": "Camera on or off",
    "shortcuts.share": "Share screen",
    "shortcuts.hand": "Raise or lower your hand",
    "shortcuts.chat": "Chat",
    "shortcuts.people": "People",
    "shortcuts.help": "This help",
    "shortcuts.enable": "Use keyboard shortcuts",
    "shortcuts.close": "Close",

    "end.heading": "End the call for everyone?",
    "end.text": "This ends the call for everyone.",
    "end.cancel": "Cancel",
    "end.confirm": "End for everyone",

    "pip.title": "Call",
    "menu.failed": "This couldn't be loaded. Try again.",
    "pip.failed": "Picture-in-picture isn't available right now.",

    "notice.joined": "{name} joined.",
    "notice.left": "{name} has left.",
    "notice.removed": "{name} was removed.",
    "notice.lost": "{name} lost the connection.",
    "notice.hand": "{name} raised their hand.",
    "notice.screen": "{name} is sharing their screen.",
    "notice.role": "Your role is now {role}.",
    "notice.token": "Your invitation expires soon.",
    "notice.not_renewed": "Not renewed. {reason}",
    "notice.problem": "Something went wrong: {reason}.",
    "notice.hand.up": "Your hand is raised.",
    "notice.hand.down": "Your hand is lowered.",
  },

  de: {
    "call.toolbar": "Gespräch",
    "call.people": "Personen",
    "call.unnamed": "Person",
    "call.you": "Sie",
    "call.name.you": "{name} (Sie)",
    "call.name.guest": "{name} (Gast)",
    "call.alone": "Außer Ihnen ist niemand hier",
    "call.count": "{count} Personen",
    "call.recording": "Aufzeichnung läuft",
    "call.connecting": "Verbindung wird hergestellt ...",
    "call.reconnecting": "Verbindung verloren. Sie wird wiederhergestellt ...",
    "call.reconnected": "Sie sind wieder verbunden.",
    "call.sound": "Tippen, um die anderen zu hören",

    "tool.mute": "Stumm schalten",
    "tool.unmute": "Ton an",
    "tool.camera_off": "Kamera aus",
    "tool.camera_on": "Kamera an",
    "tool.share": "Bildschirm teilen",
    "tool.unshare": "Teilen beenden",
    "tool.hand": "Hand heben",
    "tool.lower": "Hand senken",
    "tool.chat": "Chat",
    "tool.chat.unread": "Chat ({count} neu)",
    "tool.people": "Personen",
    "tool.more": "Weitere Optionen",
    "tool.leave": "Verlassen",
    "tool.end": "Für alle beenden",

    "more.layout": "Ansicht",
    "more.grid": "Raster",
    "more.speaker": "Sprecheransicht",
    "more.pip": "Bild-im-Bild",
    "more.pip.close": "Bild-im-Bild schließen",
    "more.devices": "Geräte",
    "more.shortcuts": "Tastenkürzel",

    "tile.muted": "stumm",
    "tile.hand": "Hand gehoben",
    "tile.absent": "Nicht verbunden",
    "tile.connecting": "Verbindung wird hergestellt ...",
    "tile.lost": "Verbindung verloren",
    "tile.screen": "Bildschirm von {name}",
    "tile.pin": "{name} anheften",
    "tile.unpin": "{name} nicht mehr anheften",
    "tile.remove": "{name} entfernen",

    "pages.label": "Seiten mit Personen",
    "pages.previous": "Vorherige Seite",
    "pages.next": "Nächste Seite",
    "pages.count": "Seite {page} von {pages}",

    "self.region": "Ihr Video",
    "self.move": "Ihr Video verschieben",
    "self.hint": "Verwenden Sie die Pfeiltasten oder ziehen Sie es in eine Ecke.",
    "self.at.top-start": "Ihr Video ist oben links.",
    "self.at.top-end": "Ihr Video ist oben rechts.",
    "self.at.bottom-start": "Ihr Video ist unten links.",
    "self.at.bottom-end": "Ihr Video ist unten rechts.",

    "share.own": "Sie teilen Ihren Bildschirm.",
    "share.failed": "Ihr Bildschirm konnte nicht geteilt werden.",
    "share.replaces_camera": "Ihre Kamera ist aus, solange Sie Ihren Bildschirm teilen.",

    "chat.heading": "Chat",
    "chat.close": "Chat schließen",
    "chat.log": "Nachrichten",
    "chat.label": "Nachricht an alle",
    "chat.placeholder": "Nachricht an alle",
    "chat.send": "Senden",
    "chat.service": "Nachricht",
    "chat.empty": "Noch keine Nachrichten.",
    "chat.no_history": "Wer später dazukommt, sieht frühere Nachrichten nicht. Wenn Sie die Seite neu laden, sehen auch Sie sie nicht mehr.",
    "chat.failed": "Ihre Nachricht konnte nicht gesendet werden. Versuchen Sie es noch einmal.",
    "chat.preview": "{name}: {text}",

    "people.heading": "Personen ({count})",
    "people.close": "Personenliste schließen",
    "people.list": "Alle im Gespräch",
    "people.hand": "Hand gehoben, Nummer {order}",
    "people.microphone_on": "Mikrofon an",
    "people.microphone_off": "stumm",
    "people.camera_on": "Kamera an",
    "people.camera_off": "Kamera aus",

    "devices.heading": "Geräte",
    "devices.camera": "Kamera",
    "devices.microphone": "Mikrofon",
    "devices.speaker": "Lautsprecher",
    "devices.default": "Standardgerät",
    "devices.none": "Es gibt keine Geräte zur Auswahl. Erlauben Sie zuerst den Zugriff auf Kamera und Mikrofon.",
    "devices.close": "Fertig",
    "devices.unplugged.camera": "Ihre Kamera wurde getrennt.",
    "devices.unplugged.microphone": "Ihr Mikrofon wurde getrennt.",
    "devices.switched": "Jetzt wird {label} verwendet.",
    "devices.failed": "Der Wechsel zu diesem Gerät ist fehlgeschlagen.",
    "devices.unavailable.camera": "Ihre Kamera ist nicht verfügbar. Prüfen Sie die Berechtigung im Browser.",
    "devices.unavailable.microphone": "Ihr Mikrofon ist nicht verfügbar. Prüfen Sie die Berechtigung im Browser.",
    "devices.unavailable.both": "Kamera und Mikrofon sind nicht verfügbar. Andere können Sie weder sehen noch hören.",

    "shortcuts.heading": "Tastenkürzel",
    "shortcuts.microphone": "Mikrofon an oder aus",
    "shortcuts.camera": "Kamera an oder aus",
    "shortcuts.share": "Bildschirm teilen",
    "shortcuts.hand": "Hand heben oder senken",
    "shortcuts.chat": "Chat",
    "shortcuts.people": "Personen",
    "shortcuts.help": "Diese Hilfe",
    "shortcuts.enable": "Tastenkürzel verwenden",
    "shortcuts.close": "Schließen",

    "end.heading": "Das Gespräch für alle beenden?",
    "end.text": "Das beendet das Gespräch für alle.",
    "end.cancel": "Abbrechen",
    "end.confirm": "Für alle beenden",

    "pip.title": "Gespräch",
    "menu.failed": "Das ließ sich nicht laden. Versuchen Sie es noch einmal.",
    "pip.failed": "Bild-im-Bild ist gerade nicht verfügbar.",

    "notice.joined": "{name} ist beigetreten.",
    "notice.left": "{name} hat das Gespräch verlassen.",
    "notice.removed": "{name} wurde entfernt.",
    "notice.lost": "{name} hat die Verbindung verloren.",
    "notice.hand": "{name} hat die Hand gehoben.",
    "notice.screen": "{name} teilt den Bildschirm.",
    "notice.role": "Ihre Rolle ist jetzt {role}.",
    "notice.token": "Ihre Einladung läuft bald ab.",
    "notice.not_renewed": "Nicht verlängert. {reason}",
    "notice.problem": "Etwas ist schiefgegangen: {reason}.",
    "notice.hand.up": "Ihre Hand ist gehoben.",
    "notice.hand.down": "Ihre Hand ist gesenkt.",
  },
};

// Directional embeddings, overrides, and isolates: an unmatched one would affect the text after it.
const DIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;
// Right-to-left scripts (the ranges that Unicode reserves for them) and directional characters.
const REORDERING =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A value for a sentence, isolated so that its direction does not reorder the rest.
 * @param {string} text
 */
function isolated(text) {
  return REORDERING.test(text) ? `\u2068${text.replace(DIRECTIONAL, "")}\u2069` : text;
}

/** The texts of one language. Other languages than those of the catalog get English. */
export class CallTexts {
  /** @param {string} language such as "de" or "de-AT" */
  constructor(language) {
    const short = language.toLowerCase().split("-")[0];
    this.language = Object.hasOwn(callTexts, short) ? short : "en";
  }

  /**
   * The text with this key, with its placeholders replaced. Throws for an unknown key.
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   */
  say(key, values = {}) {
    return this.#sentence(key).replace(/\{(\w+)\}/g, (_, name) => isolated(String(values[name])));
  }

  /** @param {number} milliseconds since 1970 */
  clock(milliseconds) {
    const locale = navigator.languages.find((each) => each.toLowerCase().startsWith(this.language)) ?? this.language;
    return new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(milliseconds);
  }

  /** @param {string} key */
  #sentence(key) {
    const sentence = callTexts[this.language][key];
    if (sentence === undefined) throw new Error(`There is no text ${key}.`);
    return sentence;
  }
}
