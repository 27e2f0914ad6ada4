# frozen_string_literal: true

class BookingsController < ApplicationController
  before_action :require_sign_in

  def create
    terms = params.permit(:tutor_id, :starts_at)
    booking = Booking.create!(terms.merge(student_id: current_user_id))
    render json: { id: booking.id }, status: :created
  end

  def confirm
    booking = Booking.find(params[:id])
    return render json: { detail: "Only the tutor can confirm a lesson" }, status: :forbidden unless tutor?(booking)

    Video.register_booking(
      booking.id,
      title: "Lesson",
      starts_at: booking.starts_at,
      duration_minutes: 45,
      participants: [
        { user_id: booking.tutor_id, role: "tutor" },
        { user_id: booking.student_id, role: "student" }
      ]
    )
    booking.update!(status: "confirmed")
    head :no_content
  end

  def cancel
    booking = own_bookings.find(params[:id])
    Video.cancel_booking(booking.id) if booking.status == "confirmed"
    booking.update!(status: "cancelled")
    head :no_content
  end

  def show
    booking = own_bookings.find(params[:id])
    render json: { id: booking.id, status: booking.status, calls: booking.calls.as_json(only: %i[id seconds]) }
  end

  def join
    render json: Video.join(params[:id], current_user_id)
  end

  def link
    render json: Video.create_link(params[:id], current_user_id).slice("url", "ticket")
  end

  private

  def own_bookings
    Booking.where(student_id: current_user_id).or(Booking.where(tutor_id: current_user_id))
  end

  def tutor?(booking)
    booking.tutor_id == current_user_id
  end
end
