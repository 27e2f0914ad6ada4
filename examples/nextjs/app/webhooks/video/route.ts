import { Webhook, WebhookVerificationError } from "standardwebhooks";

export async function POST(request: Request) {
  // The body as it was sent: the signature covers its bytes, not the parsed JSON.
  const body = await request.text();
  try {
    new Webhook(process.env.VIDEOBROKER_WEBHOOK_SECRET!).verify(body, Object.fromEntries(request.headers));
  } catch (problem) {
    if (!(problem instanceof WebhookVerificationError)) throw problem;
    return Response.json({ detail: "Invalid signature" }, { status: 400 });
  }
  const event = JSON.parse(body).data;
  // In one transaction of your database: store event.id in a table with a unique key, and apply the event if it is new.
  console.log(event.id, event.type);
  return new Response(null, { status: 204 });
}
