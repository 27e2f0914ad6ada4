<?php

namespace App\Http\Controllers;

use Illuminate\Http\Request;
use Illuminate\Http\Response;

/** Replace it with your own sign-in. Here, everyone is who they say they are. */
class SignInController
{
    public function __invoke(Request $request): Response
    {
        $request->session()->regenerate();
        $request->session()->put('user_id', (string) $request->input('user_id'));
        // For pages that have no form: send its value as `X-XSRF-TOKEN`.
        $token = cookie('XSRF-TOKEN', csrf_token(), minutes: 120, httpOnly: false);
        return response()->noContent()->withCookie($token);
    }
}
