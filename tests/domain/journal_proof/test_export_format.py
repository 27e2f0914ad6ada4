"""The lines of an export: their exact format, and the verification of complete and changed files."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from videobroker.domain.journal_proof import export_format, merkle
from videobroker.domain.journal_proof.export_format import ExportScope, verify_export
from videobroker.domain.journal_proof.proof import (
    WHOLE_ROW,
    JournalRow,
    Redaction,
    SealingResult,
    compute_account_digest,
    compute_commitment,
    seal_rows,
    slice_salt,
)
from videobroker.domain.journal_proof.verification import ChainHead, IssueType, ProofIssue, ProofResult
from videobroker.errors import ExportUnreadable

APP = str(UUID(int=10))
AT = datetime(2026, 3, 12, 14, tzinfo=UTC)
COMPLETE = ExportScope("tutoring", APP)
WITHOUT_PEOPLE = ExportScope("tutoring", APP, personal=False)
ONE_SESSION = ExportScope("tutoring", APP, reference="lesson-1")
EVENT_0 = f"Event {UUID(int=1000)} at 100.0"
"""How issues name the event of `row(0)`."""


def row(number: int, **fields: Any) -> JournalRow:
    usual: dict[str, Any] = {
        "xid": 100,
        "seq": number,
        "id": str(UUID(int=1000 + number)),
        "type": "credentials.issued",
        "occurred_at": AT,
        "session_id": str(UUID(int=20)),
        "kind": "booking",
        "reference": "lesson-1",
        "user_id": "ada",
        "key_id": str(UUID(int=30)),
        "ip": "192.0.2.7",
        "user_agent": "curl/8",
        "asked_by_user_id": None,
        "data": '{"role":"teacher"}',
        "salts": None,
    }
    return JournalRow(**{**usual, **fields})


def sealed(*rows: JournalRow, previous: tuple[int, bytes] | None = None) -> tuple[SealingResult, list[JournalRow]]:
    """A seal of these rows, and the rows with their salts."""
    result = seal_rows(APP, list(rows), previous, now=AT)
    salts = dict(result.salts)
    return result, [each._replace(salts=salts.get(each.position)) for each in rows]


def first_line(scope: ExportScope = COMPLETE) -> str:
    return export_format.format_first_line(scope, AT)


def event_lines(result: SealingResult, rows: list[JournalRow], scope: ExportScope = COMPLETE) -> list[str]:
    digests = [leaf.digest for leaf in result.leaves]
    return [
        export_format.format_event_line(
            scope,
            leaf,
            each,
            [],
            index=index,
            path=None if scope.is_complete else merkle.build_inclusion_proof(digests, index),
        )
        for index, (leaf, each) in enumerate(zip(result.leaves, rows, strict=True))
        if scope.takes(each)
    ]


def seal_line(result: SealingResult) -> str:
    return export_format.format_seal_line(result.seal, result.seal.hash())


def last_line(result: SealingResult, events: int) -> str:
    return export_format.format_last_line(ChainHead(result.seal.number, result.seal.hash()), events)


def whole_file(*rows: JournalRow, scope: ExportScope = COMPLETE) -> list[str]:
    result, salted = sealed(*rows)
    events = event_lines(result, salted, scope)
    return [first_line(scope), *events, seal_line(result), last_line(result, len(events))]


def issues(result: ProofResult) -> list[tuple[IssueType, str]]:
    return [(each.issue_type, each.sentence) for each in result.findings]


class TestLines:
    def test_the_first_line_names_the_journal_and_the_format(self) -> None:
        assert first_line() == (
            '{"journal":{"app":"00000000-0000-0000-0000-00000000000a","complete":true,'
            '"exported_at":"2026-03-12T14:00:00.000000Z","format":1,"name":"tutoring"}}\n'
        )
        assert json.loads(first_line(ONE_SESSION))["journal"]["complete"] is False

    def test_an_event_line_has_personal_parts_with_salts(self) -> None:
        result, (only,) = sealed(row(0))
        (line,) = event_lines(result, [only])
        salts = only.salts
        assert salts is not None
        parts = [("/ip", "192.0.2.7"), ("/reference", "lesson-1"), ("/user_agent", "curl/8"), ("/user_id", "ada")]
        assert json.loads(line) == {
            "event": {
                "digest": result.leaves[0].digest.hex(),
                "erased": {},
                "index": 0,
                "public": {
                    "app": APP,
                    "data": {"role": "teacher"},
                    "id": str(UUID(int=1000)),
                    "key_id": str(UUID(int=30)),
                    "kind": "booking",
                    "occurred_at": "2026-03-12T14:00:00.000000Z",
                    "position": [100, 0],
                    "session_id": str(UUID(int=20)),
                    "type": "credentials.issued",
                    "v": 1,
                },
                "shown": {
                    pointer: {"salt": slice_salt(salts, number).hex(), "value": value}
                    for number, (pointer, value) in enumerate(parts)
                },
            }
        }

    def test_without_personal_values_an_event_line_has_commitments(self) -> None:
        result, (only,) = sealed(row(0, ip=None, user_agent=None, reference=None))
        (line,) = event_lines(result, [only], WITHOUT_PEOPLE)
        event = json.loads(line)["event"]
        assert event["withheld"] == {"/user_id": sha256(slice_salt(only.salts or b"", 0) + b'"ada"').hexdigest()}
        assert "shown" not in event
        assert "path" not in event

    def test_an_event_line_of_an_extract_has_a_merkle_path(self) -> None:
        result, salted = sealed(row(0), row(1, reference="lesson-2"), row(2))
        lines = [json.loads(line)["event"] for line in event_lines(result, salted, ONE_SESSION)]
        digests = [leaf.digest for leaf in result.leaves]
        assert [each["index"] for each in lines] == [0, 2]
        assert [each["path"] for each in lines] == [
            [step.hex() for step in merkle.build_inclusion_proof(digests, index)] for index in (0, 2)
        ]

    def test_an_event_line_names_its_redactions_and_the_redacting_event(self) -> None:
        result, (only,) = sealed(row(0))
        erased = [Redaction((100, 0), "/user_id", b"\x01" * 32, "entry"), Redaction((100, 0), "/ip", None, "older")]
        line = export_format.format_event_line(COMPLETE, result.leaves[0], only, erased, index=4, path=None)
        event = json.loads(line)["event"]
        assert event["index"] == 4
        assert event["erased"] == {
            "/user_id": {"by": "entry", "commitment": "01" * 32},
            "/ip": {"by": "older", "commitment": None},
        }

    def test_a_retired_line_has_the_leaf_of_the_row(self) -> None:
        result, _ = sealed(row(3))
        (leaf,) = result.leaves
        whole = Redaction((100, 3), WHOLE_ROW, leaf.digest, "entry")
        earlier = [Redaction((100, 3), "/ip", b"\x02" * 32, "older"), Redaction((100, 3), "/user_id", None, "older")]
        assert json.loads(export_format.format_retired_line(leaf, whole, earlier, index=5)) == {
            "retired": {
                "by": "entry",
                "digest": leaf.digest.hex(),
                "erased": {
                    "/ip": {"by": "older", "commitment": "02" * 32},
                    "/user_id": {"by": "older", "commitment": None},
                },
                "id": str(UUID(int=1003)),
                "index": 5,
                "position": [100, 3],
            }
        }

    def test_a_seal_line_has_its_hash(self) -> None:
        result, _ = sealed(row(0))
        assert json.loads(seal_line(result)) == {
            "seal": {"hash": result.seal.hash().hex(), "says": json.loads(json.dumps(result.seal.public()))}
        }

    def test_a_pending_event_line_lists_its_redactions_in_order(self) -> None:
        behind = [
            Redaction((100, 2), "/user_id", b"\x03" * 32, "entry"),
            Redaction((100, 1), "/ip", None, "entry"),
            Redaction((100, 1), "/ip", None, "another"),
        ]
        assert json.loads(export_format.format_pending_line("entry", {"digest": "d"}, behind)) == {
            "pending": {
                "behind": [[100, 1, "/ip", None], [100, 2, "/user_id", "03" * 32]],
                "data": {"digest": "d"},
                "id": "entry",
            }
        }

    def test_the_last_line_counts_events_and_seals(self) -> None:
        assert export_format.format_last_line(None, 0) == '{"end":{"events":0,"head":null,"seals":0}}\n'
        line = export_format.format_last_line(ChainHead(3, b"\x04" * 32), 7)
        assert json.loads(line) == {"end": {"events": 7, "head": "04" * 32, "seals": 3}}


class TestScope:
    def test_a_complete_export_has_every_row_and_an_extract_those_of_one_reference(self) -> None:
        rows = [row(0), row(1, reference="lesson-2"), row(2, reference=None)]
        assert [COMPLETE.takes(each) for each in rows] == [True, True, True]
        assert [ONE_SESSION.takes(each) for each in rows] == [True, False, False]


class TestVerification:
    @pytest.mark.parametrize("scope", [COMPLETE, WITHOUT_PEOPLE, ONE_SESSION])
    def test_a_written_export_is_intact(self, scope: ExportScope) -> None:
        result = verify_export(whole_file(row(0), row(1, reference="lesson-2"), row(2), scope=scope))
        assert issues(result) == []
        assert result.is_whole
        assert (result.rows, result.seals, result.unsealed) == (3 if scope.is_complete else 2, 1, 0)

    def test_seals_are_a_chain(self) -> None:
        first, rows = sealed(row(0))
        second, extra = sealed(row(1), previous=(first.seal.number, first.seal.hash()))
        lines = [
            first_line(),
            *event_lines(first, rows),
            seal_line(first),
            *event_lines(second, extra),
            seal_line(second),
            last_line(second, 2),
        ]
        result = verify_export(lines, head=first.seal.hash())
        assert issues(result) == []
        assert (result.rows, result.seals) == (2, 2)
        assert result.head == ChainHead(2, second.seal.hash())
        missing = verify_export(lines, head=b"\x05" * 32)
        assert issues(missing) == [(IssueType.HEAD_MISSING, f"No seal has the hash {'05' * 32}.")]

    def test_a_merkle_path_with_another_root_is_reported(self) -> None:
        lines = whole_file(row(0), row(1), scope=ONE_SESSION)
        event = json.loads(lines[1])
        event["event"]["path"] = ["00" * 32]
        lines[1] = json.dumps(event, separators=(",", ":"), sort_keys=True) + "\n"
        assert issues(verify_export(lines)) == [
            (
                IssueType.SEAL_BROKEN,
                f"The way up from Event {UUID(int=1000)} at 100.0 (line 2) does not lead to the root of seal 1."
                " (line 4)",
            )
        ]

    def test_a_changed_event_is_reported_with_its_line(self) -> None:
        lines = whole_file(row(0), row(1))
        lines[1] = lines[1].replace("credentials.issued", "credentials.refused")
        result = verify_export(lines)
        sentence = f"{EVENT_0} (line 2) is not as it was sealed."
        assert result.findings == (ProofIssue(IssueType.CHANGED, sentence, str(UUID(int=1000)), (100, 0)),)
        assert result.rows == 1

    def test_a_repeated_event_is_reported_as_inserted(self) -> None:
        lines = whole_file(row(0), row(1))
        sentence = f"{EVENT_0} (line 3) was not sealed there: it was inserted."
        assert verify_export([*lines[:2], *lines[1:]]).findings == (
            ProofIssue(IssueType.INSERTED, sentence, str(UUID(int=1000)), (100, 0)),
        )

    def test_an_event_with_an_index_beyond_the_seal_is_reported_as_inserted(self) -> None:
        lines = whole_file(row(0), row(1))
        lines[2] = lines[2].replace('"index":1', '"index":2')
        inserted = f"Event {UUID(int=1001)} at 100.1 (line 3) was not sealed there: it was inserted."
        assert verify_export(lines).findings == (
            ProofIssue(IssueType.INSERTED, inserted, str(UUID(int=1001)), (100, 1)),
            ProofIssue(IssueType.REMOVED, "Event 1 of seal 1, counted from 0, is not there.", seal=1),
        )

    def test_events_in_another_order_are_reported(self) -> None:
        first, event_0, event_1, *others = whole_file(row(0), row(1))
        sentence = f"{EVENT_0} (line 3) is after events that it was sealed before."
        assert verify_export([first, event_1, event_0, *others]).findings == (
            ProofIssue(IssueType.REORDERED, sentence, str(UUID(int=1000)), (100, 0)),
        )

    def test_a_removed_event_is_reported_with_its_index_in_the_seal(self) -> None:
        first, event_0, _, *others = whole_file(row(0), row(1), row(2))
        assert verify_export([first, event_0, *others]).findings == (
            ProofIssue(IssueType.REMOVED, "Event 1 of seal 1, counted from 0, is not there.", seal=1),
        )

    def test_events_with_matching_digests_that_were_not_sealed_are_reported(self) -> None:
        original, _ = sealed(row(0))
        forged = event_lines(*sealed(row(0, type="credentials.refused")))
        sentence = "The events before seal 1 do not give its root. (line 3)"
        assert verify_export([first_line(), *forged, seal_line(original), last_line(original, 1)]).findings == (
            ProofIssue(IssueType.SEAL_BROKEN, sentence, seal=1),
        )

    def test_a_seal_with_additional_content_is_reported(self) -> None:
        lines = whole_file(row(0))
        lines[2] = lines[2].replace('"v":1}', '"v":1,"x":1}')
        assert verify_export(lines).findings == (
            ProofIssue(IssueType.SEAL_BROKEN, "Seal 1 was rewritten: its content has another form. (line 3)", seal=1),
        )

    def test_an_export_of_an_empty_journal_is_intact(self) -> None:
        result = verify_export([first_line(), export_format.format_last_line(None, 0)])
        assert (result.findings, result.head, result.seals) == ((), None, 0)

    def test_listed_issues_are_limited_but_all_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("videobroker.domain.journal_proof.export_format.MAX_LISTED_ISSUES", 2)
        lines = whole_file(row(0))
        result = verify_export([*lines[:-1], *['{"unknown":1}\n'] * 3, lines[-1]])
        assert (len(result.findings), result.counts) == (2, {IssueType.CHANGED: 3})

    def test_an_erased_part_without_an_accounting_event_is_reported(self) -> None:
        result, (only,) = sealed(row(0, ip=None, user_agent=None, reference=None))
        commitment = compute_commitment(slice_salt(only.salts or b"", 0), '"ada"')
        taken = Redaction((100, 0), "/user_id", commitment, "entry")
        event = export_format.format_event_line(
            COMPLETE, result.leaves[0], only._replace(user_id=None, salts=b""), [taken], index=0, path=None
        )
        sentence = f"{EVENT_0} lacks /user_id: entry is named as its erasure, but does not account for it."
        assert verify_export([first_line(), event, seal_line(result), last_line(result, 1)]).findings == (
            ProofIssue(IssueType.CHANGED, sentence, str(UUID(int=1000)), (100, 0)),
        )

    def test_a_part_that_was_erased_before_sealing_has_no_commitment(self) -> None:
        result, (only,) = sealed(row(0, ip=None))
        taken = Redaction((100, 0), "/ip", None, "entry")
        event = export_format.format_event_line(COMPLETE, result.leaves[0], only, [taken], index=0, path=None)
        pending = export_format.format_pending_line("entry", {"digest": compute_account_digest([taken])}, [])
        proved = verify_export([first_line(), event, seal_line(result), pending, last_line(result, 1)])
        assert (proved.findings, proved.erased) == ((), 1)

    def test_pending_events_account_for_parts_with_and_without_a_commitment(self) -> None:
        result, rows = sealed(row(0))
        pending = [
            export_format.format_pending_line(entry_id, {"digest": compute_account_digest([redaction])}, [redaction])
            for entry_id, redaction in (
                ("one", Redaction((101, 4), "/ip", None, "one")),
                ("other", Redaction((101, 5), "/user_id", b"\x03" * 32, "other")),
            )
        ]
        lines = [first_line(), *event_lines(result, rows), seal_line(result), *pending, last_line(result, 1)]
        proved = verify_export(lines)
        assert (proved.findings, proved.unsealed, proved.erased) == ((), 2, 2)

    def test_a_repeated_retirement_is_reported_with_its_line(self) -> None:
        result, _ = sealed(row(0))
        whole = Redaction((100, 0), WHOLE_ROW, result.leaves[0].digest, "entry")
        retired = export_format.format_retired_line(result.leaves[0], whole, [], index=0)
        sentence = f"{EVENT_0} (line 3) was not sealed there: it was inserted."
        found = verify_export([first_line(), retired, retired, seal_line(result), last_line(result, 0)]).findings
        assert found[0] == ProofIssue(IssueType.INSERTED, sentence, str(UUID(int=1000)), (100, 0))

    def test_a_changed_event_accounts_for_nothing(self) -> None:
        retired, _ = sealed(row(0))
        whole = Redaction((100, 0), WHOLE_ROW, retired.leaves[0].digest, str(UUID(int=1001)))
        account = row(
            1,
            type="journal.retired",
            reference=None,
            user_id=None,
            ip=None,
            user_agent=None,
            data=json.dumps({"digest": compute_account_digest([whole])}),
        )
        second, accounts = sealed(account, previous=(retired.seal.number, retired.seal.hash()))
        (accounting,) = event_lines(second, accounts)
        lines = [
            first_line(),
            export_format.format_retired_line(retired.leaves[0], whole, [], index=0),
            seal_line(retired),
            accounting.replace("T14:00:00", "T15:00:00"),
            seal_line(second),
            last_line(second, 1),
        ]
        result = verify_export(lines)
        assert result.counts == {IssueType.CHANGED: 1, IssueType.REMOVED: 1}
        assert result.retired == 0

    def test_a_retired_row_is_accounted_for_by_a_sealed_event(self) -> None:
        retired, _ = sealed(row(0))
        whole = Redaction((100, 0), WHOLE_ROW, retired.leaves[0].digest, str(UUID(int=1001)))
        account = row(
            1,
            type="journal.retired",
            reference=None,
            user_id=None,
            ip=None,
            user_agent=None,
            data=json.dumps({"digest": compute_account_digest([whole])}),
        )
        second, accounts = sealed(account, previous=(retired.seal.number, retired.seal.hash()))
        lines = [
            first_line(),
            export_format.format_retired_line(retired.leaves[0], whole, [], index=0),
            seal_line(retired),
            *event_lines(second, accounts),
            seal_line(second),
            last_line(second, 1),
        ]
        result = verify_export(lines)
        assert issues(result) == []
        assert (result.rows, result.retired, result.erased) == (1, 1, 0)
        unaccounted = verify_export([*lines[:3], last_line(retired, 0)])
        assert set(unaccounted.counts) == {IssueType.REMOVED}
        assert str(UUID(int=1000)) in unaccounted.findings[0].sentence

    @pytest.mark.parametrize("digest", ["right", "wrong"])
    def test_a_pending_event_accounts_for_redactions_of_a_sealed_row(self, digest: str) -> None:
        result, (only,) = sealed(row(0, ip=None, user_agent=None, reference=None))
        commitment = compute_commitment(slice_salt(only.salts or b"", 0), '"ada"')
        taken = Redaction((100, 0), "/user_id", commitment, "entry")
        unsealed = Redaction((101, 4), "/ip", None, "entry")
        account = compute_account_digest([taken, unsealed]) if digest == "right" else "0" * 64
        event = export_format.format_event_line(
            COMPLETE, result.leaves[0], only._replace(user_id=None, salts=b""), [taken], index=0, path=None
        )
        pending = export_format.format_pending_line("entry", {"digest": account}, [unsealed])
        proved = verify_export([first_line(), event, seal_line(result), pending, last_line(result, 1)])
        accounted = digest == "right"
        assert (proved.is_whole, proved.unsealed, proved.erased) == (accounted, 1, 2 if accounted else 0)

    def test_a_file_that_is_not_an_export_is_rejected(self) -> None:
        with pytest.raises(ExportUnreadable, match="empty"):
            verify_export([])
        with pytest.raises(ExportUnreadable, match="not an export"):
            verify_export(["hello\n"])
        with pytest.raises(ExportUnreadable, match="does not name the app"):
            verify_export(whole_file(row(0))[1:])
        with pytest.raises(ExportUnreadable, match="format 2; this program reads format 1"):
            verify_export([first_line().replace('"format":1', '"format":2')])

    def test_a_second_start_lines_after_the_end_and_a_missing_end_are_reported(self) -> None:
        lines = whole_file(row(0))
        assert issues(verify_export([lines[0], *lines])) == [
            (IssueType.INSERTED, "Line 2 begins another journal."),
        ]
        assert (IssueType.INSERTED, "Line 5 is after the end.") in issues(verify_export([*lines, lines[-1]]))
        assert issues(verify_export(lines[:-1])) == [(IssueType.REMOVED, "The end of the file is not there.")]
        assert (IssueType.SEAL_BROKEN, "The last events have no seal.") in issues(verify_export(lines[:2]))

    def test_an_invalid_line_is_reported(self) -> None:
        lines = whole_file(row(0))
        assert issues(verify_export([*lines[:-1], lines[-1].replace(":", ": ", 1)])) == [
            (IssueType.CHANGED, "Line 4 is not in canonical form.")
        ]
        assert issues(verify_export([*lines[:-1], '{"unknown":1}\n', lines[-1]])) == [
            (IssueType.CHANGED, "Line 4 cannot be read.")
        ]

    def test_an_end_with_other_counts_is_reported(self) -> None:
        lines = whole_file(row(0))
        assert issues(verify_export([*lines[:-1], lines[-1].replace('"events":1', '"events":2')])) == [
            (IssueType.REMOVED, "The file says that it has 2 events, and has 1.")
        ]
        assert issues(verify_export([*lines[:-1], lines[-1].replace('"seals":1', '"seals":2')])) == [
            (IssueType.REMOVED, "The file says that it ends with seal 2 (line 4), and ends otherwise.")
        ]
