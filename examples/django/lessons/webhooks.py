"""Receives the events of videobroker."""

import json
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from standardwebhooks import Webhook, WebhookVerificationError

from lessons.models import Booking, Call, ProcessedEvent

verifier = Webhook(settings.VIDEOBROKER_WEBHOOK_SECRET)


@csrf_exempt  # the signature shows who sent it
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    try:
        # The body as it was sent: the signature covers its bytes, not the parsed JSON.
        verifier.verify(request.body, {name.lower(): value for name, value in request.headers.items()})
    except WebhookVerificationError:
        return JsonResponse({"detail": "Invalid signature"}, status=400)
    with transaction.atomic():
        # Both or neither: if `apply` fails, videobroker sends the event again.
        _, added = ProcessedEvent.objects.get_or_create(id=request.headers["webhook-id"])
        if added:
            apply(json.loads(request.body)["data"])
    return HttpResponse(status=204)


def apply(event: dict[str, Any]) -> None:
    """Write to the database only. Slow work, such as sending mail, belongs in your job queue."""
    if event["type"] == "call.ended":
        call, seconds = event["data"]["call"], event["data"]["duration_seconds"]
        booking = Booking.objects.filter(id=event["session"]["reference"]).first()
        if booking is not None:  # otherwise, it is not one of our bookings
            Call.objects.create(id=call, booking=booking, seconds=seconds)
