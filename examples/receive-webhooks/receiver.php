<?php

declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

/** Whether videobroker sent this body, not longer than five minutes ago. */
function is_genuine(string $secret, string $body, string $id, string $timestamp, string $signatures): bool
{
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input');
$genuine = is_genuine(
    getenv('VIDEOBROKER_WEBHOOK_SECRET'),
    $body,
    $_SERVER['HTTP_WEBHOOK_ID'] ?? '',
    $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '',
    $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '',
);
if (!$genuine) {
    http_response_code(400);
    exit;
}
$event = json_decode($body, associative: true, flags: JSON_THROW_ON_ERROR)['data'];
error_log("{$event['id']} {$event['type']}");
http_response_code(204);
