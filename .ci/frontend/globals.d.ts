// Names that scripts of others define.

declare const Redoc: { init(url: string, options: object, element: HTMLElement | null): void };
declare const SwaggerUIBundle: (options: object) => unknown;
