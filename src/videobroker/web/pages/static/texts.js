// Every sentence that the page can say, in each of its languages. Names in braces are filled in.

export const texts = {
  en: {
    "page.loading": "One moment",
    "page.loading.text": "Looking up your session.",
    "page.main": "Your session",

    "session.untitled": "Your video call",
    "session.you": "You are {name}",
    "session.you.host": "You are {name}, and you host this session",
    "session.when": "{day}, {from} to {to}",

    "early.heading": "You are early",
    "early.text": "The doors open at {time}. This page opens them by itself.",
    "early.text.day": "The doors open on {day} at {time}. You can close this page and come back with the same link.",
    "early.countdown": "Opens in",

    "ready.heading": "You can go in",
    "ready.text": "Everything is ready.",
    "ready.running": "The call has begun.",
    "ready.join": "Join now",

    "host.heading": "Waiting for the host",
    "host.text": "Stay on this page. You can join as soon as the host starts the call.",
    "admission.heading": "Waiting room",
    "admission.text": "We've told the host you're here.",
    "admission.text.ask": "The host admits each person. Ask to join when you're ready.",
    "admission.text.sent": "We've sent your request. Stay on this page until the host admits you.",
    "waiting.ask": "Join automatically",
    "waiting.knock": "Ask to join",
    "waiting.asked": "You'll join automatically.",
    "waiting.stay": "Don't join automatically",
    "waiting.withdraw_failed": "Your request couldn't be withdrawn. Try again.",

    "joining.heading": "Connecting you",
    "joining.text": "This takes a few seconds.",
    "joining.trouble": "The video service does not answer at the moment. We keep trying: next try in {seconds} s.",
    "joining.cancel": "Stop trying",
    "moved.heading": "The call has moved",
    "moved.text": "Your session continues with another video service. We connect you again.",

    "call.region": "Video call",
    "call.frame": "The video call",
    "call.leave": "Leave",
    "call.end": "End for everyone",
    "call.end.question": "End the call for everyone?",
    "call.end.text": "This ends the call for everyone right away.",
    "call.end.yes": "End for everyone",
    "call.end.no": "Cancel",
    "call.end.failed": "The call could not be ended. Please try again.",

    "left.heading": "You left the call",
    "left.text": "The call is still going. You can rejoin until it ends.",
    "left.join": "Rejoin",
    "ended.heading": "The call has ended",
    "ended.text": "The host ended the call for everyone.",
    "ended.text.you": "You ended the call for everyone.",
    "ended.text.plain": "The call is over for everyone.",
    "ended.join": "Start the call again",
    "removed.heading": "You were removed from the call",
    "removed.text": "If you think this is a mistake, contact the person who invited you.",
    "removed.join": "Ask to rejoin",

    "elsewhere.heading": "You joined on another device",
    "elsewhere.text": "This call is now open in another tab or on another device.",
    "elsewhere.join": "Switch to this device",

    "denied.heading": "The host declined your request",
    "denied.text": "The host did not let you in. If you think that this was a mistake, please contact the person who invited you.",
    "over.heading": "This session is over",
    "over.text": "It ended at {time}. To meet again, ask for a new appointment.",
    "over.text.plain": "To meet again, ask for a new appointment.",
    "cancelled.heading": "This session was cancelled",
    "cancelled.text": "It does not take place. If you did not expect that, please contact the person who invited you.",
    "unconfirmed.heading": "This session is not confirmed yet",
    "unconfirmed.text": "As soon as it is confirmed, this page lets you in. You can also come back later with the same link.",
    "video_off.heading": "There is no video here",
    "video_off.text": "Video is switched off for this session. If you did not expect that, please contact the person who invited you.",
    "stranger.heading": "You are not on the list",
    "stranger.text": "This session does not know you any more. Please ask the person who invited you to add you.",
    "guests.heading": "No guests here",
    "guests.text": "This session admits nobody without an invitation of their own. Please ask the person who invited you for one.",
    "refused.heading": "You cannot go in",
    "refused.text": "Please contact the person who invited you.",
    "setup.heading": "The call cannot be opened",
    "setup.text": "Something is not set up as it should be. Please tell the person who invited you: {code}.",
    "setup.again": "Try again",
    "ticket_expired.heading": "This link has expired",
    "ticket_expired.text": "For your safety, links work for a limited time. Please ask for a new one where you got this one.",
    "ticket_invalid.heading": "This link does not work",
    "ticket_invalid.text": "Perhaps it was cut off. Please open the whole link, or ask for a new one where you got it.",
    "unavailable.heading": "We cannot look up your session",
    "unavailable.text": "There is a disturbance on our side. Stay here: this page tries again by itself.",

    "trouble.offline": "You are offline. As soon as you are connected again, this page goes on by itself.",
    "trouble.service": "There is a disturbance on our side. This page keeps trying by itself.",
    "trouble.over": "You are connected again.",

    "devices.region": "Camera and microphone",
    "devices.start": "Check camera and microphone",
    "devices.invite": "See yourself before others do. Nobody else can see or hear you here.",
    "devices.asking": "Your browser asks whether this page may use your camera and microphone. Please allow it.",
    "devices.camera": "Camera",
    "devices.microphone": "Microphone",
    "devices.level": "Loudness of your microphone",
    "devices.speak": "Say something: the bar moves when your microphone works.",
    "devices.preview": "Picture of your camera",
    "devices.denied": "This page may not use your camera and microphone. You find the permission beside the address of this page. You can also go on without.",
    "devices.none": "No camera and no microphone were found. You can go on without: you will see and hear the others.",
    "devices.busy": "Your camera or microphone is used by another program. Close it and check again, or go on without.",
    "devices.no_camera": "No camera was found. The others will hear you.",
    "devices.no_microphone": "No microphone was found. The others will see you.",
    "devices.again": "Check again",

    "lobby.heading": "Waiting room",
    "lobby.nobody": "No one is waiting.",
    "lobby.admit": "Admit",
    "lobby.admit.name": "Admit {name}",
    "lobby.deny": "Deny",
    "lobby.deny.name": "Deny {name}",
    "lobby.admit_all": "Admit all",
    "lobby.since": "for {time}",
    "lobby.stranded": "away",
    "lobby.arrived": "{name} is in the waiting room.",
    "lobby.count": "{count} waiting",
    "lobby.toggle": "Waiting room",
    "lobby.failed": "Something went wrong. Try again.",
    "lobby.guest": "guest",

    "agora.region": "People in the call",
    "agora.you": "You",
    "agora.unnamed": "Participant",
    "agora.muted": "(muted)",
    "agora.count": "{count} in this call",
    "agora.alone": "You're the only one here.",
    "agora.mute": "Mute",
    "agora.unmute": "Unmute",
    "agora.camera_off": "Camera off",
    "agora.camera_on": "Camera on",
    "agora.leave": "Leave",
    "agora.connecting": "Connecting",
    "agora.reconnecting": "Connection lost. Reconnecting...",
    "agora.refused": "The video service declined the connection.",
    "agora.sdk_missing": "The video service cannot be loaded. Check your connection.",
    "agora.no_devices": "We can't access your camera or microphone. Others can't see or hear you.",
    "agora.tap": "Tap to hear the others",
    "agora.tools": "Your microphone and camera",

    "time.seconds": "{count} s",
    "time.minutes": "{count} min",
    "time.hours": "{hours} h {minutes} min",
    "time.days": "{days} d {hours} h",
  },

  de: {
    "page.loading": "Einen Moment",
    "page.loading.text": "Ihr Termin wird gesucht.",
    "page.main": "Ihr Termin",

    "session.untitled": "Ihr Videogespräch",
    "session.you": "Sie sind {name}",
    "session.you.host": "Sie sind {name} und leiten dieses Gespräch",
    "session.when": "{day}, {from} bis {to}",

    "early.heading": "Sie sind früh dran",
    "early.text": "Um {time} wird geöffnet. Das geschieht auf dieser Seite von selbst.",
    "early.text.day": "Am {day} um {time} wird geöffnet. Sie können diese Seite schließen und mit demselben Link wiederkommen.",
    "early.countdown": "Öffnet in",

    "ready.heading": "Sie können eintreten",
    "ready.text": "Alles ist bereit.",
    "ready.running": "Das Gespräch hat begonnen.",
    "ready.join": "Jetzt teilnehmen",

    "host.heading": "Warten auf die Gesprächsleitung",
    "host.text": "Bleiben Sie auf dieser Seite. Sie können beitreten, sobald die Gesprächsleitung das Gespräch beginnt.",
    "admission.heading": "Warteraum",
    "admission.text": "Die Gesprächsleitung weiß, dass Sie da sind.",
    "admission.text.ask": "Die Gesprächsleitung lässt alle einzeln zu. Fragen Sie die Teilnahme an, wenn Sie bereit sind.",
    "admission.text.sent": "Ihre Anfrage ist gestellt. Bleiben Sie auf dieser Seite, bis die Gesprächsleitung Sie zulässt.",
    "waiting.ask": "Automatisch beitreten",
    "waiting.knock": "Teilnahme anfragen",
    "waiting.asked": "Sie treten automatisch bei.",
    "waiting.stay": "Nicht automatisch beitreten",
    "waiting.withdraw_failed": "Ihre Anfrage ließ sich nicht zurückziehen. Versuchen Sie es noch einmal.",

    "joining.heading": "Sie werden verbunden",
    "joining.text": "Das dauert einige Sekunden.",
    "joining.trouble": "Der Videodienst antwortet gerade nicht. Wir versuchen es weiter: nächster Versuch in {seconds} s.",
    "joining.cancel": "Nicht weiter versuchen",
    "moved.heading": "Das Gespräch ist umgezogen",
    "moved.text": "Es geht bei einem anderen Videodienst weiter. Sie werden neu verbunden.",

    "call.region": "Videogespräch",
    "call.frame": "Das Videogespräch",
    "call.leave": "Verlassen",
    "call.end": "Für alle beenden",
    "call.end.question": "Das Gespräch für alle beenden?",
    "call.end.text": "Das beendet das Gespräch sofort für alle.",
    "call.end.yes": "Für alle beenden",
    "call.end.no": "Abbrechen",
    "call.end.failed": "Das Gespräch ließ sich nicht beenden. Bitte versuchen Sie es noch einmal.",

    "left.heading": "Sie haben das Gespräch verlassen",
    "left.text": "Das Gespräch läuft noch. Bis es endet, können Sie wieder beitreten.",
    "left.join": "Wieder beitreten",
    "ended.heading": "Das Gespräch ist beendet",
    "ended.text": "Die Gesprächsleitung hat das Gespräch für alle beendet.",
    "ended.text.you": "Sie haben das Gespräch für alle beendet.",
    "ended.text.plain": "Das Gespräch ist für alle zu Ende.",
    "ended.join": "Gespräch erneut beginnen",
    "removed.heading": "Sie wurden aus dem Gespräch entfernt",
    "removed.text": "Wenn das ein Versehen war, wenden Sie sich an die Person, die Sie eingeladen hat.",
    "removed.join": "Erneut anfragen",

    "elsewhere.heading": "Sie sind auf einem anderen Gerät beigetreten",
    "elsewhere.text": "Dieses Gespräch ist jetzt in einem anderen Tab oder auf einem anderen Gerät geöffnet.",
    "elsewhere.join": "Auf dieses Gerät wechseln",

    "denied.heading": "Die Gesprächsleitung hat Ihre Anfrage abgelehnt",
    "denied.text": "Die Gesprächsleitung hat Sie nicht eingelassen. Wenn das ein Versehen war, wenden Sie sich bitte an die Person, die Sie eingeladen hat.",
    "over.heading": "Dieser Termin ist vorbei",
    "over.text": "Er endete um {time}. Für ein weiteres Gespräch vereinbaren Sie bitte einen neuen Termin.",
    "over.text.plain": "Für ein weiteres Gespräch vereinbaren Sie bitte einen neuen Termin.",
    "cancelled.heading": "Dieser Termin wurde abgesagt",
    "cancelled.text": "Er findet nicht statt. Wenn Sie das nicht erwartet haben, wenden Sie sich bitte an die Person, die Sie eingeladen hat.",
    "unconfirmed.heading": "Dieser Termin ist noch nicht bestätigt",
    "unconfirmed.text": "Sobald er bestätigt ist, lässt diese Seite Sie ein. Sie können auch später mit demselben Link wiederkommen.",
    "video_off.heading": "Hier gibt es kein Video",
    "video_off.text": "Für diesen Termin ist Video ausgeschaltet. Wenn Sie das nicht erwartet haben, wenden Sie sich bitte an die Person, die Sie eingeladen hat.",
    "stranger.heading": "Sie stehen nicht auf der Liste",
    "stranger.text": "Dieser Termin kennt Sie nicht mehr. Bitte lassen Sie sich von der Person, die Sie eingeladen hat, wieder aufnehmen.",
    "guests.heading": "Hier sind keine Gäste zugelassen",
    "guests.text": "Eingelassen wird nur, wer selbst eingeladen ist. Bitte fragen Sie die Person, die Sie eingeladen hat.",
    "refused.heading": "Sie können nicht eintreten",
    "refused.text": "Bitte wenden Sie sich an die Person, die Sie eingeladen hat.",
    "setup.heading": "Das Gespräch lässt sich nicht öffnen",
    "setup.text": "Etwas ist nicht richtig eingerichtet. Bitte nennen Sie der Person, die Sie eingeladen hat, dies: {code}.",
    "setup.again": "Noch einmal versuchen",
    "ticket_expired.heading": "Dieser Link ist abgelaufen",
    "ticket_expired.text": "Zu Ihrer Sicherheit gelten Links nur eine Zeit lang. Bitte lassen Sie sich dort einen neuen geben, wo Sie diesen bekommen haben.",
    "ticket_invalid.heading": "Dieser Link funktioniert nicht",
    "ticket_invalid.text": "Vielleicht wurde er abgeschnitten. Bitte öffnen Sie den ganzen Link, oder lassen Sie sich einen neuen geben.",
    "unavailable.heading": "Ihr Termin lässt sich nicht nachsehen",
    "unavailable.text": "Auf unserer Seite liegt eine Störung vor. Bleiben Sie hier: Diese Seite versucht es von selbst noch einmal.",

    "trouble.offline": "Sie sind offline. Sobald Sie wieder verbunden sind, geht es hier von selbst weiter.",
    "trouble.service": "Auf unserer Seite liegt eine Störung vor. Diese Seite versucht es von selbst weiter.",
    "trouble.over": "Sie sind wieder verbunden.",

    "devices.region": "Kamera und Mikrofon",
    "devices.start": "Kamera und Mikrofon prüfen",
    "devices.invite": "Sehen Sie sich, bevor andere Sie sehen. Hier sieht und hört Sie sonst niemand.",
    "devices.asking": "Ihr Browser fragt, ob diese Seite Kamera und Mikrofon benutzen darf. Bitte erlauben Sie es.",
    "devices.camera": "Kamera",
    "devices.microphone": "Mikrofon",
    "devices.level": "Lautstärke Ihres Mikrofons",
    "devices.speak": "Sagen Sie etwas: Der Balken bewegt sich, wenn Ihr Mikrofon funktioniert.",
    "devices.preview": "Bild Ihrer Kamera",
    "devices.denied": "Diese Seite darf Kamera und Mikrofon nicht benutzen. Die Erlaubnis finden Sie neben der Adresse dieser Seite. Sie können auch ohne weitermachen.",
    "devices.none": "Es wurden weder Kamera noch Mikrofon gefunden. Sie können ohne weitermachen: Sie sehen und hören die anderen.",
    "devices.busy": "Kamera oder Mikrofon werden von einem anderen Programm benutzt. Schließen Sie es und prüfen Sie noch einmal, oder machen Sie ohne weiter.",
    "devices.no_camera": "Es wurde keine Kamera gefunden. Die anderen werden Sie hören.",
    "devices.no_microphone": "Es wurde kein Mikrofon gefunden. Die anderen werden Sie sehen.",
    "devices.again": "Noch einmal prüfen",

    "lobby.heading": "Warteraum",
    "lobby.nobody": "Niemand wartet.",
    "lobby.admit": "Zulassen",
    "lobby.admit.name": "{name} zulassen",
    "lobby.deny": "Ablehnen",
    "lobby.deny.name": "{name} ablehnen",
    "lobby.admit_all": "Alle zulassen",
    "lobby.since": "seit {time}",
    "lobby.stranded": "abwesend",
    "lobby.arrived": "{name} ist im Warteraum.",
    "lobby.count": "{count} warten",
    "lobby.toggle": "Warteraum",
    "lobby.failed": "Etwas ist schiefgegangen. Versuchen Sie es noch einmal.",
    "lobby.guest": "Gast",

    "agora.region": "Personen im Gespräch",
    "agora.you": "Sie",
    "agora.unnamed": "Person",
    "agora.muted": "(stumm)",
    "agora.count": "{count} in diesem Gespräch",
    "agora.alone": "Außer Ihnen ist niemand hier.",
    "agora.mute": "Stumm schalten",
    "agora.unmute": "Ton an",
    "agora.camera_off": "Kamera aus",
    "agora.camera_on": "Kamera an",
    "agora.leave": "Verlassen",
    "agora.connecting": "Verbindung wird hergestellt",
    "agora.reconnecting": "Verbindung verloren. Sie wird wiederhergestellt ...",
    "agora.refused": "Der Videodienst hat die Verbindung abgelehnt.",
    "agora.sdk_missing": "Der Videodienst lässt sich nicht laden. Prüfen Sie Ihre Verbindung.",
    "agora.no_devices": "Kamera und Mikrofon sind nicht verfügbar. Andere können Sie weder sehen noch hören.",
    "agora.tap": "Tippen, um die anderen zu hören",
    "agora.tools": "Ihr Mikrofon und Ihre Kamera",

    "time.seconds": "{count} s",
    "time.minutes": "{count} min",
    "time.hours": "{hours} h {minutes} min",
    "time.days": "{days} T. {hours} h",
  },
};

/** The first language that somebody wants and that there is: "de-AT" is "de". */
export function chosenLanguage(wanted) {
  for (const each of wanted) {
    const language = String(each).toLowerCase().split("-")[0];
    if (Object.hasOwn(texts, language)) return language;
  }
  return "en";
}

// Directional embeddings, overrides, and isolates: an unmatched one would reach beyond the text that holds it.
const DIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;
// Right-to-left scripts (the ranges that Unicode reserves for them) and directional characters.
const REORDERING =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Text of others, such as a name, for the middle of a sentence: its direction does not reorder the rest. */
export function isolated(text) {
  return REORDERING.test(text) ? `\u2068${text.replace(DIRECTIONAL, "")}\u2069` : text;
}

/** Says things in one language. */
export class Voice {
  constructor(language) {
    this.language = language;
    this.texts = texts[language];
  }

  /** The sentence of this name, with its braces filled in. */
  say(name, values = {}) {
    const sentence = this.texts[name];
    if (sentence === undefined) throw new Error(`There is no text ${name}.`);
    return sentence.replace(/\{(\w+)\}/g, (_, key) => isolated(String(values[key])));
  }

  /** Fill every element below that names its text, or the texts of its labels. */
  fill(root) {
    for (const element of root.querySelectorAll("[data-text]")) {
      element.textContent = this.say(element.dataset.text);
    }
    for (const element of root.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", this.say(element.dataset.label));
    }
  }

  /** "14:05", as people here write it. */
  clock(moment) {
    return new Intl.DateTimeFormat(this.locale, { hour: "numeric", minute: "2-digit" }).format(moment);
  }

  /** "Thursday, 12 March". */
  day(moment) {
    return new Intl.DateTimeFormat(this.locale, { weekday: "long", day: "numeric", month: "long" }).format(moment);
  }

  /** The person's own way of writing dates, where it is one of this language: en-GB, en-US. */
  get locale() {
    return navigator.languages.find((each) => each.toLowerCase().startsWith(this.language)) ?? this.language;
  }

  /** A length of time in words: "3 min". */
  length(milliseconds) {
    const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
    if (seconds < 60) return this.say("time.seconds", { count: seconds });
    const minutes = Math.ceil(seconds / 60);
    if (minutes < 60) return this.say("time.minutes", { count: minutes });
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return this.say("time.hours", { hours, minutes: minutes % 60 });
    return this.say("time.days", { days: Math.floor(hours / 24), hours: hours % 24 });
  }
}
