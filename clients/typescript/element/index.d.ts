// <videobroker-call>: embeds the hosted page. Importing the module defines the element.

/** `event.detail` by type. */
export interface VideobrokerCallDetails {
  /** It is too early, the host is not present, or the person is not admitted yet. */
  waiting: { reason: string; opens_at: string | null };
  /** The call is shown. */
  joined: { provider: string };
  /** The call is no longer shown. */
  left: { reason: "left" | "ended" | "removed" | "elsewhere" | (string & {}) };
  /** The person cannot join. */
  error: { code: string };
}

export type VideobrokerCallEventMap = {
  [Type in keyof VideobrokerCallDetails]: CustomEvent<VideobrokerCallDetails[Type]>;
};

/** Attributes of the element. */
export interface VideobrokerCallAttributes {
  /** From `client.bookings.createLink`. Changing it reloads the page, removing it closes the page. */
  ticket?: string | null;
  /** The origin of the service, such as `https://video.example`. Required with this module. */
  origin?: string;
  lang?: "en" | "de" | (string & {});
  /** Present: join without a question as soon as the person may. */
  "auto-join"?: string | boolean;
  /** Present: leave out the preview of camera and microphone. */
  "skip-device-check"?: string | boolean;
}

export interface VideobrokerCallElement extends HTMLElement {
  ticket: string | null;
  /** Leave the call. The event `left` follows when that is done. */
  leave(): void;
  /** Apply the CSS variables after they have changed. */
  restyle(): void;
  addEventListener<Type extends keyof VideobrokerCallEventMap>(
    type: Type,
    listener: (this: VideobrokerCallElement, event: VideobrokerCallEventMap[Type]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof VideobrokerCallEventMap>(
    type: Type,
    listener: (this: VideobrokerCallElement, event: VideobrokerCallEventMap[Type]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "videobroker-call": VideobrokerCallElement;
  }
}
