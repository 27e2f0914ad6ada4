<?php

namespace App\Services;

use App\Exceptions\VideoAccessDenied;
use App\Exceptions\VideoUnavailable;
use DateTimeInterface;
use Illuminate\Http\Client\ConnectionException;
use Illuminate\Support\Facades\Http;

/** The requests that this backend sends to videobroker. */
class Video
{
    private const TIMEOUT_SECONDS = 10;

    /**
     * Create the booking, or replace it. Repeating the request changes nothing.
     *
     * @param list<array{user_id: string, role: string}> $participants
     */
    public function registerBooking(
        string $reference,
        string $title,
        DateTimeInterface $startsAt,
        int $durationMinutes,
        array $participants,
    ): void {
        $this->send('PUT', $reference, '', [
            'title' => $title,
            'status' => 'confirmed',
            'starts_at' => $startsAt->format(DATE_RFC3339),
            'duration_minutes' => $durationMinutes,
            'participants' => $participants,
        ]);
    }

    /** Cancel the booking: no one can join it anymore. */
    public function cancelBooking(string $reference): void
    {
        $this->send('POST', $reference, '/cancel', []);
    }

    /** Join credentials for one person. */
    public function join(string $reference, string $userId): array
    {
        return $this->send('POST', $reference, '/join', ['user_id' => $userId]);
    }

    /** The URL of the hosted page for one person, and its ticket. */
    public function createLink(string $reference, string $userId): array
    {
        return $this->send('POST', $reference, '/links', ['user_id' => $userId]);
    }

    private function send(string $method, string $reference, string $path, array $body): array
    {
        $url = config('videobroker.url') . '/v1/bookings/' . rawurlencode($reference) . $path;
        try {
            $response = Http::withToken(config('videobroker.key'))
                ->timeout(self::TIMEOUT_SECONDS)
                ->withBody(json_encode((object) $body, JSON_THROW_ON_ERROR), 'application/json')
                ->send($method, $url);
        } catch (ConnectionException $exception) {
            throw new VideoUnavailable('5', $exception);
        }
        if (in_array($response->status(), [429, 503], true)) {
            throw new VideoUnavailable($response->header('Retry-After') ?: '5');
        }
        abort_if($response->status() === 404, 404, 'There is no such lesson');
        // Other 403s, such as a missing scope of the key, have no access decision. They are mistakes in the setup.
        if ($response->status() === 403 && $response->json('access') !== null) {
            throw new VideoAccessDenied($response->json('access'));
        }
        return $response->throw()->json();
    }
}
