// Sign-in: replace it with your own. Here, everyone is who they say they are.

import { getIronSession } from "iron-session";
import { cookies } from "next/headers";

export async function session() {
  return getIronSession<{ userId?: string }>(await cookies(), {
    cookieName: "session",
    password: process.env.SESSION_SECRET!,
    cookieOptions: { secure: process.env.NODE_ENV === "production" },
  });
}
