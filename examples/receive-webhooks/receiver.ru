# frozen_string_literal: true

require "json"
require "openssl"
require "rack/utils"

TOLERANCE_SECONDS = 300

# Whether videobroker sent this body, not longer than five minutes ago.
def genuine?(secret, body, id, timestamp, signatures)
  return false unless timestamp.match?(/\A\d+\z/) && (Time.now.to_i - timestamp.to_i).abs <= TOLERANCE_SECONDS

  key = secret.delete_prefix("whsec_").unpack1("m")
  expected = "v1,#{[OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.#{body}")].pack("m0")}"
  signatures.split.any? { |signature| Rack::Utils.secure_compare(expected, signature) }
end

run(lambda do |env|
  body = (env["rack.input"]&.read).to_s
  id, timestamp, signatures = %w[ID TIMESTAMP SIGNATURE].map { |name| env.fetch("HTTP_WEBHOOK_#{name}", "") }
  next [400, {}, []] unless genuine?(ENV.fetch("VIDEOBROKER_WEBHOOK_SECRET"), body, id, timestamp, signatures)

  event = JSON.parse(body).fetch("data")
  warn "#{event["id"]} #{event["type"]}"
  [204, {}, []]
end)
