"""Turns the errors of `video` into responses, for all views."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from lessons import video


class VideoErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse | None:
        match error:
            case video.AccessDenied():
                return JsonResponse(error.access, status=403)
            case video.BookingNotFound():
                return JsonResponse({"detail": "There is no such lesson"}, status=404)
            case video.VideoUnavailable():
                headers = {"Retry-After": error.retry_after}
                return JsonResponse({"detail": "Video is unavailable"}, status=503, headers=headers)
        return None
