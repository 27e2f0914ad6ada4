"""Every error that a caller can receive is in the catalog, with its own code and hint."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import videobroker
from videobroker import errors
from videobroker.domain.access import AccessReason, RefuseDecision, WaitDecision, explain_decision
from videobroker.errors import CATALOG, AccessDenied, BrokerError, ErrorKind, SessionNotFound

INTERNAL = {
    "videobroker.cli.event_stream.StreamRejected",  # `listen` prints it and ends
    "videobroker.cli.event_stream._StreamInterrupted",  # the stream reconnects
    "videobroker.delivery.ssrf_guard.PrivateAddress",  # an attempt of a delivery fails with it
    "videobroker.domain.journal_proof.canonical_json._Fraction",  # a finding of the verification
    "videobroker.providers.agora.encoding.TokenInputError",  # becomes ProviderRefused or ProviderNotConfigured
    "videobroker.providers.retrying.ResponseError",  # becomes AttemptError
    "videobroker.providers.retrying.AttemptError",  # becomes a ProviderError
    "videobroker.providers.retrying.CircuitOpen",  # an AttemptError
    "videobroker.storage.postgres.embedded_server.ServerStartError",  # of a process of its own, which reports it
    "videobroker.usecases.calls.rooms._LeaseLost",  # becomes RoomNotReady
    "videobroker.web.fast_path.NotCompilable",  # at startup, for a mistake in the declaration of a route
    "videobroker.web.http.http1_connection._RejectedError",  # carries a BrokerError out of the parser's callbacks
}
"""Exceptions that are not in the catalog, and what happens to them."""
SENTENCE = r"[A-Z`].*\."


def all_modules() -> Iterator[str]:
    """All modules of the service; the sandbox emulates the vendors and has their errors."""
    for module in pkgutil.walk_packages(videobroker.__path__, "videobroker."):
        if not module.name.startswith(("videobroker.sandbox", "videobroker.__main__")):
            yield module.name


def all_exceptions() -> set[type[BaseException]]:
    """Every exception class that a module of the service defines."""
    modules = [importlib.import_module(name) for name in all_modules()]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.__name__
    }


UNCATALOGED = all_exceptions()


def qualified_name(error: type[BaseException]) -> str:
    return f"{error.__module__}.{error.__qualname__}"


def test_every_error_with_its_own_code_is_in_the_catalog() -> None:
    elsewhere = {
        error for error in UNCATALOGED if issubclass(error, BrokerError) and error.__module__ != errors.__name__
    }
    assert elsewhere, "the modules were searched"
    assert {qualified_name(error) for error in elsewhere if "kind" in vars(error)} == set()


def test_other_exceptions_are_handled_before_they_reach_a_caller() -> None:
    assert {qualified_name(error) for error in UNCATALOGED if not issubclass(error, BrokerError)} == INTERNAL


def test_every_error_and_every_access_reason_has_its_own_entry() -> None:
    kinds = [vars(error)["kind"] for error in UNCATALOGED if "kind" in vars(error)]
    codes = [kind.code for kind in kinds] + [reason.value for reason in AccessReason]
    assert sorted(codes) == sorted(CATALOG)


@pytest.mark.parametrize("kind", CATALOG.values(), ids=CATALOG)
def test_an_entry_has_a_code_and_readable_texts(kind: ErrorKind) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)
    assert 400 <= kind.status < 600
    assert re.fullmatch(r"[A-Z][^\n.]*", kind.title)
    assert kind.title.isascii()
    assert re.fullmatch(SENTENCE, kind.hint)
    assert kind.hint.isascii()


def test_a_code_cannot_be_used_twice() -> None:
    with pytest.raises(ValueError, match="session_not_found"):
        errors._kind("session_not_found", 404, "Session not found", "Create it.")
    assert CATALOG["session_not_found"] is SessionNotFound.kind


def test_the_catalog_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOG["session_not_found"] = SessionNotFound.kind  # type: ignore[index]


def test_an_error_has_its_detail_retry_after_and_response_fields() -> None:
    error = BrokerError("Try again later.", retry_after=2.5, scope="join")
    assert str(error) == error.detail == "Try again later."
    assert error.retry_after == 2.5
    assert error.fields == {"scope": "join"}
    assert (error.code, error.status) == ("internal_error", 500)


def test_an_error_without_a_detail_has_the_hint_of_the_catalog() -> None:
    error = SessionNotFound()
    assert error.detail == str(error) == CATALOG["session_not_found"].hint
    assert error.retry_after is None


def test_a_denial_has_the_entry_of_its_reason() -> None:
    decision = RefuseDecision(AccessReason.NOT_A_PARTICIPANT)
    denial = AccessDenied("Add them first.", decision=decision, retry_after=5)
    assert denial.decision == decision
    assert denial.detail == "Add them first."
    assert denial.retry_after == 5
    assert denial.kind is CATALOG["not_a_participant"]
    assert (denial.code, denial.status, denial.kind.title) == ("not_a_participant", 403, "Access denied")


@pytest.mark.parametrize("reason", AccessReason)
def test_an_access_decision_is_explained_by_the_hint_of_its_reason(reason: AccessReason) -> None:
    assert (
        explain_decision(RefuseDecision(reason))
        == explain_decision(WaitDecision(reason, 5, None, None))
        == CATALOG[reason.value].hint
    )
