/*
 * Credentials and the removal of their person: the journal has no credentials after a block.
 *
 * The journal is ordered by the transaction IDs of its rows. Each step of a transaction that others can observe is
 * atomic. A transaction that crashes is rolled back, and its locks are released.
 * Sources: storage/joining/removals.py, and the database function `may_issue`.
 *
 * The verification finds each of these planted faults:
 *   -DNO_LOCK     issuing takes no lock
 *   -DLATE_LOCK   a removal takes its lock after it has a transaction ID
 *   -DNO_CHECK    issuing does not read whether the person is blocked
 */

#ifndef ISSUES
#define ISSUES 2
#endif
#ifndef REMOVALS
#define REMOVALS 1
#endif
#ifndef CRASHES
#define CRASHES 2
#endif

/* The advisory lock of the person: credentials share it, a removal excludes all others. */
byte sharing = 0;
bool exclusive = false;

/* The highest assigned transaction ID. */
byte last_xid = 0;
/* Committed: whether the person is blocked, and the positions in the journal; 0 for none. */
bool blocked = false;
byte blocked_at = 0;
byte issued_at = 0;

byte crashes = CRASHES;

#define OR_CRASH :: atomic { crashes > 0 -> crashes--; goto rolled_back }

/* One statement that checks and inserts. It never waits for the lock: without it, it is repeated later. */
proctype Issue() {
    byte xid;
    bool has_lock = false;

#ifndef NO_LOCK
    if
    :: atomic { !exclusive -> sharing++; has_lock = true }
    OR_CRASH
    fi;
#endif
#ifndef NO_CHECK
    if
    :: blocked -> goto rolled_back
    :: !blocked
    OR_CRASH
    fi;
#endif
    if
    :: atomic { last_xid++; xid = last_xid }
    OR_CRASH
    fi;
    if
    :: atomic {
        if
        :: xid > issued_at -> issued_at = xid
        :: else
        fi
    }
    OR_CRASH
    fi;
rolled_back:
    atomic {
        if
        :: has_lock -> sharing--
        :: else
        fi
    }
}

proctype Remove() {
    byte xid = 0;
    bool has_lock = false;

#ifdef LATE_LOCK
    atomic { last_xid++; xid = last_xid };
#endif
    if
    :: atomic { sharing == 0 && !exclusive -> exclusive = true; has_lock = true }
    OR_CRASH
    fi;
#ifndef LATE_LOCK
    if
    :: atomic { last_xid++; xid = last_xid }
    OR_CRASH
    fi;
#endif
    if
    :: atomic {
        blocked = true;
        if
        :: blocked_at == 0 || xid < blocked_at -> blocked_at = xid
        :: else
        fi
    }
    OR_CRASH
    fi;
rolled_back:
    atomic {
        if
        :: has_lock -> exclusive = false
        :: else
        fi
    }
}

init {
    byte i;
    atomic {
        for (i : 1 .. ISSUES) { run Issue() }
        for (i : 1 .. REMOVALS) { run Remove() }
    };
    _nr_pr == 1;
    assert(blocked_at == 0 || issued_at < blocked_at)
}
