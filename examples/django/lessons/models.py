from uuid import uuid4

from django.db import models


def new_id() -> str:
    return str(uuid4())


class Booking(models.Model):
    id = models.CharField(primary_key=True, max_length=36, default=new_id)
    student_id = models.CharField(max_length=128)
    tutor_id = models.CharField(max_length=128)
    starts_at = models.DateTimeField()
    status = models.CharField(max_length=16, default="requested")


class Call(models.Model):
    id = models.UUIDField(primary_key=True)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="calls")
    seconds = models.PositiveIntegerField()


class ProcessedEvent(models.Model):
    id = models.CharField(primary_key=True, max_length=64)
