import { session } from "@/lib/session";

export async function POST(request: Request) {
  const current = await session();
  current.userId = String((await request.json()).user_id);
  await current.save();
  return new Response(null, { status: 204 });
}
