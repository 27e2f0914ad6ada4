"""The journal proof: hashed content, canonical JSON, and the detection of every change."""

import json
import math
import re
import runpy
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.journal_proof import export_format, merkle, proof
from videobroker.domain.journal_proof.canonical_json import canonicalize, parse_json
from videobroker.domain.journal_proof.erasure import DataSubject, create_pseudonym
from videobroker.domain.journal_proof.proof import (
    JournalRow,
    JournalSeal,
    Leaf,
    Redaction,
    compute_commitment,
    compute_leaf_digest,
    seal_rows,
    split_row,
)
from videobroker.domain.journal_proof.verification import (
    IssueType,
    JournalVerifier,
    ProofIssue,
    ProofResult,
    SealedBatch,
    UnsealedRows,
)

APP = str(UUID(int=10))
AT = datetime(2026, 3, 12, 14, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[3] / "docs" / "explanation" / "journal.md"

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
# PostgreSQL accepts neither NUL nor halves of surrogate pairs.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
people = st.sampled_from(["ada", "ben", 'e"v\\e', "Žofie", "😀"])
data_texts = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"role": words}, optional={"provider_user_id": people, "n": st.floats(-9, 9)}),
    st.fixed_dictionaries(
        {"verdicts": st.lists(st.fixed_dictionaries({"user_id": people, "rule": words}), max_size=2)}
    ),
    st.fixed_dictionaries({"details": st.dictionaries(words, st.integers() | words, max_size=2)}),
).map(lambda value: json.dumps(value, ensure_ascii=False))


@st.composite
def journals(draw: st.DrawFn) -> list[JournalRow]:
    """Ordered rows of a journal."""
    return [_row(draw, number) for number in range(draw(st.integers(1, 12)))]


def _row(draw: st.DrawFn, number: int) -> JournalRow:
    maybe = st.none() | people
    return JournalRow(
        100 + number // 3,
        number,
        str(UUID(int=1000 + number)),
        draw(st.sampled_from(["credentials.issued", "call.started", "app.reported"])),
        AT + timedelta(microseconds=draw(st.integers(0, 10**9))),
        draw(st.none() | st.just(str(UUID(int=20)))),
        draw(st.sampled_from([None, "booking", "group"])),
        draw(maybe),
        draw(maybe),
        draw(st.none() | st.just(str(UUID(int=30)))),
        draw(st.none() | st.just("192.0.2.7")),
        draw(maybe),
        draw(maybe),
        draw(data_texts),
        None,
    )


def sealed_in_batches(rows: list[JournalRow], size: int) -> list[SealedBatch]:
    """The journal in the form that storage returns: one batch for each seal."""
    batches, previous = [], None
    for begin in range(0, len(rows), size):
        sealed = seal_rows(APP, rows[begin : begin + size], previous, now=AT)
        salts = dict(sealed.salts)
        salted = [row._replace(salts=salts.get(row.position)) for row in rows[begin : begin + size]]
        previous = (sealed.seal.number, sealed.seal.hash())
        batches.append(SealedBatch([sealed.seal], [sealed.seal.hash()], sealed.leaves, salted, []))
    return batches


def verify(batches: list[SealedBatch], *, head: bytes | None = None) -> ProofResult:
    """The result of the verification."""
    verifier = JournalVerifier(APP, heads=() if head is None else (head,))
    for batch in batches:
        verifier.add(batch)
    return verifier.finish(UnsealedRows(0, {}, []))


# -- canonical form


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # The fractions of RFC 8785, appendix B. Integers differ: they are not rounded to doubles.
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "17976931348623157" + "0" * 292),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("3e7ad7f29abcaf48", "1e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
    ],
)
def test_fractions_are_formatted_as_in_the_rfc(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonicalize(value) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        # RFC 8785, sections 3.2.2 and 3.2.3. The first number fits no double exactly; here, its digits are preserved.
        ("[333333333.33333329, 1E30, 4.50, 2e-3]", f"[333333333.33333329,1{'0' * 30},4.5,0.002]"),
        ("0.000000000000000000000000001", "1e-27"),
        (r'"\u20ac$\u000F\u000aA' + "'" + r'\u0042\u0022\u005c\\\"\/"', '"€$\\u000f\\nA' + "'" + 'B\\"\\\\\\\\\\"/"'),
        (
            r'{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7}',
            '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
        ),
        ("9007199254740993", "9007199254740993"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("0.10000000000000000001", "0.10000000000000000001"),
        ("0.00000015", "1.5e-7"),
        ("-0.000000125", "-1.25e-7"),
        ("1e3", "1000"),
        (" [ null , true ,\tfalse ] ", "[null,true,false]"),
    ],
)
def test_equal_values_have_one_canonical_text(source: str, text: str) -> None:
    value, plain = parse_json(source)
    assert canonicalize(value, plain=plain) == text


@given(values)
def test_canonical_json_round_trips(value: Any) -> None:
    try:
        text = canonicalize(value)
        text.encode()
    except UnicodeEncodeError:
        return
    again, plain = parse_json(text)
    assert canonicalize(again, plain=plain) == text
    assert canonicalize(parse_json(json.dumps(value))[0]) == text


@given(values)
def test_the_fast_encoder_gives_the_same_text(value: Any) -> None:
    found, plain = parse_json(json.dumps(value, ensure_ascii=False))
    if plain:
        assert canonicalize(found, plain=True) == canonicalize(found)


@pytest.mark.parametrize("source", ["NaN", "Infinity", "[1", "", "1 2", "1e99999"])
def test_invalid_json_is_rejected(source: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_json(source)


def test_numbers_have_at_most_4001_digits() -> None:
    value, plain = parse_json("1.0e4000")
    assert canonicalize(value, plain=plain) == "1" + "0" * 4000
    with pytest.raises(ValueError, match="thousands of digits"):
        parse_json("1.0e4001")


def test_keys_with_half_a_surrogate_pair_are_sorted_by_code_units() -> None:
    assert canonicalize({"\ud800": 1, "b": 2, "\uffff": 3}) == '{"b":2,"\ud800":1,"\uffff":3}'


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_without_a_json_form_are_rejected(value: float) -> None:
    with pytest.raises(ValueError, match="not valid JSON"):
        canonicalize(value)


# -- leaves


@given(journals())
def test_a_leaf_is_the_documented_hash(rows: list[JournalRow]) -> None:
    for batch in sealed_in_batches(rows, 5):
        for leaf, row in zip(batch.leaves, batch.rows, strict=True):
            salts = row.salts or b""
            commitments = {
                pointer: compute_commitment(proof.slice_salt(salts, number), value).hex()
                for number, (pointer, value) in enumerate(split_row(row).personal)
            }
            entry = {**proof.build_public_row(APP, row), "commitments": commitments}
            assert leaf.digest == merkle.hash_leaf(canonicalize(entry).encode()) == compute_leaf_digest(APP, row)


def test_personal_parts_are_found_at_any_depth() -> None:
    data = {
        "user_id": 7,
        "provider_user_id": "p",
        "a/b~c": [{"user_id": "u"}, {"n": 1}],
        "details": {"user_id": "inside"},
        "n": {"details": 1},
    }
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, "r", "u", None, "i", "b", "q", json.dumps(data), None)
    parts = split_row(row)
    assert [pointer for pointer, _ in parts.personal] == [
        "/asked_by_user_id",
        "/data/a~1b~0c/0/user_id",
        "/data/details",
        "/data/provider_user_id",
        "/ip",
        "/reference",
        "/user_agent",
        "/user_id",
    ]
    assert parts.data == '{"a/b~c":[{},{"n":1}],"n":{"details":1},"user_id":7}'


def test_personal_parts_are_found_under_escaped_names() -> None:
    data = r'{"\u0075ser_id":"ada","n":1}'
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, None, None, None, None, None, None, data, None)
    assert split_row(row) == ((("/data/user_id", '"ada"'),), '{"n":1}')


def test_unparsable_data_is_hashed_as_a_text() -> None:
    for data in ("1" * 5000, "[" * 5000 + "]" * 5000):
        row = JournalRow(1, 1, "id", "t.t", AT, None, None, None, None, None, None, None, None, data, None)
        assert split_row(row) == ((), json.dumps(data))


def test_commitments_of_the_same_value_differ() -> None:
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, None, "u", None, None, None, None, "{}", None)
    digests = {seal_rows(APP, [row], None, now=AT).leaves[0].digest for _ in range(20)}
    assert len(digests) == 20


# -- detection of every change


def _other(value: str | None) -> str | None:
    return "x" if value is None else None if value == "x" else "x" + value


FIELDS: dict[str, Callable[[JournalRow], JournalRow]] = {
    "type": lambda row: row._replace(type=row.type + "x"),
    "occurred_at": lambda row: row._replace(occurred_at=row.occurred_at + timedelta(microseconds=1)),
    "session_id": lambda row: row._replace(session_id=_other(row.session_id)),
    "kind": lambda row: row._replace(kind=_other(row.kind)),
    "reference": lambda row: row._replace(reference=_other(row.reference)),
    "user_id": lambda row: row._replace(user_id=_other(row.user_id)),
    "key_id": lambda row: row._replace(key_id=_other(row.key_id)),
    "ip": lambda row: row._replace(ip=_other(row.ip)),
    "user_agent": lambda row: row._replace(user_agent=_other(row.user_agent)),
    "asked_by_user_id": lambda row: row._replace(asked_by_user_id=_other(row.asked_by_user_id)),
    "data": lambda row: row._replace(data='{"new":1}'),
    "salts": lambda row: row._replace(salts=(row.salts or b"") + bytes(32)),
}


@given(journals(), st.integers(1, 5))
def test_an_unchanged_journal_is_intact(rows: list[JournalRow], size: int) -> None:
    result = verify(sealed_in_batches(rows, size))
    assert (result.is_whole, result.rows, result.seals) == (True, len(rows), math.ceil(len(rows) / size))


@given(journals(), st.integers(1, 5), st.sampled_from(sorted(FIELDS)), st.data())
def test_a_changed_field_is_detected_and_its_row_reported(
    rows: list[JournalRow], size: int, field: str, data: st.DataObject
) -> None:
    batches = sealed_in_batches(rows, size)
    batch = data.draw(st.sampled_from(batches))
    index = data.draw(st.integers(0, len(batch.rows) - 1))
    changed = list(batch.rows)
    changed[index] = FIELDS[field](changed[index])
    batches[batches.index(batch)] = replace(batch, rows=changed)
    (issue,) = verify(batches).findings
    assert (issue.issue_type, issue.event_id) == (IssueType.CHANGED, changed[index].id)


@given(journals(), st.integers(1, 5), st.data())
def test_a_flipped_bit_of_a_salt_or_a_leaf_is_detected(rows: list[JournalRow], size: int, data: st.DataObject) -> None:
    batches = sealed_in_batches(rows, size)
    number = data.draw(st.integers(0, len(batches) - 1))
    batch = batches[number]
    index = data.draw(st.integers(0, len(batch.rows) - 1))
    salts = batch.rows[index].salts
    if salts and data.draw(st.booleans()):
        salted = list(batch.rows)
        salted[index] = salted[index]._replace(salts=_flipped(salts, data.draw(st.integers(0, len(salts) * 8 - 1))))
        batches[number] = replace(batch, rows=salted)
        expected = IssueType.CHANGED
    else:
        leaves = list(batch.leaves)
        leaves[index] = leaves[index]._replace(digest=_flipped(leaves[index].digest, data.draw(st.integers(0, 255))))
        batches[number] = replace(batch, leaves=leaves)
        expected = IssueType.SEAL_BROKEN
    (issue,) = verify(batches).findings
    assert issue.issue_type is expected
    assert batch.rows[index].id in issue.sentence


def _flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(journals(), st.integers(1, 5), st.data())
def test_a_removed_row_is_reported(rows: list[JournalRow], size: int, data: st.DataObject) -> None:
    batches = sealed_in_batches(rows, size)
    removed = data.draw(st.sampled_from(rows))
    batches = [replace(batch, rows=[row for row in batch.rows if row.id != removed.id]) for batch in batches]
    assert _named(verify(batches)) == [(IssueType.REMOVED, removed.id)]


@given(journals(), st.integers(1, 5), st.data())
def test_an_inserted_row_is_reported(rows: list[JournalRow], size: int, data: st.DataObject) -> None:
    batches = sealed_in_batches(rows, size)
    number = data.draw(st.integers(0, len(batches) - 1))
    like = data.draw(st.sampled_from(batches[number].rows))
    new = like._replace(seq=like.seq - 1000, id=data.draw(st.sampled_from([str(UUID(int=1)), like.id])))
    batches[number] = replace(batches[number], rows=[*batches[number].rows, new])
    assert _named(verify(batches)) == [(IssueType.INSERTED, new.id)]


@given(journals(), st.integers(1, 5), st.data())
def test_two_swapped_rows_are_reported(rows: list[JournalRow], size: int, data: st.DataObject) -> None:
    if len(rows) < 2:
        return
    one, other = data.draw(st.lists(st.sampled_from(rows), min_size=2, max_size=2, unique_by=lambda row: row.id))
    batches = sealed_in_batches(rows, size)
    salted = {row.id: row for batch in batches for row in batch.rows}
    places = {one.id: salted[other.id], other.id: salted[one.id]}
    batches = [
        replace(
            batch,
            rows=[places[row.id]._replace(xid=row.xid, seq=row.seq) if row.id in places else row for row in batch.rows],
        )
        for batch in batches
    ]
    assert sorted(_named(verify(batches))) == sorted([(IssueType.REORDERED, one.id), (IssueType.REORDERED, other.id)])


SEAL_CHANGES: list[Callable[[JournalSeal], JournalSeal]] = [
    lambda seal: replace(seal, root=_flipped(seal.root, 7)),
    lambda seal: replace(seal, previous=_flipped(seal.previous, 7)),
    lambda seal: replace(seal, count=seal.count + 1),
    lambda seal: replace(seal, first=(seal.first[0] - 1, 0)),
    lambda seal: replace(seal, sealed_at=seal.sealed_at + timedelta(microseconds=1)),
    lambda seal: replace(seal, oldest_at=seal.oldest_at - timedelta(days=1)),
    lambda seal: replace(seal, newest_at=seal.newest_at + timedelta(days=1)),
    lambda seal: replace(seal, app_id=str(UUID(int=11))),
]


@given(journals(), st.integers(1, 5), st.sampled_from(SEAL_CHANGES), st.booleans(), st.data())
def test_a_rewritten_seal_is_detected(
    rows: list[JournalRow],
    size: int,
    change: Callable[[JournalSeal], JournalSeal],
    rehashed: bool,
    data: st.DataObject,
) -> None:
    batches = sealed_in_batches(rows, size)
    number = data.draw(st.integers(0, len(batches) - 1))
    head = batches[-1].seals[-1].hash()
    seal = change(batches[number].seals[0])
    stored = seal.hash() if rehashed else batches[number].hashes[0]
    batches[number] = replace(batches[number], seals=[seal], hashes=[stored])
    result = verify(batches, head=head)
    assert not result.is_whole
    broken = [issue.seal for issue in result.findings if issue.issue_type is IssueType.SEAL_BROKEN]
    if not rehashed:
        assert broken == [number + 1]
    # A rehashed seal contradicts the next one; the newest contradicts only the hash that is stored elsewhere.
    elif number + 1 < len(batches):
        assert set(broken) & {number + 1, number + 2}
    else:
        assert IssueType.HEAD_MISSING in result.counts


@given(journals(), st.integers(1, 5), st.data())
def test_a_removed_seal_is_detected(rows: list[JournalRow], size: int, data: st.DataObject) -> None:
    batches = sealed_in_batches(rows, size)
    number = data.draw(st.integers(0, len(batches) - 1))
    head = batches[-1].hashes[0]
    del batches[number]
    issue_type = set(verify(batches, head=head).counts)
    assert issue_type == ({IssueType.HEAD_MISSING} if number == len(batches) else {IssueType.SEAL_BROKEN})


def _named(result: ProofResult) -> list[tuple[IssueType, str | None]]:
    return [(issue.issue_type, issue.event_id) for issue in result.findings]


def test_the_number_of_listed_issues_is_limited_but_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videobroker.domain.journal_proof.verification.MAX_LISTED_ISSUES", 2)
    rows = [
        JournalRow(1, seq, str(UUID(int=seq)), "t.t", AT, None, None, None, None, None, None, None, None, "{}", None)
        for seq in range(5)
    ]
    (batch,) = sealed_in_batches(rows, 5)
    result = verify([replace(batch, rows=[])])
    assert (len(result.findings), result.counts) == (2, {IssueType.REMOVED: 5})


# -- erasure


def test_an_erased_value_is_proved_by_its_commitment() -> None:
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, "r", "zoe", None, None, None, None, "{}", None)
    sealed = seal_rows(APP, [row], None, now=AT)
    salts = sealed.salts[0][1]
    commitment = compute_commitment(proof.slice_salt(salts, 1), '"zoe"')
    erased = row._replace(user_id=None, salts=proof.slice_salt(salts, 0))
    assert compute_leaf_digest(APP, erased, {"/user_id": commitment}) == sealed.leaves[0].digest
    assert compute_leaf_digest(APP, erased) != sealed.leaves[0].digest
    assert compute_leaf_digest(APP, erased._replace(user_id="zoe"), {"/user_id": commitment}) is None


def test_an_event_accounts_for_removals_by_the_hash_of_their_lines_in_order() -> None:
    before_sealing = Redaction((100, 1), "/ip", None, "entry")
    after_sealing = Redaction((100, 2), "/user_id", b"\x0f" * 32, "entry")
    assert before_sealing.line() == b"100.1 /ip -\n"
    assert after_sealing.line() == b"100.2 /user_id " + b"0f" * 32 + b"\n"
    digest = sha256(b"100.1 /ip -\n100.2 /user_id " + b"0f" * 32 + b"\n").hexdigest()
    assert proof.compute_account_digest([after_sealing, before_sealing]) == digest


def test_only_an_event_with_the_right_digest_accounts_for_an_erasure() -> None:
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, None, "zoe", None, None, None, None, "{}", None)
    (batch,) = sealed_in_batches([row], 1)
    commitment = compute_commitment((batch.rows[0].salts or b""), '"zoe"')
    redaction = Redaction((1, 1), "/user_id", commitment, "entry")
    erased = replace(batch, rows=[row._replace(user_id=None)], redactions=[redaction])
    for entries, issue_type in (
        ({"entry": {"digest": proof.compute_account_digest([redaction])}}, {}),
        ({"entry": {"digest": "0" * 64}}, {IssueType.CHANGED: 1}),
        ({"other": {"digest": proof.compute_account_digest([redaction])}}, {IssueType.CHANGED: 1}),
        ({}, {IssueType.CHANGED: 1}),
    ):
        verifier = JournalVerifier(APP)
        verifier.add(erased)
        result = verifier.finish(UnsealedRows(0, entries, []))
        assert (result.counts, result.rows) == (issue_type, 1)


def test_an_ip_address_is_personal_only_if_the_person_made_the_request() -> None:
    subject = DataSubject("zoe", {})
    row = JournalRow(1, 1, "id", "t.t", AT, None, None, "r", "zoe", None, "i", "b", None, "{}", None)
    assert subject.pointers(row) == ["/user_id"]
    expected = ["/asked_by_user_id", "/ip", "/user_agent", "/user_id"]
    assert subject.pointers(row._replace(asked_by_user_id="zoe")) == expected


def test_a_pseudonym_is_verifiable_only_with_its_receipt() -> None:
    first, second = create_pseudonym("zoe"), create_pseudonym("zoe")
    assert first.value != second.value
    assert first.value == sha256(bytes.fromhex(first.receipt) + b"zoe").hexdigest()


# -- the document


def _block(language: str) -> str:
    found = re.search(rf"^```{language}(?: title=\S+)?\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_example_of_the_document_is_intact_and_its_hashes_are_correct() -> None:
    lines = _block("jsonl").splitlines(keepends=True)
    result = export_format.verify_export(lines)
    assert (result.findings, result.rows, result.seals) == ((), 2, 1)
    first, second, seal = (json.loads(line) for line in lines[1:4])
    digests = [bytes.fromhex(each["event"]["digest"]) for each in (first, second)]
    assert sha256(b"\x01" + digests[0] + digests[1]).hexdigest() == seal["seal"]["says"]["root"]
    reference = sha256(bytes([0x11]) * 32 + b'"lesson-1"').hexdigest()
    entry = {**first["event"]["public"], "commitments": {"/reference": reference}}
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert sha256(b"\x00" + text.encode()).digest() == digests[0]


def _run_the_documented_program(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    program, file = tmp_path / "check.py", tmp_path / "journal.jsonl"
    # The program does not close its file: that is the end of its process. This process continues.
    program.write_text(_block("python").replace('open(sys.argv[1], "rb")', "_lines(sys.argv[1])"))
    file.write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["check.py", str(file)])
    runpy.run_path(str(program), {"_lines": lambda path: Path(path).read_bytes().splitlines(keepends=True)})
    return capsys.readouterr().out


def test_the_documented_program_gives_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = _block("jsonl").splitlines(keepends=True)
    head = export_format.verify_export(lines).head
    assert head is not None
    assert head.hash.hex() in _run_the_documented_program(lines, tmp_path, monkeypatch, capsys)
    for changed in (
        [line.replace("student", "teacher") for line in lines],
        [line.replace('"ben"', '"eve"') for line in lines],
        [line.replace("13:55:10", "13:55:11") for line in lines],
        [*lines[:1], *lines[2:]],
        [lines[0], lines[2], lines[1], *lines[3:]],
    ):
        assert not export_format.verify_export(changed).is_whole
        with pytest.raises(AssertionError):
            _run_the_documented_program(changed, tmp_path, monkeypatch, capsys)


@given(st.data())
def test_any_changed_character_of_a_file_is_detected(data: st.DataObject) -> None:
    text = _block("jsonl")
    # The time of the export, the app's name, and the counts are not part of the proof.
    proof_start = text.index('{"event"')
    index = data.draw(st.integers(proof_start, len(text) - 2))
    new = data.draw(st.sampled_from([each for each in '0a"{}:,[]Z ' if each != text[index]]))
    changed = text[:index] + new + text[index + 1 :]
    result = export_format.verify_export(changed.splitlines(keepends=True))
    assert not result.is_whole
    assert all(isinstance(issue, ProofIssue) for issue in result.findings)


def test_a_leaf_starts_with_its_position() -> None:
    assert Leaf(1, 2, "id", b"d")[:2] == (1, 2)
