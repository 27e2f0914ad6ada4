import type { HTMLAttributes } from "vue";

declare global {
  interface VideobrokerCall extends HTMLElement {
    leave(): void;
  }
}

declare module "vue" {
  interface GlobalComponents {
    "videobroker-call": new () => { $props: HTMLAttributes & { ticket: string } };
  }
}
