<?php

namespace App\Exceptions;

use Exception;
use Illuminate\Http\JsonResponse;
use Throwable;

/** The request can be repeated after `retryAfter` seconds. */
class VideoUnavailable extends Exception
{
    public function __construct(public readonly string $retryAfter, ?Throwable $previous = null)
    {
        parent::__construct("Retry after $retryAfter seconds.", 0, $previous);
    }

    public function render(): JsonResponse
    {
        return response()->json(['detail' => 'Video is unavailable'], 503, ['Retry-After' => $this->retryAfter]);
    }
}
