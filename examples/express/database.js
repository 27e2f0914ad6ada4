// The product's own tables.

import sqlite from "node-sqlite3-wasm";

export const db = new sqlite.Database("product.db");

db.exec(`
  create table if not exists bookings (
    id text primary key,
    student_id text not null,
    tutor_id text not null,
    starts_at text not null,
    status text not null default 'requested'
  );
  create table if not exists calls (
    id text primary key,
    booking_id text not null references bookings (id),
    seconds integer not null
  );
  create table if not exists processed_events (id text primary key);
`);

/** Run `work` in a transaction that commits at its end, and rolls back after an exception. */
export function transaction(work) {
  db.exec("begin immediate");
  try {
    work();
    db.exec("commit");
  } catch (error) {
    db.exec("rollback");
    throw error;
  }
}
