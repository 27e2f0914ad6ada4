import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const BACKEND = "http://127.0.0.1:3000";

export default defineConfig({
  // Otherwise Vue would expect a component of this name.
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === "videobroker-call" } } })],
  // During development, the requests of the page go to your backend.
  server: { proxy: { "/bookings": BACKEND, "/sign-in": BACKEND } },
});
