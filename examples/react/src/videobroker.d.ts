import type { DetailedHTMLProps, HTMLAttributes } from "react";

declare global {
  interface VideobrokerCall extends HTMLElement {
    leave(): void;
  }

  namespace JSX {
    interface IntrinsicElements {
      "videobroker-call": DetailedHTMLProps<HTMLAttributes<VideobrokerCall>, VideobrokerCall> & { ticket: string };
    }
  }
}
