<?php

return [
    'url' => env('VIDEOBROKER_URL'),
    'key' => env('VIDEOBROKER_API_KEY'),
    'webhook_secret' => env('VIDEOBROKER_WEBHOOK_SECRET'),
];
