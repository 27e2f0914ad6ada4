/*
 * The room of one session at one provider: lease, fence, closing, crashes, and paused processes.
 *
 * Each transaction on the row, and each request to the provider, is one atomic step. Between two steps any other process
 * may run, the process may crash, and its lease may expire although it is alive: it was paused.
 * Sources: usecases/calls/rooms.py and storage/calls/rooms.py. The tests verify the model exhaustively, and replay its
 * runs against the code: tests/models/test_replay.py.
 *
 * The verification finds each of these planted faults:
 *   -DNO_LEASE       a claim ignores the lease of another process
 *   -DNO_FENCE       the result of a process that lost its lease is stored
 *   -DNO_INVALIDATE  a process that sent requests without its lease does not invalidate the row
 *   -DNO_TAKEOVER    the lifecycle ignores rooms that a crashed process was opening
 *   -DCODES_OPEN     creating room codes opens a closed room
 *
 * A known limit: the provider has no fencing tokens. A process that is paused for longer than its lease, then sends its
 * request, and then crashes before its next transaction, leaves a row that is wrong (one pause and one crash).
 */

#ifndef JOINS
#define JOINS 2
#endif
#ifndef CODES
#define CODES 0
#endif
#ifndef ENDS
#define ENDS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef PAUSES
#define PAUSES 0
#endif

mtype = { missing, preparing, ready, closing, closed };
mtype = { claim_step, create_step, enable_step, codes_step, list_step, disable_step, store_step, crash_step, over_step, expire_step,
    end_step };

/* The row in the database. `holder` is 0 if no process has the lease. */
mtype state = missing;
byte holder = 0;
bool expired = false;

/* The provider's room with the session's name. */
bool exists = false;
bool is_open = false;

/* The session is over: its window has closed. */
bool over = false;

byte crashes = CRASHES;
byte pauses = PAUSES;
byte running = 0;

#ifdef NO_LEASE
#define LEASE_IS_FREE true
#else
#define LEASE_IS_FREE (holder == 0 || expired)
#endif

#ifdef NO_FENCE
#define HAS_LEASE(process) true
#else
#define HAS_LEASE(process) (holder == process)
#endif

#ifdef NO_TAKEOVER
#define IS_ABANDONED false
#else
#define IS_ABANDONED (state == preparing && LEASE_IS_FREE)
#endif

/* `claim_closing` */
#define MAY_CLOSE ((state == closing && LEASE_IS_FREE) || state == ready)
#define IS_CLOSING_DUE (over && (MAY_CLOSE || IS_ABANDONED))

/* One line for the replay: who, what, and the state afterwards. */
#define REPORT(who, what) printf("STEP %d %e %e %d\n", who, what, state, is_open)

inline claim(process, next) {
    /* One process at a time calls the provider. Closing need not wait for room codes. */
    assert(holder == 0 || expired || (state == ready && next == closing));
    state = next;
    holder = process;
    expired = false
}

inline store(next) {
    state = next;
    holder = 0;
    expired = false
}

/* What this process did at the provider may contradict the row: require another request. */
inline invalidate() {
#ifndef NO_INVALIDATE
    if
    :: state == ready || state == preparing -> store(preparing)
    :: state == closed || state == closing -> store(closing)
    :: else
    fi
#else
    skip
#endif
}

inline store_with_lease(process, next) {
    if
    :: HAS_LEASE(process) -> store(next)
    :: else -> invalidate()
    fi
}

/* Random runs take part as soon as they can: otherwise most of them would do nothing. */
#ifdef RANDOM_RUN
#define OR_DO_NOTHING :: timeout -> goto ended
#else
#define OR_DO_NOTHING :: goto ended
#endif

#define OR_CRASH :: atomic { crashes > 0 -> crashes--; goto crashed }

/* The lease of a crashed process expires. */
inline let_lease_expire(process) {
    atomic {
        if
        :: holder == process -> expired = true
        :: else
        fi;
        REPORT(process, crash_step)
    }
}

/* A join that opens the room, unless it is open. */
proctype Join(byte me) {
    bool was_open;

    if
    :: over -> goto ended
    :: atomic { !over && state == ready -> goto ended }
    :: atomic { !over && state != ready && LEASE_IS_FREE -> claim(me, preparing); REPORT(me, claim_step) }
    fi;
    /* `create_room` returns the room if it exists, and says whether it is enabled. `enable_room` follows if it is not. */
    if
    :: atomic { !exists -> exists = true; is_open = true; was_open = true; REPORT(me, create_step) }
    :: atomic { exists -> was_open = is_open; REPORT(me, create_step) }
    OR_CRASH
    fi;
    if
    :: was_open
    :: atomic { !was_open -> is_open = true; REPORT(me, enable_step) }
    OR_CRASH
    fi;
    if
    :: atomic { store_with_lease(me, ready); REPORT(me, store_step); goto ended }
    OR_CRASH
    fi;
crashed:
    let_lease_expire(me);
ended:
    running--
}

/* A join that adds room codes to an open room. It neither opens nor closes the room, so that it has nothing to undo after
 * a process that closes the room has taken its lease. */
proctype AddCodes(byte me) {
    if
    :: atomic { !over && state == ready && LEASE_IS_FREE -> claim(me, ready); REPORT(me, claim_step) }
    OR_DO_NOTHING
    fi;
    if
#ifdef CODES_OPEN
    :: atomic { is_open = true; REPORT(me, codes_step) }
#else
    :: atomic { is_open -> REPORT(me, codes_step) }
    /* The row is wrong: the next join opens the room. */
    :: atomic { !is_open -> if :: HAS_LEASE(me) -> store(preparing) :: else fi; REPORT(me, codes_step); goto ended }
#endif
    OR_CRASH
    fi;
    if
    :: atomic { if :: HAS_LEASE(me) -> store(ready) :: else fi; REPORT(me, store_step); goto ended }
    OR_CRASH
    fi;
crashed:
    let_lease_expire(me);
ended:
    running--
}

/* Closes the room once: a host ended the call, or the session is over. */
proctype Close(byte me; bool is_lifecycle) {
    bool found;

    if
    /* A room that was abandoned stays `preparing`. It is found by its name. */
    :: atomic { is_lifecycle && over && IS_ABANDONED -> claim(me, preparing); REPORT(me, claim_step) };
        if
        :: atomic { found = is_open; REPORT(me, list_step) }
        OR_CRASH
        fi;
        if
        :: found
        :: !found -> goto done
        fi
    :: atomic { (!is_lifecycle || over) && MAY_CLOSE -> claim(me, closing); REPORT(me, claim_step) }
    OR_DO_NOTHING
    fi;
    if
    :: atomic { is_open = false; REPORT(me, disable_step) }
    OR_CRASH
    fi;
done:
    if
    :: atomic { store_with_lease(me, closed); REPORT(me, store_step); goto ended }
    OR_CRASH
    fi;
crashed:
    let_lease_expire(me);
ended:
    running--
}

/* The session ends at any time, and a lease expires although its holder is alive. */
proctype World() {
    do
    :: atomic { !over -> over = true; REPORT(0, over_step) }
    :: atomic { pauses > 0 && holder != 0 && !expired -> pauses--; expired = true; REPORT(0, expire_step) }
    :: break
    od;
    running--
}

init {
    byte i = 1;
    atomic {
        do
        :: i <= JOINS -> running++; run Join(i); i++
        :: i > JOINS && i <= JOINS + CODES -> running++; run AddCodes(i); i++
        :: i > JOINS + CODES && i <= JOINS + CODES + ENDS -> running++; run Close(i, false); i++
        :: i == JOINS + CODES + ENDS + 1 -> running++; run Close(i, true); i++
        :: i > JOINS + CODES + ENDS + 1 -> break
        od;
        running++;
        run World()
    };
    running == 0;
    /* The sweep repeats the lifecycle step until nothing is due. */
    atomic {
        do
        :: IS_CLOSING_DUE -> is_open = false; store(closed)
        :: else -> break
        od;
        REPORT(0, end_step)
    };
    /* After a session, its room is closed. */
    assert(!over || !is_open);
    /* A room that joins use without asking the provider is open there. */
    assert(state != ready || is_open)
}
