/**
 * The interface between the call view and a vendor. An adapter implements `CallSession`: one on Agora's Web SDK
 * (`agora-session.js`), one on the mesh of the sandbox (`session.js`). The view renders snapshots and calls the
 * actions; it knows no vendor. The adapter plays the sound of the others; the view shows their video.
 *
 * @typedef {object} Person
 * @property {string} id
 * @property {string | null} name null while it is unknown
 * @property {boolean} [isGuest]
 * @property {string} [role] empty if the vendor has none
 * @property {boolean} microphone whether it is on
 * @property {boolean} camera whether it is on
 * @property {number} hand 0, or a number that orders raised hands: lower was raised earlier
 * @property {MediaStreamTrack | null} cameraTrack
 * @property {MediaStreamTrack | null} screenTrack
 * @property {"connected" | "connecting" | "lost" | "absent"} connection
 *
 * @typedef {object} Permissions
 * @property {boolean} publish
 * @property {boolean} share
 * @property {boolean} end
 * @property {boolean} remove
 *
 * @typedef {object} CallSnapshot
 * @property {"connecting" | "connected" | "reconnecting"} state
 * @property {Person} me
 * @property {Person[]} others
 * @property {Permissions} may
 * @property {boolean} isRecorded
 * @property {boolean} hasHistory whether people who join later see earlier messages
 * @property {string | null} [problem] a text of `call-texts.js` that stays visible
 *
 * @typedef {object} ChatMessage
 * @property {string} from the ID of a person; empty for messages of the service
 * @property {string | null} name
 * @property {string} text
 * @property {number} at milliseconds since 1970
 * @property {boolean} isMine
 *
 * @typedef {"camera" | "microphone" | "speaker"} DeviceKind
 *
 * @typedef {object} Device
 * @property {string} id
 * @property {string} label
 * @property {boolean} isActive
 *
 * @typedef {object} CallListener
 * @property {() => void} changed people, tracks, permissions, or the state have changed
 * @property {(message: ChatMessage) => void} message a new message
 * @property {(messages: ChatMessage[]) => void} history all messages so far, in place of those shown
 * @property {(key: string, values?: Record<string, string>) => void} notice a text of `call-texts.js` to announce
 * @property {() => void} soundBlocked the browser plays sound only after a tap
 *
 * @typedef {object} CallSession
 * @property {(listener: CallListener) => void} listen
 * @property {() => CallSnapshot} snapshot
 * @property {(id: string) => number} level how loud a person is, from 0 to 1
 * @property {(isOn: boolean) => Promise<void>} setMicrophone
 * @property {(isOn: boolean) => Promise<void>} setCamera
 * @property {(isOn: boolean) => Promise<void>} shareScreen
 * @property {(kind: DeviceKind) => Promise<Device[]>} devices empty if devices of this kind cannot be chosen
 * @property {(kind: DeviceKind, id: string) => Promise<void>} switchDevice
 * @property {(text: string) => Promise<void>} sendMessage rejects if it could not be sent
 * @property {(isRaised: boolean) => void} raiseHand
 * @property {() => void} playSound
 * @property {() => void} leave
 * @property {(id: string) => void} remove
 * @property {() => void} end
 * @property {boolean} [confirmsEnd] whether the page around the call asks for confirmation before it ends
 * @property {(credentials: { token: string }) => Promise<void> | void} renew
 */

/** The longest text of a chat message, in characters. */
export const MAX_TEXT_CHARACTERS = 2000;
