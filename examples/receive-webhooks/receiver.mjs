import { createServer } from "node:http";

import { Webhook, WebhookVerificationError } from "standardwebhooks";

const verifier = new Webhook(process.env.VIDEOBROKER_WEBHOOK_SECRET);

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  try {
    verifier.verify(body, request.headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    response.writeHead(400).end();
    return;
  }
  const event = JSON.parse(body).data;
  console.log(event.id, event.type);
  response.writeHead(204).end();
}).listen(process.env.PORT ?? 3000, "127.0.0.1");
