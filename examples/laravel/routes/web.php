<?php

use App\Http\Controllers\BookingController;
use App\Http\Controllers\SignInController;
use App\Http\Controllers\WebhookController;
use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken;
use Illuminate\Support\Facades\Route;

Route::post('sign-in', SignInController::class)->withoutMiddleware(VerifyCsrfToken::class);

Route::post('bookings', [BookingController::class, 'store']);
Route::get('bookings/{booking}', [BookingController::class, 'show']);
Route::post('bookings/{booking}/confirm', [BookingController::class, 'confirm']);
Route::post('bookings/{booking}/cancel', [BookingController::class, 'cancel']);
Route::post('bookings/{booking}/join', [BookingController::class, 'join']);
Route::post('bookings/{booking}/link', [BookingController::class, 'link']);

// The signature shows who sent it.
Route::post('webhooks/video', WebhookController::class)->withoutMiddleware(VerifyCsrfToken::class);
