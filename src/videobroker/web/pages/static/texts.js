// All texts of the hosted page and of the call page, by language. Names in braces are placeholders.

/** @type {Record<string, Record<string, string>>} */
export const texts = {
  en: {
    "page.loading": "Just a moment",
    "page.loading.text": "Loading your session...",
    "page.main": "Your session",

    "session.untitled": "Your video call",
    "session.you": "Joining as {name}",
    "session.you.host": "Joining as {name} (host)",
    "session.name": "{name}",
    "session.name.host": "{name} (host)",
    "session.when": "{day}, {from} to {to} ({zone})",
    "session.calendar": "Add to calendar",
    "session.calendar.text": "Join with this personal link. Do not forward it.",
    "others.one": "{name} is in the call.",
    "others.two": "{name} and {other} are in the call.",
    "others.more.one": "{name} and 1 other are in the call.",
    "others.more": "{name} and {count} others are in the call.",
    "others.count.one": "1 person is in the call.",
    "others.count": "{count} people are in the call.",

    "early.heading": "You're early",
    "early.text": "You can join from {time}. Keep this page open and we'll let you know.",
    "early.text.day": "You can join on {day} from {time}. Use this same link then.",
    "early.countdown": "You can join in",

    "ready.heading": "Ready to join?",
    "ready.text": "You're all set.",
    "ready.running": "The call is in progress.",
    "ready.join": "Join now",

    "host.heading": "Waiting for the host",
    "host.text": "Stay on this page. You can join as soon as the host starts the call.",
    "admission.heading": "Waiting room",
    "admission.text": "We've told the host you're here.", // codespell:ignore told
    "admission.text.ask": "The host admits each person. Ask to join when you're ready.",
    "admission.text.sending": "Sending your request…",
    "admission.text.sent": "We've sent your request. Stay on this page until the host admits you.",
    "waiting.ask": "Join automatically",
    "waiting.knock": "Ask to join",
    "waiting.asked": "You'll join automatically.",
    "waiting.stay": "Don't join automatically",
    "waiting.withdraw": "Withdraw request",
    "waiting.withdraw_failed": "Your request couldn't be withdrawn. Try again.",

    "joining.heading": "Connecting...",
    "joining.text": "This takes a few seconds.",
    "joining.trouble": "The video service isn't responding. Trying again in {seconds}\u00a0s.",
    "joining.cancel": "Cancel",
    "moved.heading": "Switching video service",
    "moved.text": "Your call is continuing on another service. Reconnecting you...",

    "call.region": "Video call",
    "call.frame": "The video call",
    "call.leave": "Leave",
    "call.end": "End for everyone",
    "call.end.question": "End the call for everyone?",
    "call.end.text": "This ends the call for everyone right away.",
    "call.end.yes": "End for everyone",
    "call.end.no": "Cancel",
    "call.end.failed": "The call couldn't be ended. Try again.",

    "left.heading": "You left the call",
    "left.text": "The call is still going. You can rejoin until it ends.",
    "left.text.over": "The call has ended since. You can start it again.",
    "left.text.host": "The call has ended since. You can join again when the host starts a new one.",
    "left.text.admission": "To join again, ask the host.",
    "left.join": "Rejoin",
    "ended.heading": "The call has ended",
    "ended.text": "The host ended the call for everyone. You can join again when they start a new one.",
    "ended.text.you": "You ended the call for everyone.",
    "ended.text.plain": "The call has ended for everyone.",
    "ended.text.new": "The call has ended for everyone, and a new one has started.",
    "ended.text.admission": "The call has ended for everyone. To join again, ask the host.",
    "ended.join": "Start the call again",
    "ended.join.new": "Join the new call",
    "rejoin.host": "Wait for the host",
    "rejoin.early": "Join when it opens",
    "removed.heading": "You were removed from the call",
    "removed.text": "If you think this is a mistake, contact {contact}.",
    "removed.join": "Ask to rejoin",

    "elsewhere.heading": "You joined on another device",
    "elsewhere.text": "This call is now open in another tab or on another device.",
    "elsewhere.join": "Switch to this device",

    "denied.heading": "The host declined your request",
    "denied.text": "If you think this is a mistake, contact {contact}.",
    "over.heading": "This session is over",
    "over.text": "It ended on {day} at {time}. To meet again, book a new session.",
    "over.text.plain": "To meet again, book a new session.",
    "cancelled.heading": "This session was canceled",
    "cancelled.text": "This session won't take place. Questions? Contact {contact}.",
    "unconfirmed.heading": "This session is not confirmed yet",
    "unconfirmed.text": "You can join here once it's confirmed. Keep this page open, or use this same link later.",
    "video_off.heading": "This session isn't a video call",
    "video_off.text": "Video is off for this session. Questions? Contact {contact}.",
    "stranger.heading": "You're no longer invited",
    "stranger.text": "You've been removed from this session's participants. Ask {contact} to add you again.",
    "guests.heading": "This session is invite-only",
    "guests.text": "Guests can't join this session. Ask {contact} for a personal invitation.",
    "refused.heading": "You can't join",
    "refused.text": "Contact {contact}.",
    "setup.heading": "We couldn't start the call",
    "setup.text": "Something is misconfigured on our side. Contact support and mention \"{code}\".",
    "setup.again": "Try again",
    "ticket_expired.heading": "This link has expired",
    "ticket_expired.text": "Links expire for security. Ask for a new link.",
    "ticket_invalid.heading": "This link doesn't work",
    "ticket_invalid.text": "The link may be incomplete. Copy the whole link, or ask for a new one.",
    "unavailable.heading": "We can't load your session",
    "unavailable.text": "We're having a problem. Retrying automatically...",

    "contact.inviter": "the person who invited you",
    "contact.support": "support",
    "contact.questions": "Questions?",
    "contact.page": "Help page",
    "back.plain": "Back",
    "back.to": "Back to {name}",

    "after.stayed": "You were in the call for {time}.",
    "after.question": "How was the call?",
    "after.rating.1": "1 of 5: very bad",
    "after.rating.2": "2 of 5: bad",
    "after.rating.3": "3 of 5: fair",
    "after.rating.4": "4 of 5: good",
    "after.rating.5": "5 of 5: very good",
    "after.problem": "Report a problem",
    "after.problem.audio": "Sound",
    "after.problem.video": "Video",
    "after.problem.connection": "Connection",
    "after.problem.screen_share": "Screen sharing",
    "after.problem.people": "Someone in the call",
    "after.problem.other": "Something else",
    "after.comment": "What happened? (optional)",
    "after.send": "Send feedback",
    "after.empty": "Choose a rating, or describe a problem.",
    "after.thanks": "Thank you for your feedback.",
    "after.failed": "Your feedback couldn't be sent. Try again.",

    "panel.close": "Close",
    "people.toggle": "Participants",
    "people.heading": "Participants",
    "people.search": "Search by name",
    "people.in_call": "In the call ({count})",
    "people.missing": "Not in the call ({count})",
    "people.unknown": "Participants ({count})",
    "people.blocked": "Blocked ({count})",
    "people.no_match": "No one has this name.",
    "people.host": "host",
    "people.you": "you",
    "people.since": "since {time}",
    "people.remove": "Remove {name}",
    "people.block": "Block {name}",
    "people.unblock": "Unblock",
    "people.unblock.name": "Unblock {name}",
    "people.remove.question": "Remove {name}?",
    "people.remove.text": "This disconnects {name} from the call right away.",
    "people.remove.yes": "Remove",
    "people.block.question": "Block {name}?",
    "people.block.text": "{name} can't join this session until you unblock them.",
    "people.block.yes": "Block",
    "people.pending": "The video service isn't responding. We'll keep trying to disconnect {name}.",
    "people.impossible": "This video service can't disconnect people. {name} may stay in the call.",
    "people.removed": "{name} was removed.",
    "people.banned": "{name} was blocked.",
    "people.unblocked": "{name} was unblocked.",
    "people.failed": "Something went wrong. Try again.",
    "people.cancel": "Cancel",
    "lobby.sound": "Play a sound when someone asks to join",
    "lobby.search": "Search by name",

    "trouble.offline": "You're offline. Reconnecting...",
    "trouble.service": "We're having a problem. Retrying...",
    "trouble.over": "Back online.",

    "devices.region": "Camera and microphone",
    "devices.start": "Check camera and microphone",
    "devices.invite": "Check how you look and sound. No one else can see or hear you yet.", // codespell:ignore look
    "devices.asking": "Click \"Allow\" to use your camera and microphone.",
    "devices.camera": "Camera",
    "devices.microphone": "Microphone",
    "devices.level": "Microphone level",
    "devices.speak": "Say something. The bar should move.",
    "devices.preview": "Camera preview",
    "devices.denied": "Camera and microphone are blocked. Click the icon next to the address bar to allow them, or join without.",
    "devices.none": "No camera or microphone found. You can still join to watch and listen.",
    "devices.busy": "Another app is using your camera or microphone. Close it and try again, or join without.",
    "devices.no_camera": "No camera found. Others will only hear you.",
    "devices.no_microphone": "No microphone found. Others will only see you.",
    "devices.again": "Check again",
    "devices.settings": "Devices and connection",
    "devices.speaker": "Speaker",
    "devices.speaker.test": "Test speaker",
    "devices.speaker.playing": "Playing a sound...",
    "devices.speaker.played": "No sound? Choose another speaker, or turn up the volume.",
    "devices.speaker.failed": "The sound couldn't be played. Choose another speaker.",
    "devices.camera.turn_off": "Turn camera off",
    "devices.camera.turn_on": "Turn camera on",
    "devices.microphone.turn_off": "Turn microphone off",
    "devices.microphone.turn_on": "Turn microphone on",
    "devices.camera_off": "Your camera is off",
    "devices.microphone_off": "Your microphone is off. You can turn it on in the call.",
    "devices.both_off": "Camera and microphone are off. You can turn them on in the call.",

    "network.check": "Check connection",
    "network.checking": "Checking your connection...",
    "network.good": "Good",
    "network.fair": "Fair",
    "network.poor": "Poor",
    "network.advice.none": "Your connection is fast enough for video.",
    "network.advice.slow": "Your connection is a bit slow, so video may be blurry. Stop other downloads, or move closer to your router.",
    "network.advice.too_slow": "Your connection is too slow for video. Turn your camera off, or use another network.",
    "network.advice.delay": "Your connection responds slowly, so you may talk over each other. Move closer to your router, or use a cable.",
    "network.advice.firewall": "A firewall or VPN may block video. If others can't see you, turn off the VPN or use another network.",
    "network.advice.webrtc": "This browser can't make video calls. Use a current version of Chrome, Edge, Firefox, or Safari.",
    "network.advice.failed": "We couldn't measure your connection. Check that you're online, and try again.",
    "network.details": "({time}\u00a0ms, {speed}\u00a0Mbit/s to this service)",

    "test.heading": "Test your setup",
    "test.text": "Check that this device is ready for a video call. Nothing is recorded or stored.",
    "test.browser": "Browser",
    "test.browser.good": "This browser supports video calls.",
    "test.browser.screen": "This browser supports video calls, but can't share a screen.",
    "test.browser.insecure": "Open this page with https. Camera and microphone only work on secure pages.",
    "test.browser.missing": "This browser can't make video calls. Use a current version of Chrome, Edge, Firefox, or Safari.",
    "test.summary": "Summary for support",
    "test.summary.text": "If something doesn't work, send this to the person who invited you.",
    "test.copy": "Copy summary",
    "test.copied": "Copied.",
    "test.copy_failed": "Couldn't copy. Select the text and copy it yourself.",
    "test.result.unknown": "not checked",
    "test.result.works": "works: {name}",
    "test.result.none": "not found",
    "test.result.denied": "blocked",
    "test.result.busy": "used by another app",
    "test.result.off": "turned off",
    "test.connection": "Connection",

    "lobby.heading": "Waiting room",
    "lobby.empty": "No one is waiting.",
    "lobby.admit": "Admit",
    "lobby.admit.name": "Admit {name}",
    "lobby.deny": "Deny",
    "lobby.deny.name": "Deny {name}",
    "lobby.admit_all": "Admit all",
    "lobby.admit_all.count": "Admit all ({count})",
    "lobby.since": "for {time}",
    "lobby.stranded": "away",
    "lobby.arrived": "{name} is in the waiting room.",
    "lobby.count": "{count} waiting",
    "lobby.toggle": "Waiting room",
    "lobby.failed": "Something went wrong. Try again.",
    "lobby.guest": "guest",

    "agora.connecting": "Connecting...",
    "agora.refused": "The video service declined the connection.",
    "agora.sdk_missing": "We couldn't load the video service. Check your connection.",

    "time.seconds": "{count}\u00a0s",
    "time.minutes": "{count}\u00a0min",
    "time.hours": "{hours}\u00a0h {minutes}\u00a0min",
    "time.days": "{days} days {hours}\u00a0h",
  },

  de: {
    "page.loading": "Einen Moment",
    "page.loading.text": "Ihr Termin wird geladen ...",
    "page.main": "Ihr Termin",

    "session.untitled": "Ihr Videogespräch",
    "session.you": "Teilnahme als {name}",
    "session.you.host": "Teilnahme als {name} (Gesprächsleitung)",
    "session.name": "{name}",
    "session.name.host": "{name} (Gesprächsleitung)",
    "session.when": "{day}, {from} bis {to} Uhr ({zone})",
    "session.calendar": "Zum Kalender hinzufügen",
    "session.calendar.text": "Nehmen Sie mit diesem persönlichen Link teil. Leiten Sie ihn nicht weiter.",
    "others.one": "{name} ist im Gespräch.",
    "others.two": "{name} und {other} sind im Gespräch.",
    "others.more.one": "{name} und eine weitere Person sind im Gespräch.",
    "others.more": "{name} und {count} weitere Personen sind im Gespräch.",
    "others.count.one": "Eine Person ist im Gespräch.",
    "others.count": "{count} Personen sind im Gespräch.",

    "early.heading": "Sie sind früh dran",
    "early.text": "Sie können ab {time} Uhr beitreten. Lassen Sie diese Seite offen, wir sagen Ihnen Bescheid.",
    "early.text.day": "Sie können am {day}, ab {time} Uhr beitreten. Verwenden Sie dann denselben Link.",
    "early.countdown": "Beitreten möglich in",

    "ready.heading": "Bereit zum Beitreten?",
    "ready.text": "Es kann losgehen.",
    "ready.running": "Das Gespräch läuft schon.",
    "ready.join": "Jetzt beitreten",

    "host.heading": "Warten auf die Gesprächsleitung",
    "host.text": "Bleiben Sie auf dieser Seite. Sie können beitreten, sobald die Gesprächsleitung das Gespräch beginnt.",
    "admission.heading": "Warteraum",
    "admission.text": "Die Gesprächsleitung weiß, dass Sie da sind.",
    "admission.text.ask": "Die Gesprächsleitung lässt alle einzeln zu. Stellen Sie Ihre Anfrage, wenn Sie bereit sind.",
    "admission.text.sending": "Ihre Anfrage wird gesendet …",
    "admission.text.sent": "Ihre Anfrage wurde gesendet. Bleiben Sie auf dieser Seite, bis die Gesprächsleitung Sie zulässt.",
    "waiting.ask": "Automatisch beitreten",
    "waiting.knock": "Teilnahme anfragen",
    "waiting.asked": "Sie treten automatisch bei.",
    "waiting.stay": "Nicht automatisch beitreten",
    "waiting.withdraw": "Anfrage zurückziehen",
    "waiting.withdraw_failed": "Ihre Anfrage ließ sich nicht zurückziehen. Versuchen Sie es noch einmal.",

    "joining.heading": "Verbindung wird hergestellt ...",
    "joining.text": "Das dauert einige Sekunden.",
    "joining.trouble": "Der Videodienst antwortet nicht. Nächster Versuch in {seconds}\u00a0s.",
    "joining.cancel": "Abbrechen",
    "moved.heading": "Der Videodienst wird gewechselt",
    "moved.text": "Ihr Gespräch geht bei einem anderen Dienst weiter. Sie werden neu verbunden ...",

    "call.region": "Videogespräch",
    "call.frame": "Das Videogespräch",
    "call.leave": "Verlassen",
    "call.end": "Für alle beenden",
    "call.end.question": "Das Gespräch für alle beenden?",
    "call.end.text": "Das beendet das Gespräch sofort für alle.",
    "call.end.yes": "Für alle beenden",
    "call.end.no": "Abbrechen",
    "call.end.failed": "Das Gespräch ließ sich nicht beenden. Versuchen Sie es noch einmal.",

    "left.heading": "Sie haben das Gespräch verlassen",
    "left.text": "Das Gespräch läuft noch. Bis es endet, können Sie wieder beitreten.",
    "left.text.over": "Das Gespräch ist inzwischen beendet. Sie können ein neues beginnen.",
    "left.text.host": "Das Gespräch ist inzwischen beendet. Sie können wieder beitreten, sobald die Gesprächsleitung ein neues beginnt.",
    "left.text.admission": "Um wieder beizutreten, stellen Sie eine Anfrage an die Gesprächsleitung.",
    "left.join": "Wieder beitreten",
    "ended.heading": "Das Gespräch ist beendet",
    "ended.text": "Die Gesprächsleitung hat das Gespräch für alle beendet. Sie können wieder beitreten, sobald sie ein neues beginnt.",
    "ended.text.you": "Sie haben das Gespräch für alle beendet.",
    "ended.text.plain": "Das Gespräch ist für alle beendet.",
    "ended.text.new": "Das Gespräch ist für alle beendet, und ein neues hat begonnen.",
    "ended.text.admission": "Das Gespräch ist für alle beendet. Um wieder beizutreten, stellen Sie eine Anfrage an die Gesprächsleitung.",
    "ended.join": "Neues Gespräch beginnen",
    "ended.join.new": "Dem neuen Gespräch beitreten",
    "rejoin.host": "Auf die Gesprächsleitung warten",
    "rejoin.early": "Beitreten, sobald es möglich ist",
    "removed.heading": "Sie wurden aus dem Gespräch entfernt",
    "removed.text": "Wenn das ein Versehen war, wenden Sie sich an {contact}.",
    "removed.join": "Erneut anfragen",

    "elsewhere.heading": "Sie sind auf einem anderen Gerät beigetreten",
    "elsewhere.text": "Dieses Gespräch ist jetzt in einem anderen Tab oder auf einem anderen Gerät geöffnet.",
    "elsewhere.join": "Auf dieses Gerät wechseln",

    "denied.heading": "Die Gesprächsleitung hat Ihre Anfrage abgelehnt",
    "denied.text": "Wenn das ein Versehen war, wenden Sie sich an {contact}.",
    "over.heading": "Dieser Termin ist vorbei",
    "over.text": "Er endete am {day}, um {time} Uhr. Für ein weiteres Gespräch vereinbaren Sie einen neuen Termin.",
    "over.text.plain": "Für ein weiteres Gespräch vereinbaren Sie einen neuen Termin.",
    "cancelled.heading": "Dieser Termin wurde abgesagt",
    "cancelled.text": "Dieser Termin findet nicht statt. Fragen? Wenden Sie sich an {contact}.",
    "unconfirmed.heading": "Dieser Termin ist noch nicht bestätigt",
    "unconfirmed.text": "Sobald er bestätigt ist, können Sie hier beitreten. Lassen Sie diese Seite offen oder verwenden Sie später denselben Link.",
    "video_off.heading": "Dieser Termin ist kein Videogespräch",
    "video_off.text": "Video ist für diesen Termin ausgeschaltet. Fragen? Wenden Sie sich an {contact}.",
    "stranger.heading": "Sie sind nicht mehr eingeladen",
    "stranger.text": "Sie wurden von der Teilnahmeliste entfernt. Bitten Sie {contact}, Sie wieder aufzunehmen.",
    "guests.heading": "Teilnahme nur mit Einladung",
    "guests.text": "Gäste können an diesem Termin nicht teilnehmen. Wenden Sie sich für eine persönliche Einladung an {contact}.",
    "refused.heading": "Sie können nicht beitreten",
    "refused.text": "Wenden Sie sich an {contact}.",
    "setup.heading": "Das Gespräch konnte nicht gestartet werden",
    "setup.text": "Bei uns ist etwas falsch eingerichtet. Wenden Sie sich an den Support und nennen Sie „{code}“.",
    "setup.again": "Noch einmal versuchen",
    "ticket_expired.heading": "Dieser Link ist abgelaufen",
    "ticket_expired.text": "Links laufen aus Sicherheitsgründen ab. Lassen Sie sich einen neuen Link geben.",
    "ticket_invalid.heading": "Dieser Link funktioniert nicht",
    "ticket_invalid.text": "Vielleicht ist der Link unvollständig. Kopieren Sie den ganzen Link oder lassen Sie sich einen neuen geben.",
    "unavailable.heading": "Ihr Termin konnte nicht geladen werden",
    "unavailable.text": "Bei uns gibt es gerade ein Problem. Wir versuchen es automatisch weiter ...",

    "contact.inviter": "die Person, die Sie eingeladen hat",
    "contact.support": "den Support",
    "contact.questions": "Fragen?",
    "contact.page": "Hilfeseite",
    "back.plain": "Zurück",
    "back.to": "Zurück zu {name}",

    "after.stayed": "Sie waren {time} im Gespräch.",
    "after.question": "Wie war das Gespräch?",
    "after.rating.1": "1 von 5: sehr schlecht",
    "after.rating.2": "2 von 5: schlecht",
    "after.rating.3": "3 von 5: mittel",
    "after.rating.4": "4 von 5: gut",
    "after.rating.5": "5 von 5: sehr gut",
    "after.problem": "Ein Problem melden",
    "after.problem.audio": "Ton",
    "after.problem.video": "Bild",
    "after.problem.connection": "Verbindung",
    "after.problem.screen_share": "Bildschirmfreigabe",
    "after.problem.people": "Jemand im Gespräch",
    "after.problem.other": "Etwas anderes",
    "after.comment": "Was ist passiert? (optional)",
    "after.send": "Rückmeldung senden",
    "after.empty": "Wählen Sie eine Bewertung oder beschreiben Sie ein Problem.",
    "after.thanks": "Vielen Dank für Ihre Rückmeldung.",
    "after.failed": "Ihre Rückmeldung konnte nicht gesendet werden. Versuchen Sie es noch einmal.",

    "panel.close": "Schließen",
    "people.toggle": "Teilnehmende",
    "people.heading": "Teilnehmende",
    "people.search": "Nach Namen suchen",
    "people.in_call": "Im Gespräch ({count})",
    "people.missing": "Nicht im Gespräch ({count})",
    "people.unknown": "Teilnehmende ({count})",
    "people.blocked": "Blockiert ({count})",
    "people.no_match": "Niemand hat diesen Namen.",
    "people.host": "Gesprächsleitung",
    "people.you": "Sie",
    "people.since": "seit {time}",
    "people.remove": "{name} entfernen",
    "people.block": "{name} blockieren",
    "people.unblock": "Blockierung aufheben",
    "people.unblock.name": "Blockierung von {name} aufheben",
    "people.remove.question": "{name} entfernen?",
    "people.remove.text": "{name} wird sofort vom Gespräch getrennt.",
    "people.remove.yes": "Entfernen",
    "people.block.question": "{name} blockieren?",
    "people.block.text": "{name} kann an diesem Termin nicht teilnehmen, bis Sie die Blockierung aufheben.",
    "people.block.yes": "Blockieren",
    "people.pending": "Der Videodienst antwortet nicht. Wir versuchen weiter, {name} vom Gespräch zu trennen.",
    "people.impossible": "Dieser Videodienst kann niemanden trennen. {name} bleibt vielleicht im Gespräch.",
    "people.removed": "{name} wurde entfernt.",
    "people.banned": "{name} wurde blockiert.",
    "people.unblocked": "Die Blockierung von {name} wurde aufgehoben.",
    "people.failed": "Etwas ist schiefgegangen. Versuchen Sie es noch einmal.",
    "people.cancel": "Abbrechen",
    "lobby.sound": "Einen Ton abspielen, wenn jemand teilnehmen möchte",
    "lobby.search": "Nach Namen suchen",

    "trouble.offline": "Sie sind offline. Die Verbindung wird wiederhergestellt ...",
    "trouble.service": "Bei uns gibt es gerade ein Problem. Wir versuchen es weiter ...",
    "trouble.over": "Wieder online.",

    "devices.region": "Kamera und Mikrofon",
    "devices.start": "Kamera und Mikrofon prüfen",
    "devices.invite": "Prüfen Sie Bild und Ton. Noch kann niemand Sie sehen oder hören.",
    "devices.asking": "Klicken Sie auf „Zulassen“, um Kamera und Mikrofon zu verwenden.",
    "devices.camera": "Kamera",
    "devices.microphone": "Mikrofon",
    "devices.level": "Mikrofonpegel",
    "devices.speak": "Sagen Sie etwas. Der Balken sollte sich bewegen.",
    "devices.preview": "Kameravorschau",
    "devices.denied": "Kamera und Mikrofon sind blockiert. Klicken Sie auf das Symbol neben der Adressleiste, um sie zuzulassen, oder nehmen Sie ohne teil.",
    "devices.none": "Keine Kamera und kein Mikrofon gefunden. Sie können trotzdem zusehen und zuhören.",
    "devices.busy": "Eine andere App verwendet Kamera oder Mikrofon. Schließen Sie sie und versuchen Sie es noch einmal, oder nehmen Sie ohne teil.",
    "devices.no_camera": "Keine Kamera gefunden. Andere können Sie nur hören.",
    "devices.no_microphone": "Kein Mikrofon gefunden. Andere können Sie nur sehen.",
    "devices.again": "Noch einmal prüfen",
    "devices.settings": "Geräte und Verbindung",
    "devices.speaker": "Lautsprecher",
    "devices.speaker.test": "Lautsprecher testen",
    "devices.speaker.playing": "Ein Ton wird abgespielt ...",
    "devices.speaker.played": "Nichts zu hören? Wählen Sie einen anderen Lautsprecher oder stellen Sie den Ton lauter.",
    "devices.speaker.failed": "Der Ton ließ sich nicht abspielen. Wählen Sie einen anderen Lautsprecher.",
    "devices.camera.turn_off": "Kamera ausschalten",
    "devices.camera.turn_on": "Kamera einschalten",
    "devices.microphone.turn_off": "Mikrofon ausschalten",
    "devices.microphone.turn_on": "Mikrofon einschalten",
    "devices.camera_off": "Ihre Kamera ist aus",
    "devices.microphone_off": "Ihr Mikrofon ist aus. Sie können es im Gespräch einschalten.",
    "devices.both_off": "Kamera und Mikrofon sind aus. Sie können sie im Gespräch einschalten.",

    "network.check": "Verbindung prüfen",
    "network.checking": "Ihre Verbindung wird geprüft ...",
    "network.good": "Gut",
    "network.fair": "Mittel",
    "network.poor": "Schlecht",
    "network.advice.none": "Ihre Verbindung ist schnell genug für Video.",
    "network.advice.slow": "Ihre Verbindung ist etwas langsam, das Bild kann unscharf werden. Beenden Sie andere Downloads oder gehen Sie näher an Ihren Router.",
    "network.advice.too_slow": "Ihre Verbindung ist zu langsam für Video. Schalten Sie Ihre Kamera aus oder verwenden Sie ein anderes Netz.",
    "network.advice.delay": "Ihre Verbindung reagiert langsam, vielleicht fallen Sie sich ins Wort. Gehen Sie näher an Ihren Router oder verwenden Sie ein Kabel.",
    "network.advice.firewall": "Eine Firewall oder ein VPN blockiert vielleicht Video. Wenn andere Sie nicht sehen, schalten Sie das VPN aus oder verwenden Sie ein anderes Netz.",
    "network.advice.webrtc": "Mit diesem Browser sind keine Videogespräche möglich. Verwenden Sie eine aktuelle Version von Chrome, Edge, Firefox oder Safari.",
    "network.advice.failed": "Ihre Verbindung ließ sich nicht messen. Prüfen Sie, ob Sie online sind, und versuchen Sie es noch einmal.",
    "network.details": "({time}\u00a0ms, {speed}\u00a0Mbit/s zu diesem Dienst)",

    "test.heading": "Testen Sie Ihr Gerät",
    "test.text": "Prüfen Sie, ob dieses Gerät für ein Videogespräch bereit ist. Es wird nichts aufgezeichnet oder gespeichert.",
    "test.browser": "Browser",
    "test.browser.good": "Mit diesem Browser sind Videogespräche möglich.",
    "test.browser.screen": "Mit diesem Browser sind Videogespräche möglich, aber Sie können Ihren Bildschirm nicht teilen.",
    "test.browser.insecure": "Öffnen Sie diese Seite mit https. Kamera und Mikrofon funktionieren nur auf sicheren Seiten.",
    "test.browser.missing": "Mit diesem Browser sind keine Videogespräche möglich. Verwenden Sie eine aktuelle Version von Chrome, Edge, Firefox oder Safari.",
    "test.summary": "Zusammenfassung für den Support",
    "test.summary.text": "Wenn etwas nicht funktioniert, schicken Sie das der Person, die Sie eingeladen hat.",
    "test.copy": "Zusammenfassung kopieren",
    "test.copied": "Kopiert.",
    "test.copy_failed": "Das Kopieren hat nicht funktioniert. Markieren Sie den Text und kopieren Sie ihn selbst.",
    "test.result.unknown": "nicht geprüft",
    "test.result.works": "funktioniert: {name}",
    "test.result.none": "nicht gefunden",
    "test.result.denied": "blockiert",
    "test.result.busy": "von einer anderen App verwendet",
    "test.result.off": "ausgeschaltet",
    "test.connection": "Verbindung",

    "lobby.heading": "Warteraum",
    "lobby.empty": "Niemand wartet.",
    "lobby.admit": "Zulassen",
    "lobby.admit.name": "{name} zulassen",
    "lobby.deny": "Ablehnen",
    "lobby.deny.name": "{name} ablehnen",
    "lobby.admit_all": "Alle zulassen",
    "lobby.admit_all.count": "Alle zulassen ({count})",
    "lobby.since": "seit {time}",
    "lobby.stranded": "abwesend",
    "lobby.arrived": "{name} ist im Warteraum.",
    "lobby.count": "{count} im Warteraum",
    "lobby.toggle": "Warteraum",
    "lobby.failed": "Etwas ist schiefgegangen. Versuchen Sie es noch einmal.",
    "lobby.guest": "Gast",

    "agora.connecting": "Verbindung wird hergestellt ...",
    "agora.refused": "Der Videodienst hat die Verbindung abgelehnt.",
    "agora.sdk_missing": "Der Videodienst konnte nicht geladen werden. Prüfen Sie Ihre Verbindung.",

    "time.seconds": "{count}\u00a0s",
    "time.minutes": "{count}\u00a0min",
    "time.hours": "{hours}\u00a0h {minutes}\u00a0min",
    "time.days": "{days} Tage {hours}\u00a0h",
  },
};

/**
 * The first of these languages that is offered, or the first offered one: "de-AT" is "de".
 * @param {readonly (string | null | undefined)[]} preferred
 * @param {readonly string[]} [offered]
 */
export function chosenLanguage(preferred, offered = ["en", "de"]) {
  for (const each of preferred) {
    const [language = ""] = String(each).toLowerCase().split("-");
    if (offered.includes(language) && Object.hasOwn(texts, language)) return language;
  }
  return offered[0] ?? "en";
}

// Directional embeddings, overrides, and isolates: an unmatched one would affect the text after it.
const DIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;
// Right-to-left scripts (the ranges that Unicode reserves for them) and directional characters.
const REORDERING =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * User-supplied text for a sentence, isolated so that its direction does not reorder the rest.
 * @param {string} text
 */
export function isolated(text) {
  return REORDERING.test(text) ? `\u2068${text.replace(DIRECTIONAL, "")}\u2069` : text;
}

/** The texts and formats of one language. */
export class Voice {
  /** @param {string} language one that has texts */
  constructor(language) {
    this.language = language;
    this.texts = texts[language] ?? {};
  }

  /**
   * The text with this key, with its placeholders replaced. Throws for an unknown key.
   * @param {string} name
   * @param {Record<string, unknown>} [values]
   */
  say(name, values = {}) {
    const sentence = this.texts[name];
    if (sentence === undefined) throw new Error(`There is no text ${name}.`);
    return sentence.replace(/\{(\w+)\}/g, (_match, key) => isolated(String(values[key])));
  }

  /**
   * Set the text of all elements with `data-text`, and the label of those with `data-label`.
   * @param {ParentNode} root
   */
  fill(root) {
    for (const element of root.querySelectorAll("[data-text]")) {
      element.textContent = this.say(element.getAttribute("data-text") ?? "");
    }
    for (const element of root.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", this.say(element.getAttribute("data-label") ?? ""));
    }
  }

  /**
   * The time of day: "14:05".
   * @param {Date} moment
   */
  clock(moment) {
    return new Intl.DateTimeFormat(this.locale, { hour: "numeric", minute: "2-digit" }).format(moment);
  }

  /**
   * The date: "Thursday, 12 March".
   * @param {Date} moment
   */
  day(moment) {
    return new Intl.DateTimeFormat(this.locale, { weekday: "long", day: "numeric", month: "long" }).format(moment);
  }

  /**
   * The name of this device's time zone: "Central European Time".
   * @param {Date} moment
   */
  zone(moment) {
    const named = (/** @type {"longGeneric" | "long"} */ timeZoneName) => {
      const parts = new Intl.DateTimeFormat(this.locale, { timeZoneName }).formatToParts(moment);
      return parts.find(({ type }) => type === "timeZoneName")?.value ?? "UTC";
    };
    // Zones without daylight saving time may have no generic name.
    const generic = named("longGeneric");
    return generic.startsWith("GMT") ? named("long") : generic;
  }

  /** The browser's first locale of this language, such as en-GB: it decides how dates are written. */
  get locale() {
    return navigator.languages.find((each) => each.toLowerCase().startsWith(this.language)) ?? this.language;
  }

  /**
   * A duration: "3 min".
   * @param {number} milliseconds
   */
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
