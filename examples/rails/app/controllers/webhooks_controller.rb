# frozen_string_literal: true

# Receives the events of videobroker.
class WebhooksController < ApplicationController
  TOLERANCE_SECONDS = 300

  skip_forgery_protection # the signature shows who sent it

  def receive
    # The body as it was sent: the signature covers its bytes, not the parsed JSON.
    body = request.raw_post
    return render json: { detail: "Invalid signature" }, status: :bad_request unless genuine?(body)

    ActiveRecord::Base.transaction do
      # Both or neither: if `apply` fails, videobroker sends the event again.
      event = ProcessedEvent.create_or_find_by!(id: request.headers["webhook-id"])
      apply(JSON.parse(body).fetch("data")) if event.previously_new_record?
    end
    head :no_content
  end

  private

  # Writes to the database only. Slow work, such as sending mail, belongs in a job.
  def apply(event)
    return unless event["type"] == "call.ended"

    call, seconds = event.fetch("data").values_at("call", "duration_seconds")
    booking = Booking.find_by(id: event.dig("session", "reference"))
    booking&.calls&.create!(id: call, seconds: seconds) # otherwise, it is not one of our bookings
  end

  # Whether videobroker sent this body, not longer than five minutes ago.
  def genuine?(body)
    id, timestamp, signatures = %w[id timestamp signature].map { |name| request.headers["webhook-#{name}"].to_s }
    return false unless timestamp.match?(/\A\d+\z/) && (Time.now.to_i - timestamp.to_i).abs <= TOLERANCE_SECONDS

    key = Base64.decode64(ENV.fetch("VIDEOBROKER_WEBHOOK_SECRET").delete_prefix("whsec_"))
    expected = "v1,#{Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.#{body}"))}"
    signatures.split.any? { |signature| ActiveSupport::SecurityUtils.secure_compare(expected, signature) }
  end
end
