create table if not exists bench_seats (
    reference text not null, user_id text not null, role text not null, room_id text not null,
    primary key (reference, user_id)
);
create table if not exists bench_issued (
    id uuid primary key, reference text not null, user_id text not null, role text not null,
    at timestamptz not null default now()
);
truncate bench_seats;
