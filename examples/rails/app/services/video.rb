# frozen_string_literal: true

require "net/http"

# The requests that this backend sends to videobroker.
module Video
  # This person has to wait, or is refused. `access` has the decision and the reason.
  class AccessDenied < StandardError
    attr_reader :access

    def initialize(access)
      super(access.fetch("reason"))
      @access = access
    end
  end

  # The booking is not registered.
  class BookingNotFound < StandardError; end

  # The request can be repeated after `retry_after` seconds.
  class Unavailable < StandardError
    attr_reader :retry_after

    def initialize(retry_after = "5")
      super("Retry after #{retry_after} seconds.")
      @retry_after = retry_after
    end
  end

  TIMEOUT_SECONDS = 10
  NETWORK_ERRORS = [SystemCallError, SocketError, Timeout::Error, EOFError, OpenSSL::SSL::SSLError].freeze

  module_function

  # Creates the booking, or replaces it. Repeating the request changes nothing.
  def register_booking(reference, title:, starts_at:, duration_minutes:, participants:)
    send_request(:Put, reference, "", {
      title: title,
      status: "confirmed",
      starts_at: starts_at.utc.iso8601,
      duration_minutes: duration_minutes,
      participants: participants
    })
  end

  # Cancels the booking: no one can join it anymore.
  def cancel_booking(reference)
    send_request(:Post, reference, "/cancel", {})
  end

  # Join credentials for one person.
  def join(reference, user_id)
    send_request(:Post, reference, "/join", { user_id: user_id })
  end

  # The URL of the hosted page for one person, and its ticket.
  def create_link(reference, user_id)
    send_request(:Post, reference, "/links", { user_id: user_id })
  end

  def send_request(verb, reference, path, body)
    uri = URI("#{ENV.fetch("VIDEOBROKER_URL")}/v1/bookings/#{ERB::Util.url_encode(reference)}#{path}")
    headers = { "Authorization" => "Bearer #{ENV.fetch("VIDEOBROKER_API_KEY")}", "Content-Type" => "application/json" }
    request = Net::HTTP.const_get(verb).new(uri, headers)
    request.body = body.to_json
    options = { use_ssl: uri.scheme == "https", open_timeout: TIMEOUT_SECONDS, read_timeout: TIMEOUT_SECONDS }
    parse(Net::HTTP.start(uri.host, uri.port, **options) { |http| http.request(request) })
  rescue *NETWORK_ERRORS
    raise Unavailable
  end

  def parse(response)
    status = response.code.to_i
    raise Unavailable, response["Retry-After"] || "5" if [429, 503].include?(status)
    raise BookingNotFound if status == 404

    answer = JSON.parse(response.body)
    # Other 403s, such as a missing scope of the key, have no access decision. They are mistakes in the setup.
    raise AccessDenied, answer["access"] if status == 403 && answer["access"]
    raise "videobroker: #{status} #{answer["code"]}: #{answer["detail"]}" unless response.is_a?(Net::HTTPSuccess)

    answer
  end

  private_class_method :send_request, :parse
end
