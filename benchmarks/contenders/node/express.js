import express from "express";
import jwt from "jsonwebtoken";
import { SECRET, join } from "./join.js";

const app = express();
app.use(express.json());
app.get("/healthz", (_, response) => response.json({}));
app.post("/join", async (request, response) => {
  const claims = await join(request.body);
  response.json({ token: jwt.sign(claims, SECRET), room_id: claims.room_id, role: claims.role });
});
app.listen(Number(process.env.PORT), "127.0.0.1");
