"""Verification of a journal: the exact issues, and the events that account for removals."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from videobroker.domain.journal_proof.proof import (
    GENESIS,
    WHOLE_ROW,
    JournalRow,
    JournalSeal,
    Leaf,
    ProofEvent,
    Redaction,
    compute_account_digest,
    compute_commitment,
    seal_rows,
)
from videobroker.domain.journal_proof.verification import (
    ChainHead,
    IssueType,
    JournalVerifier,
    ProofIssue,
    ProofResult,
    RedactionLedger,
    SealChain,
    SealedBatch,
    UnsealedRows,
    describe_row,
)

APP, OTHER_APP = str(UUID(int=10)), str(UUID(int=11))
AT = datetime(2026, 3, 12, 14, tzinfo=UTC)
NOTHING_UNSEALED = UnsealedRows(0, {}, [])


def event_id(seq: int) -> str:
    return str(UUID(int=1000 + seq))


def row(
    seq: int, *, xid: int = 100, type: str = "call.started", user_id: str | None = None, data: str = "{}"
) -> JournalRow:
    return JournalRow(xid, seq, event_id(seq), type, AT, None, None, None, user_id, None, None, None, None, data, None)


def sealed(*rows: JournalRow, previous: JournalSeal | None = None) -> SealedBatch:
    """One seal over these rows."""
    before = None if previous is None else (previous.number, previous.hash())
    result = seal_rows(APP, rows, before, now=AT)
    salts = dict(result.salts)
    salted = [each._replace(salts=salts.get(each.position)) for each in rows]
    return SealedBatch([result.seal], [result.seal.hash()], result.leaves, salted, [])


def joined(*batches: SealedBatch) -> SealedBatch:
    """The batches as one."""
    return SealedBatch(
        [seal for batch in batches for seal in batch.seals],
        [stored for batch in batches for stored in batch.hashes],
        [leaf for batch in batches for leaf in batch.leaves],
        [each for batch in batches for each in batch.rows],
        [redaction for batch in batches for redaction in batch.redactions],
    )


def verify(*batches: SealedBatch, rest: UnsealedRows = NOTHING_UNSEALED, head: bytes | None = None) -> ProofResult:
    verifier = JournalVerifier(APP, heads=() if head is None else (head,))
    for batch in batches:
        verifier.add(batch)
    return verifier.finish(rest)


def without(batch: SealedBatch, *seqs: int) -> SealedBatch:
    return replace(batch, rows=[each for each in batch.rows if each.seq not in seqs])


def account(seq: int, type: ProofEvent, redactions: Sequence[Redaction]) -> JournalRow:
    """The event that accounts for these redactions."""
    return row(seq, type=type, data=json.dumps({"digest": compute_account_digest(redactions)}))


# --- the issues -------------------------------------------------------------------------------------------------------


def test_a_changed_row_is_reported_with_its_position() -> None:
    batch = sealed(row(1), row(2))
    changed = replace(batch, rows=[batch.rows[0], batch.rows[1]._replace(type="call.ended")])
    sentence = f"Event {event_id(2)} at 100.2 is not as it was sealed."
    assert verify(changed).findings == (ProofIssue(IssueType.CHANGED, sentence, event_id(2), (100, 2)),)


def test_a_removed_row_is_reported_with_its_position() -> None:
    sentence = f"Event {event_id(2)} at 100.2 is not there."
    assert verify(without(sealed(row(1), row(2)), 2)).findings == (
        ProofIssue(IssueType.REMOVED, sentence, event_id(2), (100, 2)),
    )


def test_an_inserted_row_is_reported_with_its_position() -> None:
    batch = sealed(row(1), row(3))
    inserted = replace(batch, rows=[*batch.rows, row(2)])
    sentence = f"Event {event_id(2)} at 100.2 was not sealed there: it was inserted."
    assert verify(inserted).findings == (ProofIssue(IssueType.INSERTED, sentence, event_id(2), (100, 2)),)


def test_a_moved_row_is_reported_with_both_positions() -> None:
    batch = sealed(row(1), row(2), row(3))
    moved = replace(batch, rows=[batch.rows[0], batch.rows[1]._replace(xid=99), batch.rows[2]])
    sentence = f"Event {event_id(2)} at 99.2 was sealed at 100.2."
    assert verify(moved).findings == (ProofIssue(IssueType.REORDERED, sentence, event_id(2), (99, 2)),)


def test_a_row_in_the_place_of_another_is_reported_as_inserted_and_the_other_as_removed() -> None:
    batch = sealed(row(1), row(2))
    replaced = replace(batch, rows=[batch.rows[0], batch.rows[1]._replace(id=event_id(7))])
    assert verify(replaced).findings == (
        ProofIssue(
            IssueType.INSERTED,
            f"Event {event_id(7)} at 100.2 was not sealed there: it was inserted.",
            event_id(7),
            (100, 2),
        ),
        ProofIssue(IssueType.REMOVED, f"Event {event_id(2)} at 100.2 is not there.", event_id(2), (100, 2)),
    )


def test_a_sealed_row_that_is_after_the_last_seal_was_moved() -> None:
    verifier = JournalVerifier(APP)
    verifier.add(without(sealed(row(1), row(2), row(3)), 1, 2))
    assert list(verifier.list_missing()) == [event_id(1), event_id(2)]
    verifier.report_position(event_id(2), (200, 9))
    assert verifier.finish(NOTHING_UNSEALED).findings == (
        ProofIssue(IssueType.REORDERED, f"Event {event_id(2)} at 200.9 was sealed at 100.2.", event_id(2), (200, 9)),
        ProofIssue(IssueType.REMOVED, f"Event {event_id(1)} at 100.1 is not there.", event_id(1), (100, 1)),
    )


def test_each_position_of_a_copied_row_is_reported() -> None:
    verifier = JournalVerifier(APP)
    verifier.add(sealed(row(1)))
    for position in ((200, 1), (200, 2)):
        verifier.report_position(event_id(1), position)
    assert [(each.issue_type, each.position) for each in verifier.finish(NOTHING_UNSEALED).findings] == [
        (IssueType.INSERTED, (200, 1)),
        (IssueType.INSERTED, (200, 2)),
    ]


def test_a_leaf_that_names_another_event_is_reported_with_its_seal() -> None:
    batch = sealed(row(1), row(2))
    renamed = replace(batch, leaves=[batch.leaves[0], batch.leaves[1]._replace(event_id=event_id(7))])
    sentence = f"The leaf of event {event_id(2)} in seal 1 bears another name."
    assert verify(renamed).findings == (ProofIssue(IssueType.SEAL_BROKEN, sentence, event_id(2), (100, 2), seal=1),)


def test_a_missing_leaf_is_reported_with_the_numbers_of_the_seal() -> None:
    batch = sealed(row(1), row(2), row(3))
    result = verify(replace(batch, leaves=batch.leaves[:2]))
    sentence = "Seal 1 covers 3 rows, but has 2 leaves."
    assert result.findings[0] == ProofIssue(IssueType.SEAL_BROKEN, sentence, seal=1)


def test_changed_leaves_of_unchanged_rows_are_named_up_to_ten() -> None:
    batch = sealed(*(row(seq) for seq in range(1, 13)))
    forged = [leaf._replace(digest=bytes(32)) for leaf in batch.leaves[:11]]
    names = ", ".join(event_id(seq) for seq in range(1, 11))
    sentence = f"Leaves of seal 1 were changed, their rows were not: {names}."
    result = verify(replace(batch, leaves=[*forged, batch.leaves[11]]))
    assert result.findings == (ProofIssue(IssueType.SEAL_BROKEN, sentence, seal=1),)
    assert result.rows == 12


def test_a_leaf_and_its_row_that_were_both_changed_break_the_seal() -> None:
    batch = sealed(row(1), row(2))
    forged = sealed(row(1), row(2, type="call.ended"))
    result = verify(replace(batch, leaves=forged.leaves, rows=forged.rows))
    sentence = "The leaves of seal 1 do not give its root: some of them, or the root, were changed."
    assert result.findings == (ProofIssue(IssueType.SEAL_BROKEN, sentence, seal=1),)


@pytest.mark.parametrize(("seals", "number"), [(0, 1), (1, 2), (2, 3)])
def test_leaves_without_a_seal_are_reported_with_the_number_of_the_missing_seal(seals: int, number: int) -> None:
    first = sealed(row(1))
    second = sealed(row(2), previous=first.seals[0])
    result = verify(*(first, second)[:seals], rest=replace(NOTHING_UNSEALED, leaves=2))
    sentence = f"Seal {number} is missing, but it has leaves."
    assert result.findings == (ProofIssue(IssueType.SEAL_BROKEN, sentence, seal=number),)


def test_a_head_that_is_no_hash_of_a_seal_is_reported() -> None:
    wanted = b"\x05" * 32
    sentence = f"No seal has the hash {'05' * 32}: the seals were rewritten, or the newest removed."
    assert verify(sealed(row(1)), head=wanted).findings == (ProofIssue(IssueType.HEAD_MISSING, sentence),)


def test_the_head_may_be_the_hash_of_any_seal() -> None:
    first = sealed(row(1))
    second = sealed(row(2), previous=first.seals[0])
    for head in (first.hashes[0], second.hashes[0]):
        assert verify(first, second, head=head).is_whole


def test_a_row_without_a_known_event_is_described_by_its_position() -> None:
    assert describe_row(None, (100, 2)) == "A row at 100.2"
    assert describe_row("e", (100, 2)) == "Event e at 100.2"


# --- results ----------------------------------------------------------------------------------------------------------


def test_the_result_of_an_intact_journal_counts_rows_and_seals_and_names_the_head() -> None:
    first = sealed(row(1), row(2), row(3))
    second = sealed(row(4), row(5), previous=first.seals[0])
    assert verify(first, second, rest=UnsealedRows(7, {}, [])) == ProofResult(
        rows=5,
        seals=2,
        unsealed=7,
        erased=0,
        retired=0,
        head=ChainHead(2, second.hashes[0]),
        findings=(),
        counts={},
    )


def test_an_empty_journal_is_intact_and_has_no_head() -> None:
    result = verify()
    assert (result.is_whole, result.rows, result.seals, result.head) == (True, 0, 0, None)


def test_a_batch_can_have_several_seals() -> None:
    first = sealed(row(1), row(2), row(3))
    second = sealed(row(4), row(5), previous=first.seals[0])
    result = verify(joined(first, second))
    assert (result.findings, result.rows, result.seals) == ((), 5, 2)
    changed = without(joined(first, second), 5)
    assert [each.event_id for each in verify(changed).findings] == [event_id(5)]


def test_a_journal_starts_at_any_position() -> None:
    assert verify(sealed(row(0, xid=0))).is_whole


# --- removals ---------------------------------------------------------------------------------------------------------


def retired(batch: SealedBatch, seq: int, entry_id: str) -> tuple[SealedBatch, Redaction]:
    """The batch without this row, and the redaction that replaces it."""
    (leaf,) = (leaf for leaf in batch.leaves if leaf.seq == seq)
    redaction = Redaction((leaf.xid, leaf.seq), WHOLE_ROW, leaf.digest, entry_id)
    return replace(without(batch, seq), redactions=[*batch.redactions, redaction]), redaction


def erased(batch: SealedBatch, seq: int, entry_id: str) -> tuple[SealedBatch, Redaction]:
    """The batch without the user ID of this row, which is its only personal part, and the redaction."""
    (before,) = (each for each in batch.rows if each.seq == seq)
    commitment = compute_commitment(before.salts or b"", json.dumps(before.user_id))
    redaction = Redaction(before.position, "/user_id", commitment, entry_id)
    after = before._replace(user_id=None, salts=None)
    rows = [after if each.seq == seq else each for each in batch.rows]
    return replace(batch, rows=rows, redactions=[*batch.redactions, redaction]), redaction


def test_sealed_events_account_for_erasures_and_retirements() -> None:
    whole = sealed(row(1), row(2), row(3, user_id="ada"), row(4, user_id="ben"), row(5, user_id="eve"))
    batch, first = retired(whole, 1, event_id(10))
    batch, second = retired(batch, 2, event_id(11))
    batch, third = erased(batch, 3, event_id(12))
    batch, fourth = erased(batch, 4, event_id(12))
    batch, fifth = erased(batch, 5, event_id(13))
    accounts = sealed(
        account(10, ProofEvent.RETIRED, [first]),
        account(11, ProofEvent.RETIRED, [second]),
        account(12, ProofEvent.ERASED, [third, fourth]),
        account(13, ProofEvent.ERASED, [fifth]),
        previous=whole.seals[0],
    )
    result = verify(batch, accounts)
    assert result.findings == ()
    assert (result.rows, result.retired, result.erased) == (7, 2, 3)


def test_an_event_after_the_last_seal_accounts_for_removals() -> None:
    batch, redaction = retired(sealed(row(1), row(2)), 1, "later")
    entries = {"later": {"digest": compute_account_digest([redaction])}}
    result = verify(batch, rest=UnsealedRows(1, entries, []))
    assert (result.findings, result.retired, result.unsealed) == ((), 1, 1)


def test_an_event_accounts_for_unsealed_redactions_in_the_order_of_their_positions() -> None:
    redactions = [
        Redaction((200, 2), "/user_id", None, "later"),
        Redaction((200, 1), "/user_id", None, "later"),
        Redaction((200, 1), "/ip", b"\x01" * 32, "later"),
        Redaction((200, 1), "/ip", None, "another"),
    ]
    entries = {
        "later": {"digest": compute_account_digest(redactions[:3])},
        "another": {"digest": compute_account_digest(redactions[3:])},
    }
    result = verify(rest=UnsealedRows(2, entries, redactions))
    assert (result.findings, result.erased) == ((), 4)


def test_an_event_of_another_type_accounts_for_nothing() -> None:
    whole = sealed(row(1), row(2))
    batch, redaction = retired(whole, 1, event_id(10))
    reported = row(10, type="app.reported", data=json.dumps({"digest": compute_account_digest([redaction])}))
    result = verify(batch, sealed(reported, previous=whole.seals[0]))
    assert [(each.issue_type, each.event_id) for each in result.findings] == [(IssueType.REMOVED, event_id(1))]


@pytest.mark.parametrize("data", ["[]", '"text"', "null", "{}", '{"digest":null}'])
def test_an_accounting_event_without_a_digest_accounts_for_nothing(data: str) -> None:
    whole = sealed(row(1), row(2))
    batch, _ = retired(whole, 1, event_id(10))
    result = verify(batch, sealed(row(10, type=ProofEvent.RETIRED, data=data), previous=whole.seals[0]))
    assert [(each.issue_type, each.event_id) for each in result.findings] == [(IssueType.REMOVED, event_id(1))]


def test_a_removed_row_without_an_accounting_event_is_reported() -> None:
    batch, _ = retired(sealed(row(1), row(2)), 2, "nothing")
    sentence = (
        f"Event {event_id(2)} at 100.2 is missing: nothing is named as its retirement, but does not account for it."
    )
    assert verify(batch).findings == (ProofIssue(IssueType.REMOVED, sentence, event_id(2), (100, 2)),)


def test_an_erased_part_without_an_accounting_event_is_reported() -> None:
    batch, _ = erased(sealed(row(1), row(2, user_id="ada")), 2, "nothing")
    sentence = (
        f"Event {event_id(2)} at 100.2 lacks /user_id: nothing is named as its erasure, but does not account for it."
    )
    assert verify(batch).findings == (ProofIssue(IssueType.CHANGED, sentence, event_id(2), (100, 2)),)


@pytest.mark.parametrize("forge", ["commitment", "pointer"])
def test_only_a_redaction_of_the_whole_row_with_its_leaf_replaces_the_row(forge: str) -> None:
    whole = sealed(row(1), row(2))
    batch, redaction = retired(whole, 1, "later")
    forged = (
        replace(redaction, commitment=bytes(32)) if forge == "commitment" else replace(redaction, pointer="/user_id")
    )
    entries = {"later": {"digest": compute_account_digest([forged])}}
    result = verify(replace(batch, redactions=[forged]), rest=UnsealedRows(1, entries, []))
    assert [(each.issue_type, each.event_id) for each in result.findings] == [(IssueType.REMOVED, event_id(1))]


def test_the_ledger_counts_the_removals_of_all_events() -> None:
    ledger = RedactionLedger()
    redactions = [
        Redaction((1, 1), WHOLE_ROW, bytes(32), "a"),
        Redaction((1, 2), "/ip", None, "a"),
        Redaction((1, 3), WHOLE_ROW, bytes(32), "b"),
        Redaction((1, 4), "/ip", None, "b"),
    ]
    for redaction in redactions:
        ledger.add_redaction(redaction, None)
    ledger.settle("a", {"digest": compute_account_digest(redactions[:2])})
    ledger.settle("b", {"digest": compute_account_digest(redactions[2:])})
    ledger.settle("b", {"digest": compute_account_digest(redactions[2:])})
    assert (ledger.retired, ledger.erased, list(ledger.unaccounted())) == (2, 2, [])


# --- the chain of seals -----------------------------------------------------------------------------------------------


def seal(number: int, first: int, last: int, *, previous: bytes = GENESIS, app_id: str = APP) -> JournalSeal:
    return JournalSeal(
        app_id=app_id,
        number=number,
        first=(100, first),
        last=(100, last),
        count=1 + last - first,
        oldest_at=AT,
        newest_at=AT,
        root=bytes(32),
        previous=previous,
        sealed_at=AT,
    )


FIRST = seal(1, 1, 5)
OVERLAP = "Seal 2 covers rows of other seals."


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (seal(2, 6, 9, previous=FIRST.hash()), None),
        (seal(2, 6, 6, previous=FIRST.hash()), None),
        (seal(2, 5, 9, previous=FIRST.hash()), OVERLAP),
        (seal(2, 7, 6, previous=FIRST.hash()), OVERLAP),
        (seal(2, 6, 9, previous=FIRST.hash(), app_id=OTHER_APP), OVERLAP),
        (seal(3, 6, 9, previous=FIRST.hash()), "Seal 2 is missing: seal 3 follows seal 1."),
        (seal(1, 6, 9, previous=FIRST.hash()), "Seal 2 is missing: seal 1 follows seal 1."),
        (seal(2, 6, 9, previous=bytes(32)), "Seal 2 does not continue seal 1: one of them was rewritten."),
    ],
    ids=["next", "one row", "overlap", "backwards", "other app", "gap", "repeated", "other previous"],
)
def test_a_seal_continues_the_previous_one(second: JournalSeal, complaint: str | None) -> None:
    chain = SealChain(APP)
    assert chain.add(FIRST, FIRST.hash(), ()) is None
    assert chain.add(second, second.hash(), ()) == complaint


def test_a_seal_has_the_stored_hash() -> None:
    chain = SealChain(APP)
    assert chain.add(FIRST, bytes(32), ()) == "Seal 1 was rewritten: its hash does not match its content."


def test_a_leaf_is_identified_by_position_event_and_digest() -> None:
    (leaf,) = sealed(row(1)).leaves
    assert leaf == Leaf(100, 1, event_id(1), leaf.digest)
    assert len(leaf.digest) == 32
