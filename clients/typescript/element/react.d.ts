// JSX types of <videobroker-call> for React: `import type {} from "@videobroker/client/react"`.

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { VideobrokerCallAttributes, VideobrokerCallElement, VideobrokerCallEventMap } from "./index.js";

/** React 19 listens to the events of custom elements with `on` and the name of the event. */
type Listeners = { [Type in keyof VideobrokerCallEventMap as `on${Type}`]?: (event: VideobrokerCallEventMap[Type]) => void };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "videobroker-call": DetailedHTMLProps<
        Omit<HTMLAttributes<VideobrokerCallElement>, keyof VideobrokerCallAttributes>,
        VideobrokerCallElement
      > &
        VideobrokerCallAttributes &
        Listeners;
    }
  }
}
