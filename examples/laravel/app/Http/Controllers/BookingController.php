<?php

namespace App\Http\Controllers;

use App\Models\Booking;
use App\Services\Video;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Support\Carbon;
use Illuminate\Support\Str;

class BookingController
{
    public function __construct(private readonly Video $video)
    {
    }

    public function store(Request $request): JsonResponse
    {
        $terms = $request->validate(['tutor_id' => 'required|string', 'starts_at' => 'required|date']);
        $booking = Booking::create([
            'id' => (string) Str::uuid(),
            'student_id' => $this->userId($request),
            'tutor_id' => $terms['tutor_id'],
            'starts_at' => Carbon::parse($terms['starts_at'])->utc(),
        ]);
        return response()->json(['id' => $booking->id], 201);
    }

    public function confirm(Request $request, Booking $booking): Response
    {
        abort_if($booking->tutor_id !== $this->userId($request), 403, 'Only the tutor can confirm a lesson');
        $this->video->registerBooking($booking->id, 'Lesson', $booking->starts_at, 45, [
            ['user_id' => $booking->tutor_id, 'role' => 'tutor'],
            ['user_id' => $booking->student_id, 'role' => 'student'],
        ]);
        $booking->update(['status' => 'confirmed']);
        return response()->noContent();
    }

    public function cancel(Request $request, Booking $booking): Response
    {
        $this->requireOwn($request, $booking);
        if ($booking->status === 'confirmed') {
            $this->video->cancelBooking($booking->id);
        }
        $booking->update(['status' => 'cancelled']);
        return response()->noContent();
    }

    public function show(Request $request, Booking $booking): JsonResponse
    {
        $this->requireOwn($request, $booking);
        $calls = $booking->calls()->get(['id', 'seconds']);
        return response()->json(['id' => $booking->id, 'status' => $booking->status, 'calls' => $calls]);
    }

    public function join(Request $request, Booking $booking): JsonResponse
    {
        return response()->json($this->video->join($booking->id, $this->userId($request)));
    }

    public function link(Request $request, Booking $booking): JsonResponse
    {
        $link = $this->video->createLink($booking->id, $this->userId($request));
        return response()->json(['url' => $link['url'], 'ticket' => $link['ticket']]);
    }

    private function requireOwn(Request $request, Booking $booking): void
    {
        $people = [$booking->student_id, $booking->tutor_id];
        abort_unless(in_array($this->userId($request), $people, true), 404, 'There is no such lesson');
    }

    /** The user who is signed in. With Laravel's own authentication: `(string) $request->user()->id`. */
    private function userId(Request $request): string
    {
        return $request->session()->get('user_id') ?? abort(401, 'Sign in first');
    }
}
