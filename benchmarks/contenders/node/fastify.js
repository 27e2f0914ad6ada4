import Fastify from "fastify";
import { createSigner } from "fast-jwt";
import { SECRET, join } from "./join.js";

const sign = createSigner({ key: SECRET, algorithm: "HS256" });
const text = { type: "string" };
const schema = {
  body: { type: "object", required: ["reference", "user_id"], properties: { reference: text, user_id: text } },
  response: { 200: { type: "object", properties: { token: text, room_id: text, role: text } } },
};
const app = Fastify();
app.get("/healthz", async () => ({}));
app.post("/join", { schema }, async (request) => {
  const claims = await join(request.body);
  return { token: sign(claims), room_id: claims.room_id, role: claims.role };
});
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
