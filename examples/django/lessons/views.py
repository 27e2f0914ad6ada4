import json
from collections.abc import Callable
from functools import wraps

from django.contrib.auth import get_user_model, login
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from lessons import video
from lessons.models import Booking

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Like `login_required`, for requests of scripts: a 401 instead of a page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"detail": "Sign in first"}, status=401)
        return view(request, *args, **kwargs)

    return guarded


@csrf_exempt
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Replace it with your own sign-in. Here, everyone is who they say they are."""
    user, _ = get_user_model().objects.get_or_create(username=json.loads(request.body)["user_id"])
    login(request, user)
    get_token(request)  # sets the cookie `csrftoken`: send its value as `X-CSRFToken`
    return HttpResponse(status=204)


# --- Your bookings ---


@require_POST
@signed_in
def request_booking(request: HttpRequest) -> HttpResponse:
    body = json.loads(request.body)
    starts_at = parse_datetime(body["starts_at"])
    if starts_at is None or starts_at.tzinfo is None:
        return JsonResponse({"detail": "Send starts_at with a time zone"}, status=422)
    student_id = request.user.get_username()
    booking = Booking.objects.create(student_id=student_id, tutor_id=body["tutor_id"], starts_at=starts_at)
    return JsonResponse({"id": booking.id}, status=201)


@require_POST
@signed_in
def confirm_booking(request: HttpRequest, booking_id: str) -> HttpResponse:
    booking = get_object_or_404(Booking, id=booking_id)
    if booking.tutor_id != request.user.get_username():
        return JsonResponse({"detail": "Only the tutor can confirm a lesson"}, status=403)
    video.register_booking(
        booking.id,
        title="Lesson",
        starts_at=booking.starts_at,
        duration_minutes=45,
        participants=[
            {"user_id": booking.tutor_id, "role": "tutor"},
            {"user_id": booking.student_id, "role": "student"},
        ],
    )
    booking.status = "confirmed"
    booking.save(update_fields=["status"])
    return HttpResponse(status=204)


@require_POST
@signed_in
def cancel_booking(request: HttpRequest, booking_id: str) -> HttpResponse:
    booking = get_object_or_404(own_bookings(request), id=booking_id)
    if booking.status == "confirmed":
        video.cancel_booking(booking.id)
    booking.status = "cancelled"
    booking.save(update_fields=["status"])
    return HttpResponse(status=204)


@require_GET
@signed_in
def show_booking(request: HttpRequest, booking_id: str) -> HttpResponse:
    booking = get_object_or_404(own_bookings(request), id=booking_id)
    calls = list(booking.calls.values("id", "seconds"))
    return JsonResponse({"id": booking.id, "status": booking.status, "calls": calls})


def own_bookings(request: HttpRequest) -> QuerySet[Booking]:
    user_id = request.user.get_username()
    return Booking.objects.filter(Q(student_id=user_id) | Q(tutor_id=user_id))


# --- Video ---


@require_POST
@signed_in
def join(request: HttpRequest, booking_id: str) -> HttpResponse:
    return JsonResponse(video.join(booking_id, request.user.get_username()))


@require_POST
@signed_in
def create_link(request: HttpRequest, booking_id: str) -> HttpResponse:
    link = video.create_link(booking_id, request.user.get_username())
    return JsonResponse({"url": link["url"], "ticket": link["ticket"]})
