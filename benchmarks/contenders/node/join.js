// The join of both Node servers: one read by primary key, one durable insert.
import { randomUUID } from "node:crypto";
import pg from "pg";

// Unlike libpq, `pg` does not read a socket directory from the host parameter of a URL: pass it as the host.
const url = new URL(process.env.DATABASE_URL.replace(/^postgres(ql)?:/, "http:").replace("@/", "@localhost/"));
const pool = new pg.Pool({
  host: url.searchParams.get("host") ?? url.hostname,
  port: Number(url.searchParams.get("port") ?? (url.port || 5432)),
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
  database: url.pathname.slice(1),
  max: 10,
});

const READ = "select room_id, role from bench_seats where reference = $1 and user_id = $2";
const WRITE = "insert into bench_issued (id, reference, user_id, role) values ($1, $2, $3, $4)";

export const SECRET = "an-invented-secret-of-the-bench!";

export async function join({ reference, user_id }) {
  const result = await pool.query({ name: "read", text: READ, values: [reference, user_id] });
  const seat = result.rows[0];
  const jti = randomUUID();
  await pool.query({ name: "write", text: WRITE, values: [jti, reference, user_id, seat.role] });
  const now = Math.floor(Date.now() / 1000);
  return { room_id: seat.room_id, role: seat.role, user_id, jti, iat: now, exp: now + 3600 };
}
