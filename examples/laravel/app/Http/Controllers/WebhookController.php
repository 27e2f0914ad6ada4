<?php

namespace App\Http\Controllers;

use App\Models\Booking;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Support\Facades\DB;

/** Receives the events of videobroker. */
class WebhookController
{
    private const TOLERANCE_SECONDS = 300;

    public function __invoke(Request $request): Response
    {
        // The body as it was sent: the signature covers its bytes, not the parsed JSON.
        $body = $request->getContent();
        abort_unless($this->isGenuine($request, $body), 400, 'Invalid signature');
        DB::transaction(function () use ($request, $body) {
            // Both or neither: if `apply` fails, videobroker sends the event again.
            if (DB::table('processed_events')->insertOrIgnore(['id' => $request->header('webhook-id')]) === 1) {
                $this->apply(json_decode($body, associative: true, flags: JSON_THROW_ON_ERROR)['data']);
            }
        });
        return response()->noContent();
    }

    /** Write to the database only. Slow work, such as sending mail, belongs in a queued job. */
    private function apply(array $event): void
    {
        if ($event['type'] === 'call.ended') {
            // Null if this is not one of our bookings.
            Booking::find($event['session']['reference'])?->calls()->create([
                'id' => $event['data']['call'],
                'seconds' => $event['data']['duration_seconds'],
            ]);
        }
    }

    /** Whether videobroker sent this body, not longer than five minutes ago. */
    private function isGenuine(Request $request, string $body): bool
    {
        $id = $request->header('webhook-id', '');
        $timestamp = $request->header('webhook-timestamp', '');
        if (! ctype_digit($timestamp) || abs(time() - (int) $timestamp) > self::TOLERANCE_SECONDS) {
            return false;
        }
        $key = base64_decode(substr(config('videobroker.webhook_secret'), strlen('whsec_')));
        $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (explode(' ', $request->header('webhook-signature', '')) as $signature) {
            if (hash_equals($expected, $signature)) {
                return true;
            }
        }
        return false;
    }
}
