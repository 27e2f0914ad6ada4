<?php

namespace App\Exceptions;

use Exception;
use Illuminate\Http\JsonResponse;

/** This person has to wait, or is refused. */
class VideoAccessDenied extends Exception
{
    /** @param array<string, mixed> $access the decision and its reason */
    public function __construct(public readonly array $access)
    {
        parent::__construct($access['reason']);
    }

    public function render(): JsonResponse
    {
        return response()->json($this->access, 403);
    }

    /** A decision is not a failure: nothing is logged. */
    public function report(): bool
    {
        return true;
    }
}
