import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const BACKEND = "http://127.0.0.1:3000";

// During development, the requests of the page go to your backend.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/bookings": BACKEND, "/sign-in": BACKEND } },
});
