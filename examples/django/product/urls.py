from django.urls import path

from lessons import views, webhooks

urlpatterns = [
    path("sign-in", views.sign_in),
    path("bookings", views.request_booking),
    path("bookings/<str:booking_id>", views.show_booking),
    path("bookings/<str:booking_id>/confirm", views.confirm_booking),
    path("bookings/<str:booking_id>/cancel", views.cancel_booking),
    path("bookings/<str:booking_id>/join", views.join),
    path("bookings/<str:booking_id>/link", views.create_link),
    path("webhooks/video", webhooks.receive),
]
