import type { DetailedHTMLProps, HTMLAttributes } from "react";

declare global {
  interface VideobrokerCall extends HTMLElement {
    leave(): void;
  }
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "videobroker-call": DetailedHTMLProps<HTMLAttributes<VideobrokerCall>, VideobrokerCall> & { ticket: string };
    }
  }
}
