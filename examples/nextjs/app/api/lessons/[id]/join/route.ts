import { session } from "@/lib/session";
import { AccessDenied, BookingNotFound, join, VideoUnavailable } from "@/lib/video";

export async function POST(_: Request, { params }: { params: Promise<{ id: string }> }) {
  const [{ id }, { userId }] = await Promise.all([params, session()]);
  if (!userId) return Response.json({ detail: "Sign in first" }, { status: 401 });
  try {
    return Response.json(await join(id, userId));
  } catch (problem) {
    if (problem instanceof AccessDenied) return Response.json(problem.access, { status: 403 });
    if (problem instanceof BookingNotFound) return Response.json({ detail: "There is no such lesson" }, { status: 404 });
    if (!(problem instanceof VideoUnavailable)) throw problem;
    const headers = { "Retry-After": problem.retryAfter };
    return Response.json({ detail: "Video is unavailable" }, { status: 503, headers });
  }
}
