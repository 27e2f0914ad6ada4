import { Suspense } from "react";
import { createRoot } from "react-dom/client";

import { HostedCall } from "./HostedCall";
import { SdkCall } from "./SdkCall";

const query = new URLSearchParams(location.search);
const bookingId = query.get("id") ?? "";
const Call = query.has("sdk") ? SdkCall : HostedCall;

// Not in StrictMode, which runs effects twice during development: each person would join twice.
createRoot(document.getElementById("root")!).render(
  <Suspense>
    <Call bookingId={bookingId} />
  </Suspense>,
);
