// Verifies received deliveries with the JavaScript library of Standard Webhooks. Reads a JSON list of
// { secret, headers, body }, and prints a list of { verified } or { refused } in the same order.
const { Webhook } = require("standardwebhooks");

function verify({ secret, headers, body }) {
  try {
    return { verified: new Webhook(secret).verify(body, headers) };
  } catch (error) {
    return { refused: error.message };
  }
}

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (text += part));
process.stdin.on("end", () => process.stdout.write(JSON.stringify(JSON.parse(text).map(verify))));
