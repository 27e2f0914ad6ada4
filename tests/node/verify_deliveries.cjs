// The JavaScript library of Standard Webhooks against deliveries as they came over the wire. Reads one JSON list of
// { secret, headers, body } and prints one of { verified } or { refused }, in the same order.
const { Webhook } = require("standardwebhooks");

function verdict({ secret, headers, body }) {
  try {
    return { verified: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    return { refused: error.message };
  }
}

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => process.stdout.write(JSON.stringify(JSON.parse(text).map(verdict))));
