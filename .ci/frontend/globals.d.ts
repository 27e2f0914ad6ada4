// Names that scripts of others define.

declare const Redoc: { init(url: string, options: object, element: HTMLElement | null): void };
declare const SwaggerUIBundle: (options: object) => unknown;

interface Window {
  /** Agora's Web SDK, once its script has run. */
  AgoraRTC?: import("agora-rtc-sdk-ng").IAgoraRTC;
  /** Not in the DOM types of TypeScript: https://wicg.github.io/document-picture-in-picture/ */
  documentPictureInPicture?: { requestWindow(options?: { width?: number; height?: number }): Promise<Window> };
}
