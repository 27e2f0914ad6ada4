import { createApp, defineAsyncComponent } from "vue";

import HostedCall from "./HostedCall.vue";

// The SDKs are large: they are loaded only if they are needed.
const SdkCall = defineAsyncComponent(() => import("./SdkCall.vue"));

const query = new URLSearchParams(location.search);
createApp(query.has("sdk") ? SdkCall : HostedCall, { bookingId: query.get("id") ?? "" }).mount("#app");
