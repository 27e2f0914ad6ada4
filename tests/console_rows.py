"""Statements that fill the database for tests of a console with many rows."""

SESSIONS_WITH_CALLS = (
    """
    insert into sessions (app_id, id, kind, reference, title, status, video, starts_at, ends_at, providers, policy,
                          metadata, version, created_at, updated_at, no_shows_reported_for, concluded_at)
    select :app, gen_random_uuid(), 'booking', 'lesson-' || n, 'Algebra, lesson ' || n, 'confirmed', true, start,
           start + interval '1 hour', '{}', '{}', '{}', 1, start - interval '3 days', start - interval '3 days', start,
           case when start < cast(:now as timestamptz) - interval '2 hours' then start + interval '2 hours' end
    from (
        select n, case when n <= :today then date_trunc('day', cast(:now as timestamptz)) + n * interval '4 minutes'
                  else cast(:now as timestamptz) - n * interval '12 minutes' end as start
        from generate_series(1, :sessions) as n
    ) as planned
    """,
    """
    insert into participants (app_id, session_id, user_id, role, display_name)
    select app_id, id, 'student-' || (right(reference, 3))::int, 'student', 'Student ' || right(reference, 3)
    from sessions where app_id = :app and reference ~ '[0-9]{3}$'
    """,
    """
    insert into participants (app_id, session_id, user_id, role, display_name)
    select app_id, id, 'member-' || n, 'student', 'Member ' || n
    from sessions, generate_series(1, :members) as n where app_id = :app and reference = 'lesson-1'
    """,
    """
    insert into calls (app_id, id, session_id, provider, started_at, ended_at, people, peak)
    select app_id, gen_random_uuid(), id, '100ms', starts_at, ends_at, 2, 2
    from sessions where app_id = :app and starts_at < :now
    """,
    """
    insert into attendance (app_id, call_id, connection, joined_at, session_id, provider_user_id, user_id,
                            joined_source, left_at, left_source, roles, evidence)
    select c.app_id, c.id, 'c-' || p.user_id, c.started_at, c.session_id, p.user_id, p.user_id, 'observed',
           c.ended_at, 'observed', '[]', '{}'
    from calls c join participants p on p.app_id = c.app_id and p.session_id = c.session_id where c.app_id = :app
    """,
)
"""`:sessions` bookings of `:app`, of which the first `:today` are today, 4 minutes apart. Most have a participant, and
the first one has `:members`. The past ones had a call."""
